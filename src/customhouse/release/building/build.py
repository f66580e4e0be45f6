"""What every build starts from: the commit's tree by its digest, the lock, the Pythons, and surroundings of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from customhouse.release.actions import Problem, StepRun
from customhouse.release.building.isolation import Cell, Copied, find_isolation
from customhouse.release.building.outputs import option_text, option_texts, place_bytes
from customhouse.release.building.pythons import Python, find_python, own_python
from customhouse.release.building.repack import compressor
from customhouse.release.building.source_tree import SourceTree, source_tree
from customhouse.release.building.variation import Variation, told, variation, varied
from customhouse.release.building.wheels import NOTHING, Lock, read_lock, virtual_environment

SOURCE, OUT = "/given/source", "/given/out"
SCRATCH_BYTES = 8 * 2**30
USUAL_LOCK = "requirements/build.txt"
"""Where a lock is looked for when the step names none."""


@dataclass(frozen=True, slots=True)
class Build:
    """What a build starts from."""

    run: StepRun
    how: Variation
    tree: SourceTree
    source: Path
    """The tree, written."""
    epoch: int
    lock: Lock
    pythons: tuple[Python, ...]


def prepare(run: StepRun) -> Build:
    """Take the source by its digest, read the lock, find the Pythons."""
    tree = source_tree(run)
    epoch = option_text(run, "epoch") or str(tree.epoch)
    if not epoch.isdecimal():
        raise Problem("option", f"epoch is {epoch!r}", "seconds since 1970", place=f"step {run.step.id}, with")
    for leftover in ("source", "unpacked", "raw", "dist", "env", "in"):
        shutil.rmtree(run.folder / leftover, ignore_errors=True)
    source = run.folder / "source"
    source.mkdir(parents=True)
    tree.write(source)
    return Build(run, variation(run), tree, source, int(epoch), lock_of(run, tree), pythons_of(run))


def lock_of(run: StepRun, tree: SourceTree, usual: str = USUAL_LOCK) -> Lock:
    """The lock that the step names, or the usual one, from the commit; raises `Problem`."""
    path = option_text(run, "requires") or (usual if usual in tree.entries else "")
    if not path:
        return NOTHING
    entry = tree.entries.get(path)
    if entry is None or entry.is_link:
        raise Problem(
            "lock", f"the commit has no file {path}", "a requirements file with hashes",
            place=f"step {run.step.id}, with",
            next_step=f"Make it: uv pip compile --generate-hashes -o {path} …, and commit it.",
        )  # fmt: skip
    return read_lock(entry.body, path)


def pythons_of(run: StepRun) -> tuple[Python, ...]:
    """The Pythons that wheels are built for: those of the step, the place's, or the one under ours."""
    wanted = option_texts(run, "pythons") or tuple(filter(None, (run.places.get(run.step.env, {}).get("python", ""),)))
    found = []
    for one in wanted:
        python = find_python(run.children, one)
        if python is None:
            raise Problem(
                "no-python", f"there is no Python {one} on this machine", one, place=run.step.env,
                next_step=f"Install it (pyenv install {one}, uv python install {one}), or leave it out of `pythons`.",
            )  # fmt: skip
        found.append(python)
    return tuple(found) or (own_python(run.children),)


def facts_of(build: Build) -> dict[str, str]:
    """What evidence needs to know of a build."""
    return {
        "commit": build.tree.commit,
        "tree": build.tree.tree,
        "epoch": str(build.epoch),
        "isolation": find_isolation().name,
        "python": ", ".join(one.version for one in build.pythons),
        "compressor": compressor(),
        "requirements": build.lock.where,
        "requirements.sha256": build.lock.sha256 if build.lock.pins else "",
        "requirements.pins": " ".join(build.lock.pins),
        **compilers(build.run),
        **told(build.how),
    }


def cell_of(
    build: Build, source: Path, out: Path, program: Path | None, more: Mapping[str, Path] | None = None
) -> Cell:
    """A cell with a copy of ``source`` as its work folder, and ``out`` to put files into."""
    run, how = build.run, build.how
    readable = {SOURCE: source, **(more or {})}
    if program is not None:
        readable[str(program.parent.parent)] = program.parent.parent
    cell = Cell(
        how.folder,
        env=variables(how, build.epoch, program),
        readable=readable,
        writable={OUT: out},
        scratch=(how.folder,),
        copies=(Copied(SOURCE, how.folder),),
        python=build.pythons[0].path,
        seconds=run.step.timeout.total_seconds(),
        scratch_bytes=place_bytes(run.places.get(run.step.env, {}), "scratch_mib", SCRATCH_BYTES),
    )
    return varied(cell, how)


def environment(build: Build, python: Python) -> Path:
    """The build's Python with what the lock names, made once for each; returns its program."""
    folder = build.run.folder / "env" / python.tag
    program = folder / "bin" / "python"
    return program if program.exists() else virtual_environment(build.run, python, folder, build.lock)


def variables(how: Variation, epoch: int, program: Path | None = None) -> dict[str, str]:
    """What tells compilers and archivers to leave time and path out."""
    maps = [(how.folder, ".")]
    if program is not None:
        maps.append((str(program.parent.parent), "env"))
    flags = " ".join(f"-ffile-prefix-map={old}={new}" for old, new in maps)
    rust = " ".join(f"--remap-path-prefix={old}={new}" for old, new in maps)
    path = "/usr/bin:/bin:/usr/sbin:/sbin"
    return {
        "SOURCE_DATE_EPOCH": str(epoch),
        "CFLAGS": flags,
        "CXXFLAGS": flags,
        "RUSTFLAGS": rust,
        "GOFLAGS": "-trimpath",
        "ZERO_AR_DATE": "1",
        "PATH": f"{program.parent}:{path}" if program is not None else path,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def compilers(run: StepRun) -> dict[str, str]:
    """Which compiler and linker there are: the first line of what each says."""
    found = {}
    for name in ("gcc", "ld"):
        program = shutil.which(name, path="/usr/bin:/bin")
        if program:
            said = run.children.run([program, "--version"], env={"LC_ALL": "C"}, timeout=30).out
            found[f"tool.{name}"] = said.partition("\n")[0]
    return found
