"""Taking texts and lists out of plain JSON values that anybody may have written, within bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from customhouse.formats.cve.model import BOUNDS, Reference
from customhouse.formats.osv.model import Severity
from customhouse.formats.osv.times import read_time
from customhouse.terms.errors import Rejected

CODE = "bad-cve"
_ID = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}", re.ASCII)
_WEAKNESS = re.compile(r"CWE-[0-9]{1,5}", re.ASCII)
_NO_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", re.ASCII)
_DISPUTED = re.compile(r"\*\*\s*DISPUTED\s*\*\*|\bDISPUTED:", re.IGNORECASE)


def an_object(value: object, where: str) -> Mapping[str, Any]:
    """An object; raises `Rejected` with the place for anything else."""
    if not isinstance(value, dict):
        raise Rejected(CODE, where, f"it is {type(value).__name__}", "an object")
    return value


def objects(top: Mapping[str, Any], key: str, most: int) -> Iterator[Mapping[str, Any]]:
    """The objects of a list, ``most`` at most; a list that is missing is empty, what is no object is passed over."""
    value = top.get(key)
    if isinstance(value, list):
        yield from (one for one in value[:most] if isinstance(one, dict))


def inner(top: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A member that is an object, or an empty one."""
    value = top.get(key)
    return value if isinstance(value, dict) else {}


def text(top: Mapping[str, Any], key: str, most: int = BOUNDS.name) -> str:
    """A member that is a text, cut to ``most`` characters; empty for everything else, and for ``n/a``."""
    value = top.get(key)
    if not isinstance(value, str):
        return ""
    value = value.replace("\0", "").strip()[:most]
    return "" if value.lower() == "n/a" else value


def cve_id(value: object, where: str) -> str:
    """The identifier; raises `Rejected`."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise Rejected(CODE, where, f"{str(value)[:60]!r} is no CVE identifier", "CVE-YYYY-NNNN")
    return value


def time(top: Mapping[str, Any], key: str, where: str) -> datetime | None:
    """A time or None; raises `Rejected` for a text that is none. The old feed writes no seconds."""
    value = top.get(key)
    if not isinstance(value, str) or not value:
        return None
    if _NO_SECONDS.fullmatch(value):
        value = f"{value[:-1]}:00Z"
    return read_time(value, f"{where}: {key}")


def english(entries: Iterator[Mapping[str, Any]]) -> str:
    """The English texts of a list of ``{lang, value}``, each once."""
    found = [
        text(one, "value", BOUNDS.text) for one in entries if str(one.get("lang") or "en").lower().startswith("en")
    ]
    return "\n".join(dict.fromkeys(one for one in found if one))[: BOUNDS.text]


def reference(one: Mapping[str, Any]) -> Reference | None:
    """A link, if it is one that a browser follows."""
    url = text(one, "url", BOUNDS.url)
    if not url.lower().startswith(("http://", "https://")):
        return None
    tags = one.get("tags")
    named = tuple(str(tag)[:60] for tag in tags[:20]) if isinstance(tags, list) else ()
    return Reference(url, named)


def weaknesses(texts: Iterator[str]) -> tuple[str, ...]:
    """The CWE identifiers that occur."""
    return tuple(dict.fromkeys(found for one in texts for found in _WEAKNESS.findall(one)))


def vector(data: Mapping[str, Any]) -> Severity | None:
    """A CVSS vector with the kind that OSV has for it."""
    written = text(data, "vectorString", 400)
    if written.startswith("CVSS:4."):
        return Severity("CVSS_V4", written)
    if written.startswith("CVSS:3."):
        return Severity("CVSS_V3", written)
    return Severity("CVSS_V2", written.strip("()")) if written.startswith(("AV:", "(AV:")) else None


def is_disputed(description: str) -> bool:
    """Whether a description bears the mark that CVE puts on disputed records."""
    # A search without regard to case looks at every letter of every description.
    return "disputed" in description.lower() and bool(_DISPUTED.search(description))
