"""Requirements that are not pinned, resolved by ``uv pip compile``: a plan, nothing is installed or built."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess  # uv is called by a list of arguments, never by a shell
import sys
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import Version

from customhouse.consume.audit.read.collected import Collected
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.source import read_text
from customhouse.consume.audit.read.uv_settings import place_from, settings_for
from customhouse.formats.inventory.file_version import name_and_version_in
from customhouse.formats.inventory.model import Component, Edge, Gap
from customhouse.formats.inventory.requirements_file import Wanted, read_lines
from customhouse.formats.osv.matching import read_version
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

MOST_OUTPUT_BYTES = 64 * 2**20
MOST_UNBUILT = 20
_MOST_TOLD = 600
_NEEDS_BUILD = re.compile(r"Wheels are required for `([A-Za-z0-9._-]{1,200})` because building from source is disabled")


def resolved(
    found: Collected,
    loose: Sequence[tuple[str, Wanted]],
    pinned: Sequence[Component],
    options: ReadOptions,
    beside: Path,
) -> tuple[list[Component], list[Gap]]:
    """Everything that an installation would bring, or the pins alone with a gap that says why."""
    if options.offline or options.resolve == "never":
        why = "nothing is asked over the network" if options.offline else "nothing is to be resolved"
        return list(pinned), list(_unpinned(loose, why))
    if (variable := next((one for one in found.indexes if "${" in one), "")) and not options.index_url:
        # Asking another index instead would be a dependency confusion of our own making.
        why = f"the index {variable[:120]} holds a variable, which is not expanded here"
        return list(pinned), [Gap("uv pip compile", why, "give the index by --index-url"), *_unpinned(loose, why)]
    plan, unbuilt = _with_what_has_wheels(found, options, beside)
    gaps = [_without_wheels(name, found) for name in unbuilt]
    if isinstance(plan, Gap):
        return list(pinned), [*gaps, plan, *_unpinned(loose, "it could not be resolved")]
    components = list(_components(plan, found, pinned))
    left_out = _left_out(loose, {one.name for one in components}.union(unbuilt))
    return components, [*gaps, *_apart(found), *left_out]


def _left_out(loose: Iterable[tuple[str, Wanted]], planned: AbstractSet[str]) -> Iterator[Gap]:
    """What was asked for and is not in the plan, without a marker that might explain it."""
    for place, one in loose:
        if one.name and not one.marker and not one.address and one.name not in planned:
            yield Gap(place, f"{one.text[:120]} is not in what uv has resolved", "look at the settings of uv")


def _with_what_has_wheels(found: Collected, options: ReadOptions, beside: Path) -> tuple[str | Gap, list[str]]:
    """The plan, and the projects that were left out of it because only a build would tell their requirements."""
    unbuilt: list[str] = []
    while True:
        plan = _compile(found, options, beside, unbuilt)
        if not isinstance(plan, _Failed):
            return plan, unbuilt
        more = [normalize(name) for name in _NEEDS_BUILD.findall(plan.told)]
        new = [name for name in dict.fromkeys(more) if name not in unbuilt]
        if not new or len(unbuilt) + len(new) > MOST_UNBUILT:
            return plan.gap(), unbuilt
        unbuilt += new


def _without_wheels(name: str, found: Collected) -> Gap:
    place = next((where for where, one in found.wanted if one.name == name), "uv pip compile")
    return Gap(
        place,
        f"{name} has no wheel that fits: what it requires only a build would tell, and nothing is built here",
        "lock it where building is allowed, and audit the lock",
    )


def _apart(found: Collected) -> Iterator[Gap]:
    """What comes from addresses is not fetched: its version may be known by its name, its requirements are not."""
    for place, one in found.wanted:
        if one.address and not one.editable and name_and_version_in(one.address) is not None:
            yield Gap(place, f"what {one.text[:120]} requires is not known", "lock it, and audit the lock")


def _unpinned(loose: Iterable[tuple[str, Wanted]], why: str) -> Iterator[Gap]:
    for place, one in loose:
        yield Gap(
            place,
            f"{one.text[:120]} is not pinned, and {why}",
            "pin it, or audit a lock file, or let uv resolve it",
        )


@dataclass(frozen=True, slots=True)
class _Failed:
    """What uv said when it found no solution."""

    told: str

    def gap(self) -> Gap:
        return Gap("uv pip compile", self.told[:_MOST_TOLD] or "it ended without a word", _advice(self.told))


def _compile(
    found: Collected, options: ReadOptions, beside: Path, without: Sequence[str]
) -> str | Gap | _Failed:  # fmt: skip
    try:
        settings = settings_for(beside)
    except Rejected as error:
        return Gap("uv pip compile", f"the settings of uv cannot be read: {error}", "mend them, then audit again")
    with TemporaryDirectory(prefix="customhouse-audit-") as folder:
        # uv looks for settings here first, and finds those that may count.
        (Path(folder) / "uv.toml").write_text(settings, "utf-8")
        plan = Path(folder) / "plan.txt"
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text("".join(f"{line}\n" for line in _lines(found.wanted)), "utf-8")
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("".join(f"{line}\n" for line in _lines(found.constraints)), "utf-8")
        arguments = [
            _program(options.uv), "pip", "compile", str(wanted), "--constraints", str(constraints),
            # Our own Python: uv would look for one in the folder that is audited, and run it.
            "--python", sys.executable, "--no-python-downloads", "--no-build",
            "--quiet", "--no-header", "--no-progress", "--color", "never", "--annotation-style", "line",
            "--output-file", str(plan),
        ]  # fmt: skip
        if without:
            excludes = Path(folder) / "excludes.txt"
            excludes.write_text("".join(f"{name}\n" for name in without), "utf-8")
            arguments += ["--excludes", str(excludes)]
        if options.python:
            arguments.append(f"--python-version={options.python}")
        given = [place_from(one, beside) for one in found.indexes]
        index, *extra = [place_from(options.index_url, Path())] if options.index_url else given or [""]
        # Each value in one word with its option: a value that begins with a dash is no option then.
        arguments += [f"--default-index={index}"] if index else []
        arguments += [f"--index={one}" for one in extra]
        arguments += [f"--find-links={place_from(one, Path())}" for one in found.find_links]
        arguments += ["--no-index"] if found.no_index and not options.index_url else []
        return _run(arguments, options, plan)


def _program(name: str) -> str:
    """The program by its path: what lies beside our own Python counts where the search path has none."""
    beside = Path(sys.executable).parent / name
    return shutil.which(name) or (str(beside) if beside.is_file() else name)


def _lines(wanted: Iterable[tuple[str, Wanted]]) -> Iterator[str]:
    for _place, one in wanted:
        if not one.address:
            yield one.text


def _run(arguments: Sequence[str], options: ReadOptions, plan: Path) -> str | Gap | _Failed:
    where = "uv pip compile"
    try:
        process = subprocess.Popen(  # noqa: S603  # no shell, and requirements go through a file
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=plan.parent,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return Gap(where, f"{options.uv} cannot be started: {error.strerror}", "install uv, or pin everything")
    try:
        _, err = process.communicate(timeout=options.resolve_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return Gap(where, f"no answer within {options.resolve_seconds:g} s", "try again, or audit a lock file")
    if process.returncode != 0:
        return _Failed(" ".join(err[:MOST_OUTPUT_BYTES].decode("utf-8", "replace").split()))
    try:
        return read_text(plan, MOST_OUTPUT_BYTES)
    except Rejected as error:
        return Gap(where, f"its answer cannot be read: {error.why}", "audit it in parts")


def _advice(told: str) -> str:
    if "building" in told.lower() or "no-build" in told:
        return "something has no wheel and would have to be built: lock it where that is allowed, and audit the lock"
    if "unsatisfiable" in told or "No solution" in told:
        return "mend the requirements: they cannot be installed together"
    return "look at the index that uv asks, or audit a lock file"


def _components(plan: str, found: Collected, pinned: Sequence[Component]) -> Iterator[Component]:
    """What uv has chosen; its comments say who required it."""
    asked = {one.name: place for place, one in reversed(found.wanted) if one.name}
    hashes = {one.name: one.hashes for one in pinned}
    lines = [one for one in read_lines(plan) if isinstance(one, Wanted)]
    requires: dict[str, list[Edge]] = {}
    for one in lines:
        for who in one.via:
            if not who.startswith("-"):
                requires.setdefault(normalize(who), []).append(Edge(one.name))
    told = {one.name: one for one in pinned}
    for one in lines:
        version = one.specifier.removeprefix("==")
        kept = told.get(one.name)
        if one.address:
            if kept is not None:
                yield replace(kept, requires=tuple(dict.fromkeys(requires.get(one.name, ()))))
            continue
        where = asked.get(one.name, "resolved by uv")
        yield Component(
            one.name, version, where, direct=one.name in asked,
            requires=tuple(dict.fromkeys(requires.get(one.name, ()))), hashes=hashes.get(one.name, frozenset()),
            index=kept.index if kept is not None else "",
        )  # fmt: skip
    planned = {(one.name, _comparable(one.specifier.removeprefix("=="))) for one in lines if not one.address}
    addressed = {one.name for one in lines if one.address}
    # Pins whose marker does not hold here are no part of the plan, which may hold another version for here.
    yield from (
        one for one in pinned if one.name not in addressed and (one.name, _comparable(one.version)) not in planned
    )


def _comparable(version: str) -> Version | str:
    return read_version(version) or version
