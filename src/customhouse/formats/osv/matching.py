"""Whether a version is affected, exactly as PyPI's versions are ordered (PEP 440).

A version is affected if it is listed (``1.0`` is ``1.0.0``; what is no version is compared as text) or if it lies in a
range of versions. GIT ranges say nothing of versions. A local version (``1.0+cu118``) is looked for as it is, and
as its public version. Pre-releases stand where PEP 440 puts them: ``2.0rc1`` is before ``2.0`` and lacks what 2.0
mends. An edge that cannot be read never makes a version safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from packaging.version import Version

from customhouse.formats.osv.model import Affected, Event, EventKind, Range, Record
from customhouse.terms.versions import version_of

read_version = lru_cache(maxsize=50_000)(version_of)
"""`version_of`, remembered: an audit asks for the same few thousand edges again and again."""

_BEFORE_ALL = "0"
_NO_LIMIT = "*"


def is_affected(record: Record, name: str, version: str) -> bool:
    """Whether this version of a package is affected; ``name`` is normalised. A withdrawn record affects nothing."""
    return record.withdrawn is None and any(affects(one, version) for one in record.of(name))


def affects(affected: Affected, version: str) -> bool:
    """Whether one entry of a record covers a version."""
    parsed = read_version(version)
    if parsed is None:
        return version in affected.versions
    return is_listed(affected.versions, version, parsed) or any(
        covers(one, parsed) for one in affected.ranges if one.of_versions
    )


def is_listed(versions: Sequence[str], version: str, parsed: Version) -> bool:
    """Whether a version is one of these: ``1.0`` is ``1.0.0``, and ``1.0+cu118`` is looked for as ``1.0`` too."""
    if version in versions:
        return True
    alike = {parsed, Version(parsed.public)} if parsed.local else {parsed}
    return any(read_version(one) in alike for one in versions)


def covers(affected: Range, version: Version) -> bool:
    """Whether a range holds a version."""
    return walk(((event.kind, edge) for event, edge in edges_of(affected)), version)


def walk(edges: Iterable[tuple[EventKind, Version | None]], version: Version) -> bool:
    """Whether a version is inside after its edges were passed in the order of `edges_of`; None is before all."""
    inside = limited = below = False
    for kind, edge in edges:
        match kind:
            case "introduced" if edge is None or version >= edge:
                inside = True
            case "fixed" if edge is not None and version >= edge:
                inside = False
            case "last_affected" if edge is not None and version > edge and not _is_local_of(version, edge):
                inside = False
            case "limit":
                # Not an edge like the others: of several limits the highest bounds the range as a whole.
                limited, below = True, below or edge is None or version < edge
    return inside and (below or not limited)


def _is_local_of(version: Version, edge: Version) -> bool:
    return version.local is not None and edge.local is None and Version(version.public) == edge


def edges_of(affected: Range) -> list[tuple[Event, Version | None]]:
    """A range's events in the order of PEP 440; None is before all, and for a limit beyond all.

    Of edges that are no versions those that would mend are left out, the others are taken for None: `unread_edges`
    names them.
    """
    known = [(event, None if _is_open(event) else read_version(event.version)) for event in affected.events]
    told = [(event, edge) for event, edge in known if edge is not None or event.kind in ("introduced", "limit")]
    # A range that begins again at the version that mended it before is affected there: introduced comes last.
    told.sort(key=lambda one: (one[1] is not None, one[1] or Version("0"), one[0].kind == "introduced"))
    return told


def _is_open(event: Event) -> bool:
    return event.version == (_BEFORE_ALL if event.kind == "introduced" else _NO_LIMIT)


def unread_edges(affected: Affected) -> tuple[str, ...]:
    """Edges of ranges that are no versions of PEP 440: an audit that meets one says that it may be wrong there."""
    return tuple(
        event.version
        for one in affected.ranges
        if one.of_versions
        for event in one.events
        if not _is_open(event) and read_version(event.version) is None
    )


def fixed_versions(record: Record, name: str) -> tuple[str, ...]:
    """The versions in which a package is mended, each once, the lowest first; none if there is no fix."""
    found = {
        parsed: event.version
        for affected in record.of(name)
        for one in affected.ranges
        if one.of_versions
        for event in one.events
        if event.kind == "fixed" and (parsed := read_version(event.version)) is not None
    }
    return tuple(found[one] for one in sorted(found))
