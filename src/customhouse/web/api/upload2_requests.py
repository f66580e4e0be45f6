"""Reading what a client of Upload 2.0 sends: strict JSON under one media type, headers, numbers (PEP 694, A47)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from customhouse.formats.negotiate import choose_among
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Refused, Rejected
from customhouse.web.api.upload2_documents import API_VERSION, MEDIA_TYPE, PROBLEM
from customhouse.web.intake import beyond

LONGEST_TEXT = 500
MAX_DEPTH = 6
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:$|,)")
_NUMBER = re.compile(r"[0-9]{1,16}")
ANNOUNCED = "Send what was announced."
JSON_ACCEPTED = 'a JSON object in UTF-8 with {"meta": {"api-version": "2.0"}} and the members that PEP 694 names'


@dataclass(frozen=True, slots=True)
class Document:
    """A request's JSON object, with readers that say what is wrong with a member."""

    members: dict[str, Any]

    def text(self, name: str) -> str:
        """A member that is a text and must be there."""
        value = self.members.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_TEXT or "\0" in value:
            raise Rejected("bad-member", name, "is missing or no text", f"a text of 1 to {LONGEST_TEXT} characters")
        return value

    def number(self, name: str) -> int:
        """A member that is a whole number, not negative, and must be there."""
        value = self.members.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
            raise Rejected("bad-member", name, "is missing or no number", "a whole number from 0 to 2^53 - 1")
        return value

    def ours(self, name: str) -> str:
        """What this index asks for besides, under ``meta._customhouse``; empty if it was not said."""
        own = self.members["meta"].get("_customhouse", {})
        value = own.get(name, "") if isinstance(own, dict) else None
        if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\0" in value:
            raise Rejected("bad-member", f"meta._customhouse.{name}", "is no text", "a text")
        return value


def read_document(request: Request, body: bytes) -> Document:
    """The JSON object of a request; raises `Rejected`, or `Refused` (415) for another media type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MEDIA_TYPE:
        raise Refused("bad-content-type", f"A body of the type {kind[:80]!r} is not taken.", MEDIA_TYPE, status=415)
    try:
        value = read_json(body.decode(), max_depth=MAX_DEPTH)
    except ValueError as error:
        raise Rejected("bad-json", "body", f"cannot be read: {str(error)[:100]}", JSON_ACCEPTED) from error
    meta = value.get("meta") if isinstance(value, dict) else None
    if not isinstance(meta, dict):
        raise Rejected("bad-json", "meta", "is missing or no object", JSON_ACCEPTED)
    if meta.get("api-version") != API_VERSION:
        raise Rejected("bad-api-version", "meta.api-version", "is no version that is spoken here", f'"{API_VERSION}"')
    return Document(value)


def refuse_other_answers(request: Request) -> None:
    """Raise `Refused` (406) for a client that could not read an answer of ours."""
    if choose_among(request.headers.get("accept"), (MEDIA_TYPE, PROBLEM, "application/json")) is None:
        raise Refused("not-acceptable", "This address speaks Upload 2.0.", MEDIA_TYPE, status=406)


def refuse_other_bytes(request: Request, limit_bytes: int, kind: str = "application/octet-stream") -> None:
    """Refuse what the headers alone give away of a body of bytes, before any of it is stored."""
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != kind:
        raise Refused("bad-content-type", f"A body of the type {found[:80]!r} is not taken here.", kind, status=415)
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Refused("encoded-body", f"A body in {encoding[:40]!r} is not taken.", "Send it plain.", status=415)
    length = request.headers.get("content-length")
    if length is not None and (not _NUMBER.fullmatch(length) or int(length) > limit_bytes):
        raise beyond(limit_bytes, ANNOUNCED)


def offset_of(request: Request) -> int:
    """Where a part begins: ``?offset=``, in bytes."""
    text = request.query_params.get("offset", "")
    if not _NUMBER.fullmatch(text):
        raise Rejected("bad-part", "offset", f"{text[:40]!r} is no offset", "?offset= and a number of bytes")
    return int(text)


def digest_of(request: Request) -> str:
    """The SHA-256 of a part in hexadecimal, from the header Content-Digest (RFC 9530)."""
    found = _DIGEST.search(request.headers.get("content-digest", ""))
    try:
        raw = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        raw = b""
    if not raw:
        raise Rejected("bad-part", "Content-Digest", "is missing or cannot be read", "sha-256=:BASE64: (RFC 9530)")
    return raw.hex()
