"""The interpreter itself, against the advisories of the Python Software Foundation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from customhouse.consume.audit.model import Component, Finding, Gap, Subject
from customhouse.consume.snapshot.layout import INTERPRETER
from customhouse.consume.snapshot.read import Snapshot
from customhouse.formats.osv.cpython import affects_cpython, fixed_cpython
from customhouse.formats.osv.matching import read_version
from customhouse.formats.osv.merging import merge
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.read import read_record

_MOST_NAMED = 5


def look_at(subject: Subject, snapshot: Snapshot, ignored: Mapping[str, str]) -> tuple[list[Finding], list[Gap]]:
    """What is known of the Python of a subject, and what nobody can decide."""
    version = read_version(subject.interpreter)
    if version is None:
        return [], [Gap(subject.title, f"{subject.interpreter!r} is no version of CPython", "say it as 3.12.4")]
    records = [_whole(snapshot, entry.id) for entry in snapshot.entries(INTERPRETER, "")]
    verdicts = {one.id: affects_cpython(one, subject.interpreter) for one in records}
    component = Component(INTERPRETER, subject.interpreter, subject.title)
    upgrade = _upgrade(records, subject.interpreter)
    findings = []
    for same in merge(one for one in records if verdicts[one.id]):
        if ignored.keys() & set(same.names):
            continue
        cves = [one for one in same.names if one.startswith("CVE-")]
        fixes = {parsed for one in same.records for text in fixed_cpython(one) if (parsed := read_version(text))}
        findings.append(
            Finding(
                component, same, snapshot.score(same.names),
                tuple(str(one) for one in sorted(fixes) if one > version), upgrade, (),
                snapshot.exploited(cves), snapshot.likelihood(cves),
            )
        )  # fmt: skip
    return findings, list(_undecided(subject, records, verdicts, ignored))


def _undecided(
    subject: Subject, records: Iterable[Record], verdicts: Mapping[str, bool | None], ignored: Mapping[str, str]
) -> Iterable[Gap]:
    open_ones = [one.id for one in records if verdicts[one.id] is None and not ignored.keys() & {one.id, *one.aliases}]
    if open_ones:
        more = f" and {len(open_ones) - _MOST_NAMED} more" if len(open_ones) > _MOST_NAMED else ""
        yield Gap(
            subject.title,
            f"whether CPython {subject.interpreter} is affected by {', '.join(open_ones[:_MOST_NAMED])}{more} cannot be"
            " told from commits",
            "read them, then --ignore each with a --reason",
        )


def _upgrade(records: Iterable[Record], version: str) -> str | None:
    """The lowest release above this one that nothing affects, of the same branch if there is one."""
    everything = list(records)
    own = read_version(version)
    candidates = {parsed for one in everything for text in fixed_cpython(one) if (parsed := read_version(text))}
    above = sorted(one for one in candidates if own is not None and one > own and not one.is_prerelease)
    above.sort(key=lambda one: own is None or one.release[:2] != own.release[:2])
    for one in above:
        if not any(affects_cpython(record, str(one)) is not False for record in everything):
            return str(one)
    return None


def _whole(snapshot: Snapshot, record_id: str) -> Record:
    # What lies in a snapshot was read when it was built.
    return read_record(snapshot.whole(record_id), record_id)
