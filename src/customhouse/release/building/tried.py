"""Cells for tests: an environment with what was installed, and a copy of the commit's tree to run in."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from customhouse.release.actions import StepRun
from customhouse.release.building.build import variables
from customhouse.release.building.isolation import Cell, Copied
from customhouse.release.building.outputs import place_bytes
from customhouse.release.building.pythons import Python
from customhouse.release.building.source_tree import SourceTree
from customhouse.release.building.variation import A, varied

_SOURCE, _WORK = "/given/source", "/build/tests"
_SCRATCH_BYTES = 8 * 2**30


def cell_for_tests(
    run: StepRun, python: Python, program: Path, tree: SourceTree, folder: Path, *, without: Sequence[str] = (),
    given: Mapping[str, Path] | None = None,
) -> Cell:  # fmt: skip
    """A cell whose work folder is a copy of the tree, less the top-level names ``without``."""
    source = folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    tree.write(source)
    for name in without:
        path = source / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    home = program.parent.parent
    return varied(
        Cell(
            _WORK,
            env=variables(A, tree.epoch, program),
            readable={_SOURCE: source, str(home): home, **(given or {})},
            scratch=(_WORK,),
            copies=(Copied(_SOURCE, _WORK),),
            python=python.path,
            seconds=run.step.timeout.total_seconds(),
            scratch_bytes=place_bytes(run.places.get(run.step.env, {}), "scratch_mib", _SCRATCH_BYTES),
        ),
        A,
    )
