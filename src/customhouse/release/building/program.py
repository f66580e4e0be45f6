"""``build.exec``: a program of the project builds, shut in like any build; the files that it was to make are taken.

The work folder is a copy of the commit's tree; files that come in lie in ``/given/in/ARTIFACT/``. ``produces`` says
which files are taken, as patterns below the work folder; without it, those are taken that have a name of the step's
artifacts, in the work folder or in ``dist``. Archives are read strictly and written anew, unless ``repack`` is false.

Options: ``produces``, ``requires`` (a lock; its wheels are installed and on the path), ``epoch``, ``repack``, ``tools``
(for the check ``tools-pinned``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from customhouse.formats.filenames import WheelName, parse_filename
from customhouse.formats.inspection import Limits
from customhouse.formats.wheel import inspect_wheel
from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.building.archives import TARBALLS, walk_archive
from customhouse.release.building.build import OUT, Build, cell_of, environment, facts_of, prepare
from customhouse.release.building.isolation import run_in
from customhouse.release.building.outputs import declared, keep, kept, option_flag, option_paths
from customhouse.release.building.repack import repack_tar, repack_wheel
from customhouse.terms.errors import Rejected

_CARRY, _IN = "/given/carry.py", "/given/in"


class BuildProgram:
    """See the module."""

    def do(self, run: StepRun) -> Outcome:
        """Run it, and take what it made."""
        if not run.step.run:
            raise Problem("option", "the step has no program", 'run = ["PROGRAM", …]', place=f"step {run.step.id}")
        build = prepare(run)
        made = run_and_carry(build, run.step.run, produced(run))
        if option_flag(run, "repack", otherwise=True):
            made = [repacked(build, path) for path in made]
        return keep(run, Outcome(declared(run, made), facts_of(build)))

    def probe(self, run: StepRun) -> Outcome | None:
        """A build that came to its end left a note."""
        return kept(run)

    def undo(self, run: StepRun) -> str:
        """Nothing: a build changes nothing outside its folder and the store."""
        del run
        return "nothing to undo"


def produced(run: StepRun) -> tuple[str, ...]:
    """The patterns of the files that are taken."""
    if found := option_paths(run, "produces"):
        return found
    names = [pattern for name in run.step.outputs for pattern in run.pipeline.artifact(name).names]
    return tuple(f"{folder}{name}" for name in names for folder in ("", "dist/"))


def run_and_carry(build: Build, argv: Sequence[str], patterns: Sequence[str]) -> list[Path]:
    """Run a program in the tree and take the files that fit; raises `Problem` ``build-failed``."""
    run = build.run
    program = environment(build, build.pythons[0])
    out = run.folder / "raw" / "out"
    out.mkdir(parents=True)
    given = {_CARRY: Path(__file__).with_name("carry.py")}
    for name, things in run.inputs.items():
        if any(thing.algorithm == "sha256" for thing in things):
            folder = run.folder / "in" / name
            run.fetch(name, folder)
            given[f"{_IN}/{name}"] = folder
    cell = cell_of(build, build.source, out, program, given)
    run.tell(f"running {argv[0]} ({build.how.name})")
    ran = run_in(
        cell,
        [str(build.pythons[0].path), "-I", _CARRY, OUT, json.dumps(list(patterns)), *argv],
        run.children,
        run.folder,
    )
    if not ran.ok:
        raise Problem(
            "build-failed", f"{argv[0]} ended with {ran.code}: {ran.tail[-1500:]}", "0", place=run.step.env,
            next_step="The build has no network and sees only the commit, the system and what the lock names.",
        )  # fmt: skip
    return sorted(path for path in out.iterdir() if path.is_file() and not path.is_symlink())


def repacked(build: Build, path: Path) -> Path:
    """An archive written anew, once the strict reader has passed it; any other file as it is."""
    target = build.run.folder / "dist" / path.name
    target.parent.mkdir(exist_ok=True)
    try:
        if path.name.endswith(".whl"):
            name = parse_filename(path.name)
            if isinstance(name, WheelName):
                with path.open("rb") as file:
                    inspect_wheel(file, name, Limits())
            repack_wheel(path, target, build.epoch)
        elif path.name.endswith(TARBALLS):
            walk_archive(path, lambda _name: 0, build.run.folder)
            repack_tar(path, target, build.epoch)
        else:
            return path
    except Rejected as error:
        raise Problem(
            "bad-archive",
            f"what was built is not sound: {error}",
            "an archive that all readers read alike",
            place=path.name,
        ) from error
    return target
