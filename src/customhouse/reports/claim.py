"""What somebody says about a project, read from a form or a JSON object. Pure; bad input is named field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

from customhouse.terms.errors import Rejected
from customhouse.terms.names import ProjectName
from customhouse.terms.versions import LONGEST_VERSION, parse_version

Kind = Literal["malware", "spam", "typosquat", "dependency-confusion", "something-else"]
KINDS: tuple[Kind, ...] = get_args(Kind)
IMITATING: tuple[Kind, ...] = ("typosquat", "dependency-confusion")
"""Kinds that say for which other project this one is mistaken."""

FIELDS = (
    "kind", "text", "version", "file", "imitates", "evidence_url", "evidence_excerpt", "evidence_path", "evidence_line",
)  # fmt: skip
"""What a report may say, by the names that forms and programs use."""

MAX_TEXT = 10_000
MAX_EXCERPT = 4_000
MAX_URL = 2_000
MAX_PATH = 500
MAX_LINE = 100_000_000

_MUST = "what you saw, where, and how you came upon it"


@dataclass(frozen=True, slots=True)
class Claim:
    """One report's contents. Empty texts mean that nothing was said; ``version`` is canonical."""

    kind: Kind
    text: str
    version: str = ""
    filename: str = ""
    imitates: str = ""
    """Normalised name of the project that this one passes for."""
    evidence_url: str = ""
    evidence_excerpt: str = ""
    evidence_path: str = ""
    """A member of the file."""
    evidence_line: int | None = None


def parse_claim(fields: Mapping[str, str]) -> Claim:
    """Read a report; raises `Rejected` naming the field at fault and what it takes."""
    kind = _kind(fields.get("kind", ""))
    text = plain(fields, "text", MAX_TEXT)
    if not text:
        raise Rejected("no-text", "text", "is empty", _MUST)
    path, line = plain(fields, "evidence_path", MAX_PATH), _line(fields.get("evidence_line", ""))
    if line is not None and not path:
        raise Rejected("no-path", "evidence_path", "is empty, but a line is given", "the member that the line is in")
    return Claim(
        kind=kind,
        text=text,
        version=_version(plain(fields, "version", LONGEST_VERSION)),
        filename=plain(fields, "file", MAX_PATH),
        imitates=_imitates(kind, plain(fields, "imitates", 200)),
        evidence_url=_url(plain(fields, "evidence_url", MAX_URL)),
        evidence_excerpt=plain(fields, "evidence_excerpt", MAX_EXCERPT),
        evidence_path=path,
        evidence_line=line,
    )


def plain(fields: Mapping[str, str], where: str, limit: int) -> str:
    """One field without blanks around it; raises `Rejected` if it is too long or holds what no database keeps."""
    text = fields.get(where, "").replace("\r\n", "\n").strip()
    if len(text) > limit:
        raise Rejected("field-too-long", where, f"{len(text):,} characters", f"at most {limit:,}")
    for position, letter in enumerate(text):
        if letter == "\0" or "\ud800" <= letter <= "\udfff":
            raise Rejected(
                "bad-character", where, f"character {position + 1} is U+{ord(letter):04X}", "any text in Unicode"
            )
    return text


def _kind(text: str) -> Kind:
    if text not in KINDS:
        raise Rejected("bad-kind", "kind", f"{text[:80]!r} is no kind of report", ", ".join(KINDS))
    return text


def _version(text: str) -> str:
    if not text:
        return ""
    return str(parse_version(text, "version"))


def _imitates(kind: Kind, text: str) -> str:
    if kind == "typosquat" and not text:
        raise Rejected("no-imitated-project", "imitates", "is empty", "the name of the project that this one imitates")
    if not text:
        return ""
    if kind not in IMITATING:
        raise Rejected("not-imitating", "imitates", f"says nothing in a report of {kind}", " or ".join(IMITATING))
    return ProjectName.parse(text, where="imitates").normalized


def _url(text: str) -> str:
    if not text:
        return ""
    accepted = "an address that begins with https:// or http://"
    try:
        parts = urlsplit(text)
        host, known = parts.hostname, parts.username
    except ValueError as error:
        raise Rejected("bad-url", "evidence_url", f"{text[:80]!r} cannot be read", accepted) from error
    if parts.scheme not in ("http", "https") or not host or any(letter <= " " or letter == "\\" for letter in text):
        raise Rejected("bad-url", "evidence_url", f"{text[:80]!r} is no such address", accepted)
    if known is not None:
        raise Rejected("bad-url", "evidence_url", "names a user before the host", accepted)
    return text


def _line(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:20]) <= MAX_LINE):
        raise Rejected(
            "bad-line", "evidence_line", f"{text[:20]!r} is no line number", f"a number from 1 to {MAX_LINE:,}"
        )
    return int(text)
