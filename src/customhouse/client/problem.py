"""What an index says when it says no: problem details (RFC 9457), as PEP 694 and PEP 807 ask for, or whatever else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from customhouse.formats.plain import plain
from customhouse.terms.errors import CustomhouseError

MOST_ERRORS = 20


class Declined(CustomhouseError):
    """The index has answered, and the answer is no (HTTP 4xx or 5xx)."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.document = _document(body)
        self.code = _code(self.document)
        self.errors = _errors(self.document)
        self.sentence = _sentence(status, headers, self.document, body)
        # Where there is one error, many indexes say it twice.
        news = [text for text, message in self.errors if message not in self.sentence]
        super().__init__(" ".join([self.sentence, *news]))

    @property
    def speaks_2_0(self) -> bool:
        """Whether whoever answered is a root of Upload 2.0 (PEP 694), and not some other page of a web server."""
        meta = self.document.get("meta")
        return isinstance(meta, dict) and str(meta.get("api-version", "")).startswith("2.")


def _document(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _code(document: Mapping[str, Any]) -> str:
    """The stable word for programs: ``code``, else what the type's address ends with."""
    code = document.get("code")
    if isinstance(code, str) and code:
        return plain(code, 60)
    kind = str(document.get("type", ""))
    return plain(kind.rstrip("/").replace("#", "/").rsplit("/", 1)[-1], 60)


def _errors(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each error in one line, and its message alone.

    PEP 694 says source and message, PyPI's minting says code and description.
    """
    listed = document.get("errors")
    if not isinstance(listed, list):
        return []
    found = []
    for one in listed[:MOST_ERRORS]:
        if not isinstance(one, dict):
            continue
        message = one.get("message") or one.get("description") or ""
        source = one.get("source") or one.get("code") or ""
        text = plain(f"{source}: {message}" if source and message else source or message)
        if text:
            found.append((text, plain(message or text)))
    return found


def _sentence(status: int, headers: Mapping[str, str], document: Mapping[str, Any], body: bytes) -> str:
    """What people are shown: the detail, the title, the plain text, or at least the status."""
    # PEP 694 spells the member of RFC 9457 `details`.
    for member in ("detail", "details", "message", "title"):
        if isinstance(document.get(member), str) and document[member].strip():
            return plain(document[member])
    if headers.get("content-type", "").startswith("text/plain") and body.strip():
        return plain(body.decode(errors="replace"))
    return f"It answers {status} {_phrase(status)}.".replace(" .", ".")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
