"""Builds and tests by the project's own programs, and its documentation."""

from __future__ import annotations

import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from building import BUILD, Bench
from customhouse.formats.pipeline.model import Artifact
from customhouse.release.actions import Problem
from customhouse.release.building.docs import BuildDocs
from customhouse.release.building.program import BuildProgram
from customhouse.release.building.test_program import TestProgram
from installed_wheels import lock_of_installed
from sealed_project import commit_all
from tiny_project import write_tiny_project

pytestmark = pytest.mark.slow
SOURCES = (
    Artifact("commit", "git-commit"),
    Artifact("src", "files", names=("demo-1.0.0.tgz", "demo-1.0.0.tar.xz"), reproducible=True),
    Artifact("dists", "files"),
    Artifact("docs", "files", names=("demo-1.0.0-docs.tar.bz2",), reproducible=True),
)
EXPORT = """\
import os, shutil, tarfile
os.mkdir("dist")
names = os.listdir(".")
for name, mode in (("demo-1.0.0.tgz", "w:gz"), ("demo-1.0.0.tar.xz", "w:xz")):
    with tarfile.open("dist/" + name, mode) as archive:
        for one in names:
            if one != "dist":
                archive.add(one, "demo-1.0.0/" + one)
"""
STEP = replace(BUILD, uses="build.exec", outputs=("src",), run=("python3", "export.py"), options={})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    project = write_tiny_project(tmp_path / "tiny", more={"export.py": EXPORT})
    return Bench(tmp_path / "run", project.folder, project.commit)


def test_tarballs_of_a_program_are_the_same_elsewhere(bench: Bench, tmp_path: Path) -> None:
    one = BuildProgram().do(bench.run(STEP, artifacts=SOURCES))
    other = BuildProgram().do(bench.run(STEP, artifacts=SOURCES, rebuilder=True))
    assert [thing.name for thing in one.outputs["src"]] == ["demo-1.0.0.tar.xz", "demo-1.0.0.tgz"]
    assert one.outputs == other.outputs
    with tarfile.open(bench.store.fetch(one.outputs["src"][0], tmp_path)) as archive:
        assert "demo-1.0.0/backend.py" in archive.getnames()


def test_as_the_program_wrote_them_they_differ(bench: Bench) -> None:
    raw = replace(STEP, options={"repack": False})
    one = BuildProgram().do(bench.run(raw, artifacts=SOURCES))
    other = BuildProgram().do(bench.run(raw, artifacts=SOURCES, rebuilder=True))
    assert one.outputs != other.outputs


def test_what_a_program_does_not_make_is_missed(bench: Bench) -> None:
    step = replace(STEP, run=("python3", "-c", "open('demo-1.0.0.tgz.txt', 'w')"))
    with pytest.raises(Problem, match=r"the step made nothing; expected demo-1.0.0.tgz, demo-1.0.0.tar.xz"):
        BuildProgram().do(bench.run(step, artifacts=SOURCES))


def test_a_program_that_fails_is_quoted(bench: Bench) -> None:
    step = replace(STEP, run=("python3", "-c", "import sys; sys.exit('no luck')"))
    with pytest.raises(Problem, match="python3 ended with 1: no luck"):
        BuildProgram().do(bench.run(step, artifacts=SOURCES))


def test_a_program_that_is_not_there_is_named(bench: Bench) -> None:
    with pytest.raises(Problem, match=r"autoconf-2\.99: No such file or directory"):
        BuildProgram().do(bench.run(replace(STEP, run=("autoconf-2.99",)), artifacts=SOURCES))


def test_a_program_tests_what_was_built(bench: Bench) -> None:
    made = bench.folder / "made" / "demo-1.0.0.txt"
    made.parent.mkdir(parents=True)
    made.write_text("built")
    step = replace(
        STEP, uses="test.exec", inputs=("commit", "dists"), outputs=(), rebuild=None,
        run=("python", "-c", "import os, sys; print(open('/given/in/dists/demo-1.0.0.txt').read(), os.path.exists('backend.py'))"),
    )  # fmt: skip
    run = bench.run(step, artifacts=SOURCES, outputs={"dists": (bench.store.put(made),)})
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert TestProgram().do(run).facts[f"test.{tag}.said"] == "built True"
    failing = replace(step, run=("python", "-c", "assert False, 'broken'"))
    with pytest.raises(Problem, match="broken") as caught:
        TestProgram().do(bench.run(failing, artifacts=SOURCES, outputs={"dists": (bench.store.put(made),)}))
    assert caught.value.code == "tests-failed"


@pytest.mark.prove
def test_documentation_is_the_same_elsewhere(tmp_path: Path) -> None:
    wheelhouse = tmp_path / "wheelhouse"
    lock = lock_of_installed("sphinx", wheelhouse)
    conf = "project = 'demo'\nhtml_theme = 'alabaster'\ntoday_fmt = '%Y-%m-%d'\n"
    project = write_tiny_project(
        tmp_path / "tiny",
        more={
            "docs/conf.py": conf,
            "docs/index.rst": "Demo\n====\n\nWords of |today|.\n",
            "requirements/docs.txt": lock,
        },
    )
    place = {"wheelhouse": str(wheelhouse)}
    bench = Bench(tmp_path / "run", project.folder, project.commit, {"ci": place, "ci-b": place})
    step = replace(STEP, uses="build.docs", outputs=("docs",), run=(), options={"requires": "requirements/docs.txt"})
    one = BuildDocs().do(bench.run(step, artifacts=SOURCES))
    other = BuildDocs().do(bench.run(step, artifacts=SOURCES, rebuilder=True))
    assert one.outputs == other.outputs
    with tarfile.open(bench.store.fetch(one.outputs["docs"][0], tmp_path)) as archive:
        assert "demo-1.0.0-docs/index.html" in archive.getnames()
        page = archive.extractfile("demo-1.0.0-docs/index.html")
        assert page is not None
        assert b"2026-01-02" in page.read()  # the commit's day


def test_documentation_without_sphinx_in_a_lock_says_so(bench: Bench) -> None:
    (bench.repository / "docs").mkdir()
    (bench.repository / "docs/conf.py").write_text("")
    bench.commit = commit_all(bench.repository, "docs")
    step = replace(STEP, uses="build.docs", outputs=("docs",), run=())
    with pytest.raises(Problem, match="nothing says which Sphinx builds it"):
        BuildDocs().do(bench.run(step, artifacts=SOURCES))
