"""The advisory of a case as it will be: typed by people, checked at once, so that its publication cannot fail. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from customhouse.formats.osv.model import Severity
from customhouse.formats.osv.severity import UNSCORED, Score, read_score
from customhouse.terms.errors import Rejected
from customhouse.terms.versions import parse_version

T = TypeVar("T")
LONGEST_TITLE, LONGEST_TEXT, MOST_LINES = 200, 20_000, 30
LONGEST_ADDRESS = 500
_WEAKNESS = re.compile(r"CWE-[1-9][0-9]{0,5}", re.ASCII)
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}", re.ASCII)
NOT_FIXED = "-"


@dataclass(frozen=True, slots=True)
class Span:
    """Versions from the first affected one up to the one with the fix, which is not affected."""

    introduced: str
    fixed: str
    """Empty: there is no fix."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What will be told."""

    title: str = ""
    details: str = ""
    vector: str = ""
    """CVSS 3.x or 4.0; empty: not scored yet."""
    weaknesses: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    references: tuple[str, ...] = ()
    workaround: str = ""
    library: str = ""
    """The native library that it is in, as wheels bundle it: ``libwebp``. It finds those who are to be told."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Draft:
        """From the column of a case."""
        spans = tuple(Span(one["introduced"], one["fixed"]) for one in row.get("spans", ()))
        plain = {name: str(row.get(name, "")) for name in ("title", "details", "vector", "workaround", "library")}
        weaknesses, references = tuple(row.get("weaknesses", ())), tuple(row.get("references", ()))
        return cls(**plain, weaknesses=weaknesses, references=references, spans=spans)

    @property
    def row(self) -> dict[str, Any]:
        """For the column."""
        return asdict(self)

    @property
    def severity(self) -> Severity | None:
        """As OSV writes it."""
        return severity_of(self.vector) if self.vector else None

    @property
    def score(self) -> Score:
        """The base score and its level."""
        severity = self.severity
        return (read_score(severity) if severity is not None else None) or UNSCORED

    @property
    def spans_text(self) -> str:
        """As `parse_spans` reads them."""
        return "\n".join(f"{one.introduced} {one.fixed or NOT_FIXED}" for one in self.spans)

    def missing(self) -> tuple[str, ...]:
        """What a reader would miss."""
        found = []
        for value, what in (
            (self.title, "a title"), (self.details, "a description"), (self.vector, "a CVSS vector"),
            (self.spans, "the affected versions"), (self.weaknesses, "the kind of weakness (CWE)"),
        ):  # fmt: skip
            if not value:
                found.append(what)
        return tuple(found)


def parse_draft(form: Mapping[str, str]) -> Draft:
    """What somebody has typed; raises `Rejected` naming the field."""
    return Draft(
        title=one_line(form.get("title", ""), "title", LONGEST_TITLE),
        details=long_text(form.get("details", ""), "details"),
        vector=parse_vector(form.get("vector", "")),
        weaknesses=parse_weaknesses(form.get("weaknesses", "")),
        spans=parse_spans(form.get("spans", "")),
        references=parse_references(form.get("references", "")),
        workaround=long_text(form.get("workaround", ""), "workaround"),
        library=one_line(form.get("library", ""), "library", 100),
    )


def one_line(text: str, where: str, limit: int) -> str:
    """Text of one line without anything that cannot be seen."""
    line = " ".join(text.split())
    if len(line) > limit or not line.isprintable():
        raise Rejected("bad-line", where, "is too long, or no plain line", f"at most {limit} characters")
    return line


def long_text(text: str, where: str, limit: int = LONGEST_TEXT) -> str:
    """Text of several lines."""
    found = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(found) > limit:
        raise Rejected("too-long", where, f"{len(found)} characters", f"at most {limit}")
    return found


def severity_of(vector: str) -> Severity:
    """A vector with the name that OSV gives its kind."""
    return Severity("CVSS_V4" if vector.startswith("CVSS:4.") else "CVSS_V3", vector)


def parse_vector(text: str) -> str:
    """A CVSS vector that can be scored, or nothing."""
    vector = text.strip()
    if vector and (not vector.startswith(("CVSS:3.", "CVSS:4.")) or read_score(severity_of(vector)) is None):
        raise Rejected(
            "bad-vector", "vector", f"{vector[:80]!r} is no CVSS vector",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N or one of 3.1",
        )  # fmt: skip
    return vector


def parse_weaknesses(text: str) -> tuple[str, ...]:
    """``CWE-79`` and the like, with blanks or commas between them."""
    found = tuple(dict.fromkeys(text.replace(",", " ").upper().split()))
    for one in found:
        if not _WEAKNESS.fullmatch(one):
            raise Rejected("bad-weakness", "weaknesses", f"{one[:20]!r} is no number of a weakness", "CWE-79")
    return _few(found, "weaknesses")


def parse_spans(text: str) -> tuple[Span, ...]:
    """One span in each line: the first affected version (0: all), and the one with the fix (-: none yet)."""
    found = []
    for line in text.splitlines():
        words = line.replace(",", " ").split()
        if not words:
            continue
        if len(words) > 2:  # noqa: PLR2004 - from and to
            raise Rejected("bad-span", "spans", f"{line[:60]!r} is more than two versions", "two versions in each line")
        introduced, fixed = words[0], words[1] if len(words) > 1 else NOT_FIXED
        first = parse_version(introduced, "spans")
        if fixed != NOT_FIXED and parse_version(fixed, "spans") <= first:
            raise Rejected("bad-span", "spans", f"{fixed} does not come after {introduced}", "a later version")
        found.append(Span(introduced, "" if fixed == NOT_FIXED else fixed))
    return _few(tuple(found), "spans")


def parse_references(text: str) -> tuple[str, ...]:
    """Addresses of the web, one in each line."""
    found = tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    for one in found:
        parts = urlsplit(one)
        if parts.scheme not in ("http", "https") or not parts.hostname or len(one) > LONGEST_ADDRESS or " " in one:
            raise Rejected("bad-reference", "references", f"{one[:80]!r} is no address", "https://…, one in each line")
    return _few(found, "references")


def parse_cve(text: str) -> str:
    """A CVE id that was reserved elsewhere."""
    found = text.strip().upper()
    if not _CVE.fullmatch(found):
        raise Rejected("bad-cve", "cve", f"{text[:30]!r} is no CVE id", "CVE-2026-12345")
    return found


def _few(found: tuple[T, ...], where: str) -> tuple[T, ...]:
    if len(found) > MOST_LINES:
        raise Rejected("too-many", where, f"{len(found)} of them", f"at most {MOST_LINES}")
    return found
