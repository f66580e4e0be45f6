"""Requirements files with all that they include: pins are taken as they stand, the rest is resolved by uv."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from customhouse.consume.audit.read.collected import Collected
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.source import read_text
from customhouse.formats.inventory.file_version import name_and_version_in
from customhouse.formats.inventory.marks import Marks
from customhouse.formats.inventory.model import Component, Edge, Gap, Subject
from customhouse.formats.inventory.requirements_file import Fault, Option, Wanted, read_lines
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

MOST_DEPTH = 10
MOST_FILES = 200
MOST_REQUIREMENTS = 20_000
PIN = re.compile(r"={2,3}\s*([^\s,*]+)")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def read_requirements(path: Path, options: ReadOptions, title: str = "") -> Subject:
    """What a requirements file asks for."""
    return subject_of(collected(path), title or str(path), options, beside=path.parent)


def collected(path: Path) -> Collected:
    """What a requirements file and all that it includes say, before anything is resolved."""
    found = Collected()
    _collect(path, found, constrain=False, depth=0)
    return found


def subject_of(found: Collected, title: str, options: ReadOptions, *, beside: Path) -> Subject:
    """The subject of what was collected; ``beside`` is the folder to which relative paths refer."""
    marks = Marks(options.python)
    pinned: list[Component] = []
    loose: list[tuple[str, Wanted]] = []
    gaps = list(found.gaps)
    for place, one in found.wanted:
        if options.python and not marks.hold(one.marker):
            continue
        match _pinned(one, place, found.indexes):
            case Component() as component:
                pinned.append(component)
            case Gap() as gap:
                gaps.append(gap)
            case None:
                loose.append((place, one))
    if (loose or options.resolve == "always") and found.wanted:
        from customhouse.consume.audit.read.resolution import resolved  # noqa: PLC0415 - starts another program

        more, new = resolved(found, loose, pinned, options, beside)
        return Subject(title, "requirements", tuple(more), (*gaps, *new))
    return Subject(title, "requirements", tuple(_with_via(pinned, [one for _, one in found.wanted])), tuple(gaps))


def _pinned(one: Wanted, place: str, indexes: Sequence[str]) -> Component | Gap | None:
    """The component if the version is told; a gap if nobody can tell it; None if a resolver can."""
    if one.address:
        return _of_address(one, place)
    # "==1.0" alone is a pin; "==1.*" and "==1.0,!=1.0" are not.
    pin = PIN.fullmatch(one.specifier)
    if pin is None:
        return None
    where = f"{place} (if {one.marker[:200]})" if one.marker else place
    return Component(
        one.name, pin[1], where, direct=True, hashes=one.hashes, index=indexes[0] if indexes else ""
    )  # fmt: skip


def _of_address(one: Wanted, place: str) -> Component | Gap:
    told = name_and_version_in(one.address)
    if told is not None and not one.editable:
        return Component(told[0], told[1], f"{place} (from {one.address[:200]})", direct=True, hashes=one.hashes)
    what = "an editable project" if one.editable else "a source tree"
    return Gap(
        place,
        f"{one.name or one.address[:120]} is {what}, whose version only a build tells",
        "install it and audit the environment, or build it and audit the wheel",
    )


def _with_via(pinned: Sequence[Component], wanted: Sequence[Wanted]) -> list[Component]:
    """The edges that comments of pip-tools and uv tell; without them everything was asked for."""
    if not any(one.via for one in wanted):
        return list(pinned)
    names = {one.name for one in pinned}
    requires: dict[str, list[Edge]] = {}
    direct = set()
    for one in wanted:
        by = {normalize(who) for who in one.via if not who.startswith("-")} & names - {one.name}
        for who in by:
            requires.setdefault(who, []).append(Edge(one.name))
        if not by or any(who.startswith("-") or normalize(who) not in names for who in one.via):
            direct.add(one.name)
    return [
        replace(one, direct=one.name in direct, requires=tuple(dict.fromkeys(requires.get(one.name, ()))))
        for one in pinned
    ]


def _collect(path: Path, found: Collected, *, constrain: bool, depth: int) -> None:
    real = path.resolve()
    if real in found.seen:
        return
    if depth > MOST_DEPTH or len(found.seen) >= MOST_FILES:
        found.gaps.append(
            Gap(
                str(path),
                f"includes go deeper than {MOST_DEPTH}, or there are more than {MOST_FILES}",
                "audit it by itself",
            )
        )
        return
    found.seen.add(real)
    for one in read_lines(read_text(path)):
        place = f"{path}:{one.line}"
        match one:
            case Fault():
                found.gaps.append(Gap(place, one.why, _next_step(one.why)))
            case Wanted():
                listed = found.constraints if constrain else found.wanted
                if len(listed) >= MOST_REQUIREMENTS:
                    found.gaps.append(Gap(place, f"more than {MOST_REQUIREMENTS} requirements", "audit it in parts"))
                    return
                listed.append((place, one))
            case Option():
                _follow(one, path, found, constrain=constrain, depth=depth)


def _follow(option: Option, path: Path, found: Collected, *, constrain: bool, depth: int) -> None:
    place = f"{path}:{option.line}"
    match option.kind:
        case "index":
            found.indexes.insert(0, option.value)
        case "extra-index":
            found.indexes.append(option.value)
        case "no-index":
            found.no_index = True
        case "find-links":
            found.find_links.append(option.value if _ADDRESS.match(option.value) else str(path.parent / option.value))
        case "include" | "constrain" if "${" in option.value:
            found.gaps.append(Gap(place, f"{option.value[:120]} holds a variable", "audit the file that it means"))
        case "include" | "constrain" if _ADDRESS.match(option.value):
            found.gaps.append(
                Gap(place, f"{option.value[:200]} is an address and is not followed", "download it and audit the file")
            )
        case "include" | "constrain":
            try:
                _collect(
                    path.parent / option.value, found,
                    constrain=constrain or option.kind == "constrain", depth=depth + 1,
                )  # fmt: skip
            except Rejected as error:
                found.gaps.append(Gap(place, str(error), "mend the include, then audit again"))
        case _:
            pass


def _next_step(why: str) -> str:
    return "write its value, then audit again" if "expanded" in why else "mend the line, then audit again"
