"""A bill of materials before it is a subject: what CycloneDX and SPDX have in common, and what in it cannot be true.

A bill of materials is what somebody says. Where its parts contradict each other, both readings are audited and a gap
says so: an auditor who believes the more pleasant one can be lied to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from customhouse.formats.inventory.model import PRODUCTION, Component, Edge, Gap, Library, Subject, SubjectKind
from customhouse.formats.inventory.purl import Purl, read_purl
from customhouse.formats.inventory.reach import groups_of
from customhouse.terms.names import normalize

MOST_PARTS = 200_000
MOST_TOLD = 20
"""Gaps of one kind that are told one by one."""
_UPSTREAM = frozenset({"generic", "github", "conan"})
"""Kinds of package URLs that name a native library as its own project does."""
_MAKE_AGAIN = "make the bill of materials again with a tool that knows it"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that the bill lists."""

    ref: str
    name: str
    version: str
    place: str
    purl: str = ""
    groups: frozenset[str] = frozenset({PRODUCTION})
    hashes: frozenset[str] = frozenset()
    is_package: bool = True
    """Whether it may be a Python package if it has no package URL: a library or an application, and no file."""


@dataclass(slots=True)
class Bill:
    """All that a bill says."""

    where: str
    kind: SubjectKind
    parts: list[Part] = field(default_factory=list)
    roots: set[str] = field(default_factory=set)
    """References to what the bill is about: what it requires was asked for."""
    edges: dict[str, list[str]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)


def subject_of(bill: Bill) -> Subject:
    """The Python packages of a bill, the native libraries in it, and what of it cannot be audited."""
    parts = {one.ref: one for one in reversed(bill.parts)}
    names = {ref: _name(one) for ref, one in parts.items()}
    direct = _direct(bill, parts)
    gaps = [*bill.gaps, *_twice(bill), *_dangling(bill, parts)]
    components: list[Component] = []
    libraries: list[Library] = []
    foreign: Counter[str] = Counter()
    nameless: list[Part] = []
    for one in bill.parts:
        purl = read_purl(one.purl) if one.purl else None
        if one.purl and purl is None:
            gaps.append(Gap(one.place, f"{one.purl[:100]!r} is no package URL; its name is believed", _MAKE_AGAIN))
        match _what(one, purl, bill):
            case "package":
                edges = tuple(dict.fromkeys(Edge(names[ref]) for ref in bill.edges.get(one.ref, ()) if names.get(ref)))
                components += _components(one, purl, edges, one.ref in direct)
                gaps += _contradictions(one, purl)
                if not one.purl:
                    nameless.append(one)
            case "library" if purl is not None:
                libraries.append(
                    Library(_last(purl), purl.version or one.version or None, "", one.place, "sbom", one.purl)
                )
            case "foreign" if purl is not None:
                foreign[purl.kind[:30]] += 1
            case _:
                pass
    gaps += _without_purl(nameless, bill.where)
    if bill.parts and not (components or libraries or foreign or gaps):
        gaps.append(Gap(bill.where, "nothing in it is a Python package: nothing was audited", "add package URLs"))
    gaps += [
        Gap(
            bill.where, f"{count} parts of the kind {kind!r} are no Python packages: not audited", "ask a tool for them"
        )
        for kind, count in foreign.items()
    ]
    return Subject(bill.where, bill.kind, tuple(dict.fromkeys(components)), tuple(_few(gaps)), "", tuple(libraries))


def _what(part: Part, purl: Purl | None, bill: Bill) -> str:
    """What a part is to an audit: package | library | foreign | nothing."""
    if purl is not None:
        return "package" if purl.kind == "pypi" else "library" if purl.kind in _UPSTREAM else "foreign"
    # What the bill is about is the user's own, unless a package URL says that it is published. SPDX's bills on several
    # things are lists of packages.
    is_own = part.ref in bill.roots and not (bill.kind == "spdx" and len(bill.roots) > 1)
    return "package" if part.is_package and not is_own else "nothing"


def _direct(bill: Bill, parts: Mapping[str, Part]) -> set[str]:
    """References to what was asked for."""
    direct = {ref for root in bill.roots for ref in bill.edges.get(root, ())} | bill.roots
    if direct == bill.roots:
        required = {ref for by, some in bill.edges.items() for ref in some if ref != by}
        direct |= {ref for ref in parts if ref not in required}
    # Whatever the graph does not reach counts as asked for too, so that no finding lacks a way to it.
    reached = groups_of({"": direct}, lambda ref: bill.edges.get(ref, ()))
    return direct | {ref for ref in parts if ref not in reached}


def _components(part: Part, purl: Purl | None, edges: tuple[Edge, ...], direct: bool) -> Iterator[Component]:
    """What the part may be: by its package URL, and by its fields if they say otherwise."""
    by_fields = (normalize(part.name), part.version)
    readings = [by_fields] if purl is None else [(purl.name, purl.version or part.version)]
    if purl is not None and part.name and part.version:
        readings.append(by_fields)
    for name, version in dict.fromkeys(readings):
        if name and version:
            yield Component(name, version, part.place, part.groups, direct, edges, part.hashes)


def _last(purl: Purl) -> str:
    return purl.name.rpartition("/")[2]


def _name(part: Part) -> str:
    purl = read_purl(part.purl) if part.purl else None
    if purl is not None:
        return purl.name if purl.kind == "pypi" else ""
    return normalize(part.name) if part.is_package else ""


def _contradictions(part: Part, purl: Purl | None) -> Iterator[Gap]:
    name = purl.name if purl is not None else normalize(part.name)
    if not name or not (part.version or (purl is not None and purl.version)):
        yield Gap(part.place, f"{name or 'something without a name'} has no version: it is not audited", _MAKE_AGAIN)
    if purl is None:
        return
    if part.name and normalize(part.name) != name:
        yield Gap(
            part.place,
            f"it is named {part.name[:80]!r}, its package URL says {name[:80]!r}; both are audited",
            _MAKE_AGAIN,
        )
    if part.version and purl.version and part.version != purl.version:
        yield Gap(
            part.place,
            f"{name[:80]} is {part.version[:60]!r}, its package URL says {purl.version[:60]!r}; both are audited",
            _MAKE_AGAIN,
        )


def _twice(bill: Bill) -> Iterator[Gap]:
    seen: dict[str, Part] = {}
    for one in bill.parts:
        first = seen.setdefault(one.ref, one)
        if first is not one and (first.name, first.version, first.purl) != (one.name, one.version, one.purl):
            yield Gap(one.place, f"the reference {one.ref[:80]!r} stands for {first.name[:60]} too", _MAKE_AGAIN)


def _dangling(bill: Bill, parts: Mapping[str, Part]) -> Iterator[Gap]:
    known = parts.keys() | bill.roots
    missing = {ref for some in (bill.edges.keys(), *bill.edges.values()) for ref in some if ref not in known}
    if missing:
        some = ", ".join(repr(one[:60]) for one in sorted(missing)[:3])
        yield Gap(bill.where, f"{len(missing)} references lead to nothing, {some} for example", _MAKE_AGAIN)


def _without_purl(parts: Sequence[Part], where: str) -> Iterator[Gap]:
    if parts:
        some = ", ".join(one.name[:60] for one in parts[:3])
        yield Gap(
            where,
            f"{len(parts)} parts have no package URL, {some} for example: they were taken for PyPI's",
            "add package URLs, or audit a lock file",
        )


def _few(gaps: Sequence[Gap]) -> Iterator[Gap]:
    """The first gaps, and how many more there are."""
    yield from gaps[:MOST_TOLD]
    if len(gaps) > MOST_TOLD:
        yield Gap(gaps[MOST_TOLD].where, f"and {len(gaps) - MOST_TOLD} more like these", _MAKE_AGAIN)
