"""Amendments as files for installers: constraints (``pip -c``), overrides (``uv --override``), and ``uv.toml``; pure.

"foo 1.0 does not work with bar 3" is a condition, and a line of a constraints file has none: it binds whoever uses the
file, whether foo is there or not. So each narrowing becomes one of two lines, and either is enough:

* ``foo!=1.0``: foo 1.0 is not taken. That reaches those who use foo, and nobody else.
* ``bar<3``: that reaches everybody who has bar.

For a set that the reader names (``wanted``), foo is in his environment, so bar is bound. For everybody, bar is bound
only if foo's newest release needs it and whoever says so decides about bar as well; else foo's release is shut out.
What no line can say without harm is told in ``left_out``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from customhouse.formats.amendment import Amendment, conditions, is_same_version, line, split_marker
from customhouse.formats.plain import plain
from customhouse.formats.version_sets import compare
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize

MOST_WANTED = 2000


@dataclass(frozen=True, slots=True)
class Wanted:
    """One package of the reader's."""

    version: str = ""
    """Exactly this one; empty: whichever."""
    extras: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Counted:
    """An amendment that counts."""

    record: Amendment
    reaches: bool = False
    """Whether who says it decides about what is bound, too."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the metadata of a release says of what it needs."""

    requires_dist: tuple[str, ...]
    requires_python: str = ""
    provides_extra: tuple[str, ...] = ()


@dataclass
class Guidance:
    """Lines for a file, each with why; and what is not in it."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def text(self, *head: str) -> str:
        """The file. Whatever people have written stands in comments of one line each."""
        written = [f"# {plain(one, 1000)}".rstrip() for one in head]
        if not self.lines:
            written.append("# There is nothing to hold to.")
        for one, why in self.lines:
            written += [f"# {plain(why, 1000)}", one]
        written += [f"# NOT in this file: {plain(one, 1000)}" for one in self.left_out]
        return "\n".join(written) + "\n"


Newest = Callable[[str], str]
"""The newest version of a project that is offered, by normalised name; empty if there is none."""


def constraints(counted: Sequence[Counted], newest: Newest, wanted: Mapping[str, Wanted] | None = None) -> Guidance:
    """What narrows, for ``pip -c`` and ``uv pip -c``. Without ``wanted``: for everybody, and at nobody else's cost."""
    found = Guidance()
    narrowing = _by_project(counted, "narrowing")
    for project, told in sorted(narrowing.items()):
        mine = wanted.get(project) if wanted is not None else Wanted()
        if mine is not None:
            _constrain(found, project, told, mine, newest, everybody=wanted is None)
    return found


def _constrain(
    found: Guidance, project: str, told: Sequence[Counted], mine: Wanted, newest: Newest, *, everybody: bool
) -> None:
    binding = [one for one in told if not (extra := _marker(one.record)[1]) or extra in mine.extras]
    if everybody:
        found.left_out += [
            f"{_words(one.record)} (only with its extra: ask with ?for={project}[{_marker(one.record)[1]}])"
            for one in told
            if one not in binding
        ]
    if mine.version:
        found.lines += [(_bound(one.record), _why(one.record)) for one in binding if one.record.is_about(mine.version)]
        return
    top = newest(project)
    at_top = [one for one in binding if one.record.is_about(top)]
    bounds = at_top if not everybody or all(one.reaches for one in at_top) else []
    hint = "" if bounds or not at_top else f" To have {project} {top} with less of the other, ask with ?for={project}."
    found.lines += [(_bound(one.record), _why(one.record)) for one in bounds]
    shut: dict[str, str] = {}
    for one in binding:
        if one in bounds or any(_implies(each.record, one.record) for each in bounds):
            continue
        marker = _marker(one.record)[0]
        for version in one.record.versions:
            shut.setdefault(f"{project}!={version}" + (f" ; {marker}" if marker else ""), _why(one.record) + hint)
    found.lines += shut.items()


def _implies(bound: Amendment, other: Amendment) -> bool:
    """Whether who keeps to one bound keeps to another amendment, too."""
    if bound.requires != other.requires or _marker(bound) != _marker(other):
        return False
    # The line holds what the amendment adds, and not what the other release's metadata never said.
    held = _added(bound) & Requirement(other.before).specifier
    try:
        return compare(held, Requirement(other.after).specifier).within
    except Rejected:
        # Each can be compared, and both together name too many versions: then they do not spare each other a line.
        return False


def overrides(
    counted: Sequence[Counted], newest: Newest, asks: Callable[[str], tuple[SpecifierSet, list[str]]],
    wanted: Mapping[str, Wanted] | None = None,
) -> Guidance:  # fmt: skip
    """What widens, for ``uv --override``. An override takes the place of what everybody asks of a project.

    ``asks`` says what the other packages of ``wanted`` ask of a project, and of which nobody knows: the line keeps to
    all of them. Without ``wanted`` only what reaches everybody is overridden.
    """
    found = Guidance()
    lines: dict[str, SpecifierSet] = {}
    whys: dict[str, list[str]] = {}
    narrowing = _by_project(counted, "narrowing")
    for project, told in sorted(_by_project(counted, "widening").items()):
        mine = wanted.get(project) if wanted is not None else Wanted()
        if mine is None:
            continue
        version = mine.version or newest(project)
        for one in told:
            extra = _marker(one.record)[1]
            if not one.record.is_about(version) or (extra and extra not in mine.extras):
                continue
            if wanted is None and not one.reaches:
                found.left_out.append(f"{_words(one.record)} (it would bind everybody: ask with ?for={project})")
                continue
            after = Requirement(one.record.after).specifier & _narrowed(narrowing.get(project, ()), one.record, version)
            other = one.record.requires
            lines[other] = lines.get(other, SpecifierSet()) & after
            whys.setdefault(other, []).append(_why(one.record))
    for other, specifier in lines.items():
        said, unknown = asks(other)
        whole = specifier & said
        try:
            is_empty = compare(whole, SpecifierSet()).empty
        except Rejected as error:
            found.left_out.append(f"{other}: what all of them ask cannot be compared: {error.why}")
            continue
        if is_empty:
            found.left_out.append(f"{other}: no version is left that all of them take ({plain(whole, 200)})")
            continue
        if unknown:
            whys[other].append(f"nobody here knows what these ask of {other}: {', '.join(unknown[:20])}")
        found.lines.append((f"{other}{conditions(whole)}", "; ".join(whys[other])))
    return found


def _narrowed(told: Sequence[Counted], widened: Amendment, version: str) -> SpecifierSet:
    """What somebody else has narrowed at the same place."""
    whole = SpecifierSet()
    for one in told:
        if one.record.before == widened.before and one.record.is_about(version):
            whole &= Requirement(one.record.after).specifier
    return whole


def uv_metadata(
    counted: Sequence[Counted], metadata: Mapping[tuple[str, str], Metadata], *, widening: bool,
    wanted: Mapping[str, Wanted] | None = None,
) -> Guidance:  # fmt: skip
    """``[[dependency-metadata]]`` of uv for each amended release: exactly what is meant, and it reaches nobody else.

    ``metadata`` by project and version.
    """
    found = Guidance()
    edges: dict[tuple[str, str], list[Amendment]] = {}
    for one in counted:
        record = one.record
        mine = wanted.get(record.project) if wanted is not None else Wanted()
        if mine is None or (record.kind == "widening" and not widening):
            continue
        for version in record.versions:
            if not mine.version or is_same_version(mine.version, version):
                edges.setdefault((record.project, version), []).append(record)
    for (project, version), records in sorted(edges.items()):
        known = metadata.get((project, version))
        if known is None:
            found.left_out.append(f"{project} {version}: its metadata is not here")
            continue
        try:
            entry = _uv_entry(project, version, known, records)
        except InvalidRequirement:
            found.left_out.append(f"{project} {version}: its metadata holds a requirement that cannot be read")
            continue
        found.lines.append((entry, "; ".join(map(_why, records))))
    return found


def _uv_entry(project: str, version: str, known: Metadata, records: Sequence[Amendment]) -> str:
    requires = [f"    {_toml(one)}," for one in amended_requires(known.requires_dist, records)]
    told = ["[[dependency-metadata]]", f"name = {_toml(project)}", f"version = {_toml(version)}"]
    told += ["requires-dist = [", *requires, "]"]
    if known.requires_python:
        told.append(f"requires-python = {_toml(known.requires_python)}")
    if known.provides_extra:
        told.append(f"provides-extra = [{', '.join(map(_toml, known.provides_extra))}]")
    return "\n".join(told)


def _toml(text: str) -> str:
    """A basic string of TOML 1.0."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def amended_requires(requires_dist: Sequence[str], records: Sequence[Amendment]) -> list[str]:
    """What a release requires as it is to be read: a widening in place of the line, then every narrowing."""
    written = []
    for text in requires_dist:
        read = Requirement(text)
        own = line(read)
        for one in sorted(records, key=lambda one: one.kind != "widening"):
            if one.before != own:
                continue
            after = Requirement(one.after).specifier
            read.specifier = after if one.kind == "widening" else read.specifier & after
        written.append(line(read) if read.url is None else text)
    return written


def _by_project(counted: Sequence[Counted], kind: str) -> dict[str, list[Counted]]:
    found: dict[str, list[Counted]] = {}
    for one in counted:
        if one.record.kind == kind:
            found.setdefault(one.record.project, []).append(one)
    return found


def _marker(record: Amendment) -> tuple[str, str | None]:
    marker = Requirement(record.before).marker
    return split_marker(str(marker) if marker is not None else "")


def _bound(record: Amendment) -> str:
    """What the amendment adds to the requirement, as a constraint: without extras, which pip refuses there."""
    marker = _marker(record)[0]
    return f"{record.requires}{conditions(_added(record))}" + (f" ; {marker}" if marker else "")


def _added(record: Amendment) -> SpecifierSet:
    before, after = Requirement(record.before).specifier, Requirement(record.after).specifier
    added = SpecifierSet(",".join(str(one) for one in set(after) - set(before)))
    try:
        return added if compare(before & added, after).within else after
    except Rejected:
        return after


def _words(record: Amendment) -> str:
    return f"{record.project} {record.releases}: {record.before} is {record.after}"


def _why(record: Amendment) -> str:
    by = record.role + (f" of the view {record.view}" if record.view else "")
    return f"{_words(record)} ({by}, {record.at:%Y-%m-%d}). {record.reason} {record.evidence} [{record.id}]"


def read_wanted(texts: Sequence[str]) -> dict[str, Wanted]:
    """``foo``, ``foo[x]``, ``foo==1.0`` as the reader's set; raises `InvalidRequirement` or `ValueError`."""
    found: dict[str, Wanted] = {}
    for text in texts:
        read = Requirement(text)
        exact = [one.version for one in read.specifier if one.operator == "==" and not one.version.endswith(".*")]
        version = exact[0] if len(exact) == 1 else ""
        name = normalize(read.name)
        known = found.get(name, Wanted())
        extras = known.extras | {normalize(one) for one in read.extras}
        found[name] = Wanted(version or known.version, extras)
    return found
