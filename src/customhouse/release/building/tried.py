"""Tests in cells: an environment with what was installed, a copy of the commit's tree to run in, and what they say."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from customhouse.formats.plain import plain
from customhouse.release.actions import Problem, StepRun
from customhouse.release.building.build import SCRATCH_BYTES, variables
from customhouse.release.building.isolation import Cell, Copied, run_in
from customhouse.release.building.outputs import place_bytes
from customhouse.release.building.pythons import Python
from customhouse.release.building.source_tree import SourceTree
from customhouse.release.building.variation import A, varied

_SOURCE, _WORK = "/given/source", "/build/tests"
TEST_LOCK = "requirements/test.txt"
"""Where the lock of what tests need is looked for when the step names none."""


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
            scratch_bytes=place_bytes(run.places.get(run.step.env, {}), "scratch_mib", SCRATCH_BYTES),
        ),
        A,
    )


def passed(run: StepRun, cell: Cell, argv: Sequence[str], python: Python, of: str = "") -> dict[str, str]:
    """Run the tests and say that they passed, as facts; raises `Problem` ``tests-failed`` with what they said last."""
    ran = run_in(cell, argv, run.children, run.folder)
    if not ran.ok:
        raise Problem(
            "tests-failed", f"{argv[0]} ended with {ran.code}: {ran.tail[-1500:]}", "0",
            place=f"{of} on Python {python.version}" if of else f"Python {python.version}",
        )  # fmt: skip
    lines = [line for line in f"{ran.out}\n{ran.err}".splitlines() if line.strip()]
    return {
        f"test.{python.tag}": f"passed in {ran.seconds:.1f} s on Python {python.version}",
        f"test.{python.tag}.said": plain(" ".join(lines[-3:]), 200),
    }
