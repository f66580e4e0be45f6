"""Sending a stored object: whole by the server itself, in parts from a thread, or by a link to the object store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
from starlette.types import Scope, Send

from customhouse.formats.problems import SECURITY_HEADERS, Headers
from customhouse.serve.conditions import TooManyRanges, none_match, ranges

PIECE_BYTES = 2**20
BOUNDARY = b"customhouse-byteranges"
# Whoever has the file may keep it for ever; a shared cache asks again after half a minute, so that a quarantine is in
# effect behind it within one.
CACHE = b"public, max-age=31536000, immutable, s-maxage=30"
# A file that stands in no listing any more is not to be kept: its address will end.
ENDING_CACHE = b"public, max-age=0, must-revalidate, s-maxage=30"
PRIVATE_CACHE = b"private, no-store"
_READERS = anyio.CapacityLimiter(40)


def request_header(scope: Scope, name: bytes) -> str | None:
    """One request header; several of the same name are joined as the RFC says."""
    found = [value for key, value in scope["headers"] if key == name]
    return b", ".join(found).decode("latin-1") if found else None


async def send_whole(send: Send, status: int, headers: Headers, body: bytes, *, is_head: bool) -> None:
    """One response from memory."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


async def send_link(scope: Scope, send: Send, url: str, size_bytes: int, said: Headers) -> bool:
    """Send the client to the object store; the link is good for a minute and must not be kept.

    Returns whether the client asked for the file's first byte.
    """
    headers = [(b"location", url.encode()), (b"cache-control", b"no-store"), (b"content-length", b"0")]
    headers += [(name, value) for name, value in said if name != b"cache-control"]
    await send_whole(send, 302, [*headers, *SECURITY_HEADERS], b"", is_head=False)
    try:
        parts = ranges(request_header(scope, b"range"), None, "", size_bytes)
    except TooManyRanges:
        return False
    return scope["method"] == "GET" and _begins(parts)


async def send_file(
    scope: Scope, send: Send, path: Path, digest: str, size_bytes: int, content_type: bytes, said: Headers
) -> bool:
    """Send a local file with its digest as ETag: 200, 206, 304 or 416. Returns whether its first byte was sent.

    ``said`` are headers that depend on who asks and on what became of the file: caching, warnings.
    """
    etag = f'"{digest}"'
    headers: Headers = [(b"etag", etag.encode()), (b"accept-ranges", b"bytes"), *said, *SECURITY_HEADERS]
    is_head = scope["method"] == "HEAD"
    if none_match(request_header(scope, b"if-none-match"), etag):
        await send_whole(send, 304, headers, b"", is_head=True)
        return False
    try:
        parts = ranges(request_header(scope, b"range"), request_header(scope, b"if-range"), etag, size_bytes)
    except TooManyRanges:
        headers += [(b"content-range", f"bytes */{size_bytes}".encode()), (b"content-length", b"0")]
        await send_whole(send, 416, headers, b"", is_head=True)
        return False
    if parts and not is_head:
        await _send_parts(send, path, headers, parts, size_bytes, content_type)
        return _begins(parts)
    headers += [(b"content-type", content_type), (b"content-length", str(size_bytes).encode())]
    if is_head:
        await send_whole(send, 200, headers, b"", is_head=True)
    elif "http.response.pathsend" in scope.get("extensions", {}):
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.pathsend", "path": str(path)})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await _stream(send, path, [(b"", 0, size_bytes - 1)], b"")
    return not is_head


def _begins(parts: list[tuple[int, int]]) -> bool:
    """Whether these parts, or the whole for none, hold the first byte."""
    return not parts or any(first == 0 for first, _ in parts)


async def _send_parts(
    send: Send, path: Path, headers: Headers, parts: list[tuple[int, int]], size_bytes: int, content_type: bytes
) -> None:
    """206: one part as it is, several as multipart/byteranges (section 14.6)."""
    stated = [f"bytes {first}-{last}/{size_bytes}".encode() for first, last in parts]
    if len(parts) == 1:
        sections, closing = [(b"", *parts[0])], b""
        headers = [*headers, (b"content-type", content_type), (b"content-range", stated[0])]
    else:
        heads = [
            b"\r\n--" + BOUNDARY + b"\r\ncontent-type: " + content_type + b"\r\ncontent-range: " + said + b"\r\n\r\n"
            for said in stated
        ]
        sections = [(head, first, last) for head, (first, last) in zip(heads, parts, strict=True)]
        closing = b"\r\n--" + BOUNDARY + b"--\r\n"
        headers = [*headers, (b"content-type", b"multipart/byteranges; boundary=" + BOUNDARY)]
    length = sum(len(head) + last - first + 1 for head, first, last in sections) + len(closing)
    headers = [*headers, (b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": 206, "headers": headers})
    await _stream(send, path, sections, closing)


async def _stream(send: Send, path: Path, sections: list[tuple[bytes, int, int]], closing: bytes) -> None:
    pieces = _pieces(path, sections)
    while (piece := await anyio.to_thread.run_sync(next, pieces, None, limiter=_READERS)) is not None:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": closing})


def _pieces(path: Path, sections: list[tuple[bytes, int, int]]) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        for head, first, last in sections:
            if head:
                yield head
            position = first
            while position <= last:
                piece = os.pread(file.fileno(), min(PIECE_BYTES, last + 1 - position), position)
                if not piece:
                    return
                position += len(piece)
                yield piece
