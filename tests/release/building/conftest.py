"""What the tests of builds share: the sealed project, built twice."""

from __future__ import annotations

import pytest

from building import BUILD, Bench, Twice
from customhouse.release.building.python import BuildPython
from sealed_project import write_sealed_project


@pytest.fixture(scope="session")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Twice:
    folder = tmp_path_factory.mktemp("sealed")
    project = write_sealed_project(folder / "sealed", folder / "wheelhouse")
    place = {"wheelhouse": str(project.wheelhouse)}
    bench = Bench(folder / "run", project.folder, project.commit, {"ci": place, "ci-b": place})
    first = bench.run(BUILD)
    return Twice(bench, project, first, BuildPython().do(first), BuildPython().do(bench.run(BUILD, rebuilder=True)))
