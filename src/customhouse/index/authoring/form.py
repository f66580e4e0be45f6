"""What somebody types to write an advisory, as an OSV record: every field is checked, a fault is told with its line.

Packages and ranges stand one a line: ``demo: >= 1.0, < 1.4.2; >= 2.0, <= 2.1``. Semicolons part ranges; ``all`` is
everything; a version alone is that version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from customhouse.advisories.triage.draft import Concerned, affected_of, with_document
from customhouse.formats.cve.model import Span
from customhouse.formats.cve.version_words import spans_of_field
from customhouse.formats.osv.model import PYPI, Credit, Event, Record, Reference, Severity
from customhouse.formats.osv.severity import read_score
from customhouse.formats.osv.write import SCHEMA_VERSION
from customhouse.terms.errors import Rejected
from customhouse.terms.names import ProjectName
from customhouse.terms.versions import version_of

ReferenceKind = Literal[
    "ADVISORY", "ARTICLE", "DETECTION", "DISCUSSION", "REPORT", "FIX", "INTRODUCED", "GIT", "PACKAGE", "EVIDENCE", "WEB"
]
CreditKind = Literal[
    "FINDER", "REPORTER", "ANALYST", "COORDINATOR", "REMEDIATION_DEVELOPER", "REMEDIATION_REVIEWER",
    "REMEDIATION_VERIFIER", "TOOL", "SPONSOR", "OTHER",
]  # fmt: skip
FIELDS = ("summary", "details", "affected", "aliases", "upstream", "related", "severity", "references", "credits")
LONGEST = {"summary": 120, "details": 60_000}
LONGEST_FIELD = 20_000
MOST_LINES = 200
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)
_URL = re.compile(r"https?://[^\s<>\"]{3,2000}", re.IGNORECASE)
_AFFECTED = "NAME: >= 1.0, < 1.4.2; all; or a single version"


@dataclass(frozen=True, slots=True)
class Typed:
    """The fields of the form, as they were typed."""

    summary: str = ""
    details: str = ""
    affected: str = ""
    aliases: str = ""
    upstream: str = ""
    related: str = ""
    severity: str = ""
    references: str = ""
    credits: str = ""


def read_typed(
    typed: Typed, advisory_id: str, now: datetime, hosted: Mapping[str, frozenset[str]], before: Record | None = None
) -> Record:
    """The record; ``hosted`` are the versions that are here of its packages. Raises `Rejected` with field and line.

    Of an earlier one the day of publication, and members that the form does not show, stay.
    """
    if not typed.summary.strip() and not typed.details.strip():
        raise Rejected("missing-field", "details", "there is neither a summary nor a text", "what is wrong, in words")
    for name in FIELDS:
        length = len(getattr(typed, name))
        if length > LONGEST.get(name, LONGEST_FIELD):
            raise Rejected(
                "field-too-long", name, f"{length:,} characters", f"at most {LONGEST.get(name, LONGEST_FIELD):,}"
            )
    packages = packages_of(typed.affected)
    affected = (affected_of(Concerned(name, spans, tuple(hosted.get(name, ())))) for name, spans in packages)
    others = tuple(one for one in before.affected if one.ecosystem != PYPI) if before is not None else ()
    record = Record(
        id=advisory_id,
        modified=now,
        published=before.published if before is not None and before.published is not None else now,
        withdrawn=before.withdrawn if before is not None else None,
        aliases=_ids(typed.aliases, "aliases"),
        upstream=_ids(typed.upstream, "upstream"),
        related=_ids(typed.related, "related"),
        summary=" ".join(typed.summary.split()),
        details=typed.details.replace("\r\n", "\n").strip(),
        severity=tuple(_severity(typed.severity)),
        affected=(*affected, *others),
        references=tuple(_references(typed.references)),
        credits=tuple(_credits(typed.credits)),
        schema_version=SCHEMA_VERSION,
        document=before.document if before is not None else {},
    )  # fmt: skip
    return with_document(record)


def packages_of(text: str) -> list[tuple[str, tuple[Span, ...]]]:
    """The packages and their ranges; raises `Rejected` with the line."""
    found: dict[str, tuple[Span, ...]] = {}
    for number, line in _lines(text, "affected"):
        where = f"affected, line {number}"
        name, colon, ranges = line.partition(":")
        if not colon:
            raise Rejected("bad-range", where, f"{line[:60]!r} names no range", _AFFECTED)
        normalized = ProjectName.parse(name.strip(), where=where).normalized
        spans = tuple(span for part in ranges.split(";") for span in _ranges(part.strip(), where))
        found[normalized] = (*found.get(normalized, ()), *spans)
    if not found:
        raise Rejected("missing-field", "affected", "no package is named", _AFFECTED)
    return list(found.items())


def typed_of(record: Record) -> Typed:
    """The form that gives a record, to be changed."""
    return Typed(
        summary=record.summary,
        details=record.details,
        affected="\n".join(_affected_line(record, name) for name in record.packages()),
        aliases="\n".join(record.aliases),
        upstream="\n".join(record.upstream),
        related="\n".join(record.related),
        severity="\n".join(one.score for one in record.severity),
        references="\n".join(f"{one.kind} {one.url}" for one in record.references),
        credits="\n".join(f"{one.kind or 'OTHER'} {one.name}" for one in record.credits),
    )


def _affected_line(record: Record, name: str) -> str:
    parts = [
        part for one in record.of(name) for each in one.ranges if each.kind != "GIT" for part in _parts(each.events)
    ]
    if not parts:
        parts = [version for one in record.of(name) for version in one.versions]
    return f"{name}: {'; '.join(dict.fromkeys(parts))}"


def _parts(events: tuple[Event, ...]) -> Iterator[str]:
    begin = ""
    for event in events:
        match event.kind:
            case "introduced":
                if begin:
                    yield _written(begin, "")
                begin = event.version
            case "fixed" | "limit":
                yield _written(begin, f"< {event.version}")
                begin = ""
            case _:
                yield event.version if begin == event.version else _written(begin, f"<= {event.version}")
                begin = ""
    if begin:
        yield _written(begin, "")


def _written(begin: str, end: str) -> str:
    if begin in ("", "0"):
        return end or "all"
    return f">= {begin}, {end}" if end else f">= {begin}"


def _ranges(text: str, where: str) -> Iterator[Span]:
    if text in ("all", "*"):
        yield Span("0")
        return
    spans = spans_of_field(text)
    if not text or not spans:
        raise Rejected("bad-range", where, f"{text[:60]!r} is no range", _AFFECTED)
    for span in spans:
        edges = [one for one in (span.introduced, span.fixed, span.last) if one]
        if bad := next((one for one in edges if version_of(one) is None), None):
            raise Rejected("bad-range", where, f"{bad[:60]!r} is no version", "versions as of PEP 440, like 1.0.2")
        first, fixed, last = version_of(span.introduced), version_of(span.fixed), version_of(span.last)
        if first is not None and ((fixed is not None and fixed <= first) or (last is not None and last < first)):
            raise Rejected("bad-range", where, f"{text[:60]!r} ends before it begins", "the lower version first")
        yield span


def _severity(text: str) -> Iterator[Severity]:
    kinds = {"CVSS:4": "CVSS_V4", "CVSS:3": "CVSS_V3"}
    seen = set()
    for number, line in _lines(text, "severity"):
        where = f"severity, line {number}"
        severity = Severity(kinds.get(line[:6], "CVSS_V2"), line)
        if read_score(severity) is None:
            raise Rejected("bad-severity", where, f"{line[:80]!r} is no vector of CVSS", "CVSS:3.1/AV:N/AC:L/…")
        if severity.kind in seen:
            raise Rejected("bad-severity", where, f"there is a {severity.kind} already", "one vector of each kind")
        seen.add(severity.kind)
        yield severity


def _references(text: str) -> Iterator[Reference]:
    for number, line in _lines(text, "references"):
        kind, _, url = line.rpartition(" ")
        kind = kind.strip().upper() or "WEB"
        if kind not in get_args(ReferenceKind) or not _URL.fullmatch(url):
            raise Rejected(
                "bad-reference", f"references, line {number}", f"{line[:80]!r}",
                f"a kind ({', '.join(get_args(ReferenceKind))}) and an address, or an address alone",
            )  # fmt: skip
        yield Reference(kind, url)


def _credits(text: str) -> Iterator[Credit]:
    for _, line in _lines(text, "credits"):
        kind, _, name = line.partition(" ")
        yield Credit(name.strip(), kind=kind) if kind in get_args(CreditKind) and name.strip() else Credit(line)


def _ids(text: str, field: str) -> tuple[str, ...]:
    found = []
    for number, line in _lines(text, field):
        for one in line.replace(",", " ").split():
            if not _ID.fullmatch(one):
                raise Rejected("bad-id", f"{field}, line {number}", f"{one[:60]!r} is no id", "CVE-2026-1234")
            found.append(one)
    return tuple(dict.fromkeys(found))


def _lines(text: str, field: str) -> Iterator[tuple[int, str]]:
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        raise Rejected("field-too-long", field, f"{len(lines)} lines", f"at most {MOST_LINES}")
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, line.strip()
