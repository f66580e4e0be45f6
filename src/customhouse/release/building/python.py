"""``build.python``: sdist and wheels from the commit alone, without a network, the same bytes wherever it is done.

The commit's tree is taken by its digest; what the build needs is locked by hash and fetched before; the backend runs in
a cell whose surroundings differ for each builder (`variation.py`). The wheel is built from the sdist that is released,
not from the tree, so that both hold the same source. Both are written anew (`repack.py`).

Options: ``requires`` (the lock, a path in the commit), ``sdist`` and ``wheel`` (false: not that one),
``epoch`` (seconds, not the commit's), ``pythons`` (a wheel for each). Settings of the place: ``python``, ``index``,
``wheelhouse``, ``scratch_mib``.

Sources: PEP 517, PEP 518, PEP 625, PEP 427; reproducible-builds.org (SOURCE_DATE_EPOCH, -ffile-prefix-map).
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from customhouse.formats.filenames import SdistName, WheelName, parse_filename
from customhouse.formats.inspection import Limits
from customhouse.formats.sdist import inspect_sdist
from customhouse.formats.wheel import inspect_wheel
from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.building.build import OUT, Build, cell_of, environment, facts_of, prepare
from customhouse.release.building.isolation import run_in
from customhouse.release.building.outputs import declared, keep, kept, option_flag
from customhouse.release.building.pythons import Python
from customhouse.release.building.repack import repack_sdist, repack_wheel
from customhouse.release.building.wheels import Lock
from customhouse.terms.errors import Rejected

_LEGACY = "setuptools.build_meta:__legacy__"
_BACKEND = "/given/backend.py"
_Name = TypeVar("_Name", SdistName, WheelName)


class BuildPython:
    """See the module."""

    def do(self, run: StepRun) -> Outcome:
        """Build, repack, and put the files into the store."""
        build = prepare(run)
        files: list[Path] = []
        sdist = _sdist(build)
        if option_flag(run, "sdist", otherwise=True):
            files.append(sdist)
        if option_flag(run, "wheel", otherwise=True):
            files += _wheels(build, sdist)
        return keep(run, Outcome(declared(run, files), facts_of(build)))

    def probe(self, run: StepRun) -> Outcome | None:
        """A build that came to its end left a note; one that did not left nothing that counts."""
        return kept(run)

    def undo(self, run: StepRun) -> str:
        """Nothing: a build changes nothing outside its folder and the store."""
        del run
        return "nothing to undo"


def _sdist(build: Build) -> Path:
    raw = built(build, "sdist", build.pythons[0], build.source)
    name = _named(raw, SdistName)
    try:
        with raw.open("rb") as file:
            inspect_sdist(file, name, Limits())
    except Rejected as error:
        raise _unsound(raw, error) from error
    made = build.run.folder / "dist" / raw.name
    made.parent.mkdir(exist_ok=True)
    repack_sdist(raw, made, build.epoch)
    return made


def _wheels(build: Build, sdist: Path) -> list[Path]:
    unpacked = unpack(sdist, build.run.folder / "unpacked")
    found: list[Path] = []
    for python in build.pythons:
        raw = built(build, "wheel", python, unpacked)
        name = _named(raw, WheelName)
        try:
            with raw.open("rb") as file:
                inspect_wheel(file, name, Limits())
        except Rejected as error:
            raise _unsound(raw, error) from error
        made = build.run.folder / "dist" / raw.name
        again = made.with_suffix(".again")
        repack_wheel(raw, again, build.epoch)
        if made.exists() and again.read_bytes() != made.read_bytes():
            # A wheel that is for every Python, and is not the same from each.
            raise Problem(
                "python-dependent", f"Python {python.version} makes another {made.name} than the Python before it",
                "the same bytes", place=made.name, next_step="Build it with one Python, or give it tags of its own.",
            )  # fmt: skip
        again.replace(made)
        found = [*(path for path in found if path != made), made]
    return found


def _named(path: Path, kind: type[_Name]) -> _Name:
    try:
        name = parse_filename(path.name)
    except Rejected as error:
        raise _unsound(path, error) from error
    if not isinstance(name, kind):
        raise Problem("bad-archive", f"the backend made {path.name}", "an sdist (.tar.gz) and a wheel", place="build")
    return name


def _unsound(path: Path, error: Rejected) -> Problem:
    return Problem(
        "bad-archive", f"what the backend made is not sound: {error}", "an archive that all readers read alike",
        place=path.name,
    )  # fmt: skip


def built(build: Build, what: str, python: Python, source: Path) -> Path:
    """Let the backend make one file of it, shut in."""
    run, how = build.run, build.how
    program = environment(build, python)
    out = run.folder / "raw" / f"{what}-{python.tag}"
    out.mkdir(parents=True)
    reference, paths = backend_of(source, build.lock)
    run.tell(f"building the {what} for Python {python.version} ({how.name})")
    cell = cell_of(build, source, out, program, {_BACKEND: Path(__file__).with_name("backend.py")})
    ran = run_in(
        cell, [str(program), "-s", _BACKEND, what, how.folder, OUT, reference, *paths], run.children, run.folder
    )
    if not ran.ok:
        raise Problem(
            "build-failed", f"the backend {reference} made no {what}: {ran.tail[-1500:]}", "a file", place=run.step.env,
            next_step="The build has no network and sees only what the lock names: is something missing there?",
        )  # fmt: skip
    made = sorted(out.iterdir())
    if len(made) != 1 or not made[0].is_file() or made[0].is_symlink():
        raise Problem("build-failed", f"the backend made {', '.join(p.name for p in made) or 'nothing'}", f"one {what}")
    return made[0]


def backend_of(source: Path, lock: Lock) -> tuple[str, Sequence[str]]:
    """The backend that pyproject.toml names, and its paths; raises `Problem` if the lock lacks what it requires."""
    try:
        settings = tomllib.loads((source / "pyproject.toml").read_text("utf-8")).get("build-system", {})
    except FileNotFoundError:
        settings = {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Problem("build-failed", f"it cannot be read: {error}", "TOML", place="pyproject.toml") from error
    for requirement in settings.get("requires", ["setuptools"]):
        if not lock.satisfies(str(requirement)):
            raise Problem(
                "requirements", f"it requires {requirement} to build",
                f"that in {lock.where or 'a lock'}, with its hash",
                place="pyproject.toml",
                next_step='Name a lock in the step: with = { requires = "requirements/build.txt" }.'
                if not lock.where else f"Add it to {lock.where}.",
            )  # fmt: skip
    reference, paths = settings.get("build-backend", _LEGACY), settings.get("backend-path", [])
    bad = not isinstance(reference, str) or any(
        not isinstance(one, str) or os.path.isabs(one) or ".." in one.split("/")  # noqa: PTH117
        for one in paths
    )
    if bad:
        raise Problem("build-failed", f"the backend {reference!r} with {paths!r}", "PEP 517", place="pyproject.toml")
    return reference, paths


def unpack(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist that the strict reader has passed; returns its top folder. Links keep inside by its rules."""
    folder.mkdir()
    with tarfile.open(sdist) as archive:
        for member in archive:
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if member.isdir():
                path.mkdir(exist_ok=True)
            elif member.issym():
                path.symlink_to(member.linkname)
            elif member.islnk():
                shutil.copyfile(folder / member.linkname, path)
            else:
                content = archive.extractfile(member)
                if content is not None:
                    with path.open("wb") as out:
                        shutil.copyfileobj(content, out)
                path.chmod(member.mode)
            if not member.issym():
                os.utime(path, (member.mtime, member.mtime))
    return next(folder.iterdir())
