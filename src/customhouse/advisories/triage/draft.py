"""Makes an OSV record of a record that was accepted: ranges, the versions that are hosted, links, severity; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from packaging.version import Version

from customhouse.formats.cve.model import CveRecord, Span
from customhouse.formats.osv.matching import covers
from customhouse.formats.osv.model import PYPI, Affected, Credit, Event, Range, Record, Reference, Severity
from customhouse.formats.osv.write import SCHEMA_VERSION, write_record
from customhouse.terms.versions import version_of

Relation = Literal["alias", "upstream"]
"""What the CVE is to the advisory: the same vulnerability, or one of a library that the package contains."""
MOST_REFERENCES = 100
SUMMARY = 120
_FIX = re.compile(r"/(?:commit|pull|merge_requests|compare|-/commit)/")
_KINDS = (
    ("FIX", _FIX),
    (
        "ADVISORY",
        re.compile(r"/security/advisories/|GHSA-|/advisor(?:y|ies)\b|CVERecord|nvd\.nist\.gov", re.IGNORECASE),
    ),
    ("REPORT", re.compile(r"/issues?/|bugs?\.|bugzilla|huntr\.|/ticket/", re.IGNORECASE)),
    ("PACKAGE", re.compile(r"://(?:pypi\.org|pypi\.python\.org)/", re.IGNORECASE)),
)
_CREDITS = frozenset(
    {
        "FINDER", "REPORTER", "ANALYST", "COORDINATOR", "REMEDIATION_DEVELOPER", "REMEDIATION_REVIEWER",
        "REMEDIATION_VERIFIER", "TOOL", "SPONSOR", "OTHER",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Concerned:
    """A package that the advisory is about."""

    name: str
    """Normalised."""
    spans: tuple[Span, ...]
    hosted: tuple[str, ...] = ()
    """The versions that this index has of it."""


def draft(
    record: CveRecord, packages: Sequence[Concerned], advisory_id: str, now: datetime, *,
    published: datetime | None = None, withdrawn: datetime | None = None, relation: Relation = "alias",
) -> Record:  # fmt: skip
    """The advisory. ``published`` is when it came out first, if it did."""
    names = (record.id, *record.aliases)
    unwritten = Record(
        id=advisory_id,
        modified=now,
        published=published or now,
        withdrawn=withdrawn,
        aliases=names if relation == "alias" else (),
        upstream=names if relation == "upstream" else (),
        summary=_summary(record),
        details=record.description,
        severity=best_vectors(record.severity),
        affected=tuple(affected_of(one) for one in packages),
        references=_references(record),
        credits=tuple(Credit(one.name, one.contact, _credit(one.kind)) for one in record.credits),
        schema_version=SCHEMA_VERSION,
        document={"database_specific": {"cwe_ids": list(record.weaknesses)}} if record.weaknesses else {},
    )
    return with_document(unwritten)


def with_document(record: Record) -> Record:
    """The same with the document that is handed on."""
    document = write_record(record)
    return Record(**{**{name: getattr(record, name) for name in Record.__slots__}, "document": document})


def affected_of(package: Concerned) -> Affected:
    """What is affected of a package: its ranges, and those of the hosted versions that lie within."""
    ranges = ranges_of(package.spans)
    return Affected(
        PYPI,
        package.name,
        package.name,
        ranges,
        versions_within(ranges, package.hosted),
        purl=f"pkg:pypi/{package.name}",
    )


def ranges_of(spans: Iterable[Span]) -> tuple[Range, ...]:
    """Spans as ranges: those that end with a fix in one, each of the others for itself, for OSV does not mix them."""
    spans = sorted(dict.fromkeys(spans), key=lambda one: version_of(one.introduced) or Version("0"))
    fixed = [one for one in spans if one.fixed]
    found = []
    if fixed:
        events = [event for one in fixed for event in (Event("introduced", one.introduced), Event("fixed", one.fixed))]
        found.append(Range("ECOSYSTEM", tuple(events)))
    for one in spans:
        if not one.fixed:
            upper = (Event("last_affected", one.last),) if one.last else ()
            found.append(Range("ECOSYSTEM", (Event("introduced", one.introduced), *upper)))
    return tuple(found)


def versions_within(ranges: Sequence[Range], hosted: Collection[str]) -> tuple[str, ...]:
    """Those of some versions that ranges cover, in the order of PEP 440."""
    parsed = [(version, text) for text in hosted if (version := version_of(text)) is not None]
    return tuple(text for version, text in sorted(parsed) if any(covers(one, version) for one in ranges))


def best_vectors(severity: Iterable[Severity]) -> tuple[Severity, ...]:
    """One vector of each kind, the issuer's own, which comes first; of CVSS 2 none if there is a later one."""
    first: dict[str, Severity] = {}
    for one in severity:
        first.setdefault(one.kind, one)
    if len(first) > 1:
        first.pop("CVSS_V2", None)
    return tuple(first[kind] for kind in sorted(first))


def _summary(record: CveRecord) -> str:
    """Its title, or its first sentence if that is short."""
    if record.title:
        return re.sub(r"\s+", " ", record.title)
    sentence = re.split(r"(?<=[.!?])\s", record.description, maxsplit=1)[0]
    return re.sub(r"\s+", " ", sentence) if len(sentence) <= SUMMARY else ""


def _references(record: CveRecord) -> tuple[Reference, ...]:
    found = [Reference(_kind(one.url), one.url) for one in record.references[:MOST_REFERENCES]]
    if record.form != "osv" and record.id.startswith("CVE-"):
        own = f"https://www.cve.org/CVERecord?id={record.id}"
        found.append(Reference("ADVISORY", own))
    return tuple({one.url: one for one in found}.values())


def _kind(url: str) -> str:
    return next((kind for kind, pattern in _KINDS if pattern.search(url)), "WEB")


def _credit(kind: str) -> str:
    return kind if kind in _CREDITS else ("OTHER" if kind else "")
