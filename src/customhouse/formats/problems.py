"""Refusals as short text, or as application/problem+json (RFC 9457) for clients that ask for JSON."""

from __future__ import annotations

import json
from http import HTTPStatus

from customhouse.formats.api_token import redact
from customhouse.formats.negotiate import wants_json
from customhouse.terms.errors import Broken, CustomhouseError, Refused, Rejected, TooMany, Unavailable

Headers = list[tuple[bytes, bytes]]

SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
)


def status_of(error: CustomhouseError) -> int:
    """The HTTP status of an error."""
    match error:
        case Rejected():
            return HTTPStatus.BAD_REQUEST
        case Refused():
            return error.status
        case Unavailable():
            return HTTPStatus.SERVICE_UNAVAILABLE
        case _:
            return HTTPStatus.INTERNAL_SERVER_ERROR


def sentence_of(error: CustomhouseError) -> str:
    """What people are told, with no token in it. The details of a broken invariant stay in the log."""
    if isinstance(error, Broken):
        return "Something inside this index is wrong. The operator finds the reason in its log."
    return redact(str(error))


def problem(status: int, code: str, sentence: str, accept: str | None) -> tuple[Headers, bytes]:
    """Headers and body of an error: one line of text, or a problem document with the stable code."""
    if wants_json(accept):
        content_type = b"application/problem+json"
        document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
        body = json.dumps({**document, "detail": sentence, "code": code}).encode() + b"\n"
    else:
        content_type = b"text/plain; charset=utf-8"
        body = f"{sentence}\n".encode()
    headers: Headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept"),
        *SECURITY_HEADERS,
    ]
    return headers, body


def extra_headers(error: CustomhouseError) -> Headers:
    """Headers that an error asks for besides its body."""
    if isinstance(error, Unavailable | TooMany):
        return [(b"retry-after", str(error.retry_after_seconds).encode())]
    if isinstance(error, Refused) and error.status == HTTPStatus.UNAUTHORIZED:
        return [(b"www-authenticate", b'Basic realm="Customhouse", charset="UTF-8"')]
    return []
