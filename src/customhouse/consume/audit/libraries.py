"""Libraries that packages bundle, against records on the libraries themselves: libwebp inside Pillow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from customhouse.consume.audit.model import Component, Finding, Gap, Library, Subject
from customhouse.consume.audit.upgrades import fixes_above
from customhouse.consume.snapshot.compact import Entry
from customhouse.consume.snapshot.layout import LIBRARIES
from customhouse.consume.snapshot.read import Snapshot
from customhouse.formats.osv.matching import read_version
from customhouse.formats.osv.merging import merge

NEXT_STEP = "look which version it is, and whether one that is affected"


def look_at(subject: Subject, snapshot: Snapshot, ignored: Mapping[str, str]) -> tuple[list[Finding], list[Gap]]:
    """What is known of the bundled libraries of a subject.

    A library whose version nobody can tell is a gap if there is an advisory on it: it may be affected.
    """
    findings: list[Finding] = []
    gaps: list[Gap] = []
    by_name = {one.name: one for one in reversed(subject.components)}
    for library in dict.fromkeys(subject.libraries):
        entries = [
            one for one in snapshot.entries(library.name.lower(), LIBRARIES)
            if not ignored.keys() & {one.id, *one.aliases}
        ]  # fmt: skip
        if not entries:
            continue
        if library.version is None:
            gaps.append(Gap(library.where, f"the version of the bundled {library.name} is not known, and"
                            f" {entries[0].id} is on it", NEXT_STEP))  # fmt: skip
            continue
        bundler = by_name.get(library.bundled_by) or Component(library.bundled_by, "", library.where)
        findings += _findings(library, bundler, entries, snapshot)
    return findings, gaps


def _findings(library: Library, bundler: Component, entries: list[Entry], snapshot: Snapshot) -> Iterator[Finding]:
    version = library.version or ""
    parsed = read_version(version)
    affecting = {one.id: one for one in entries if one.affects(version, parsed)}
    for same in merge(one.record(library.name, LIBRARIES) for one in affecting.values()):
        cves = [name for name in same.names if name.startswith("CVE-")]
        yield Finding(
            bundler, same, snapshot.score(same.names), fixes_above((affecting[one.id] for one in same.records), parsed),
            exploited=snapshot.exploited(cves), likelihood=snapshot.likelihood(cves), library=library,
        )  # fmt: skip
