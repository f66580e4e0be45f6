"""Libraries that packages bundle, against records on the libraries themselves: libwebp inside Pillow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from customhouse.consume.audit.model import Component, Finding, Gap, Library, Subject
from customhouse.consume.snapshot.layout import LIBRARIES
from customhouse.consume.snapshot.read import Snapshot
from customhouse.formats.bundled.advisories import LibraryRange, library_name, library_ranges, verdict_on
from customhouse.formats.bundled.model import TRUST, BundledLibrary, Evidence
from customhouse.formats.bundled.order import compare
from customhouse.formats.osv.merging import Same, merge
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.read import read_record

NEXT_STEP = "look which version it is; if it is none that is affected, --ignore the advisory with a --reason"


def look_at(subject: Subject, snapshot: Snapshot, ignored: Mapping[str, str]) -> tuple[list[Finding], list[Gap]]:
    """What is known of the bundled libraries of a subject.

    A library of which nobody can tell whether it is the affected version is a gap, and not harmless.
    """
    findings: list[Finding] = []
    gaps: list[Gap] = []
    by_name = {one.name: one for one in reversed(subject.components)}
    for library in _joined(subject.libraries):
        records = _records(library.name, snapshot, ignored)
        bundled = _bundled(library)
        ranges = {one.id: library_ranges(one) for one in records}
        verdicts = {one.id: verdict_on(bundled, ranges[one.id]) for one in records}
        unknown = [one.id for one in records if verdicts[one.id] == "unknown"]
        if unknown:
            version = f"{library.name} {library.version_in_words}"
            gaps.append(Gap(library.where, f"whether the bundled {version} is affected by {', '.join(unknown[:3])}"
                            " cannot be told", NEXT_STEP))  # fmt: skip
        bundler = by_name.get(library.bundled_by) or Component(library.bundled_by, "", library.where)
        for same in merge(one for one in records if verdicts[one.id] == "affected"):
            findings.append(_finding(same, library, bundler, ranges, snapshot))  # noqa: PERF401 - reads better so
    return findings, gaps


def _joined(libraries: Iterable[Library]) -> list[Library]:
    """Each library of a package once: libwebp comes as libwebp, libwebpmux, libwebpdemux and libsharpyuv."""
    groups: dict[tuple[object, ...], list[Library]] = {}
    for one in libraries:
        name = library_name(one.name)
        key = (name, one.version, one.conflicting, one.bundled_by, one.purl)
        groups.setdefault(key, []).append(one._replace(name=name))
    found = []
    for group in groups.values():
        places = list(dict.fromkeys(one.where for one in group))
        more = f" and {len(places) - 1} more file{'s' if len(places) > 2 else ''}" if len(places) > 1 else ""  # noqa: PLR2004 - one more
        found.append(group[0]._replace(where=places[0] + more))
    return found


def _bundled(library: Library) -> BundledLibrary:
    """As the scanner had it: of its evidence the first piece is told, and that decides what the version is worth.

    What contradicts it counts as well: a library is affected if any version is that it may be.
    """
    kind = next((one for one in TRUST if library.evidence.startswith(f"{one}: ")), None)
    evidence = (Evidence(kind, library.version, library.where, ""),) if kind is not None else ()
    others = tuple(Evidence("string", other, library.where, "") for other in library.conflicting)
    return BundledLibrary(library.name, library.version, library.where, (*evidence, *others), library.purl)


def _records(name: str, snapshot: Snapshot, ignored: Mapping[str, str]) -> Sequence[Record]:
    """The records on a library, whole: there are few, and their ranges are not of PEP 440."""
    # What lies in a snapshot was read when it was built.
    return [
        read_record(snapshot.whole(entry.id), entry.id)
        for entry in snapshot.entries(name.lower(), LIBRARIES)
        if not ignored.keys() & {entry.id, *entry.aliases}
    ]


def _finding(
    same: Same, library: Library, bundler: Component, ranges: Mapping[str, Iterable[LibraryRange]], snapshot: Snapshot
) -> Finding:
    cves = [name for name in same.names if name.startswith("CVE-")]
    distribution = _bundled(library).distribution
    remarks = [f"{distribution} built it, and may have mended this without a new version."] if distribution else []
    every = [one for record in same.records for one in ranges[record.id]]
    safe = [one for one in _bundled(library).versions if not _is_in(one, library, every)]
    if safe:
        remarks.insert(0, f"It may be affected: the evidence says {library.version_in_words}, and {', '.join(safe)}"
                       f" {'is' if len(safe) == 1 else 'are'} not.")  # fmt: skip
    return Finding(
        bundler, same, snapshot.score(same.names), tuple(_fixes(library, every)), exploited=snapshot.exploited(cves),
        likelihood=snapshot.likelihood(cves), library=library, remarks=tuple(remarks),
    )  # fmt: skip


def _is_in(version: str, library: Library, ranges: Iterable[LibraryRange]) -> bool:
    return verdict_on(BundledLibrary(library.name, version, library.where, ()), ranges) == "affected"


def _fixes(library: Library, ranges: Iterable[LibraryRange]) -> Iterator[str]:
    """Versions of the library that mend it, as far as the records say."""
    for one in dict.fromkeys(ranges):
        mine = one.library.lower() == library.name.lower()
        if mine and one.fixed and library.version and compare(one.fixed, library.version) > 0:
            yield one.fixed
