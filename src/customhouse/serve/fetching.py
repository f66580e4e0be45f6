"""Sending a file of an upstream: from the store as any file, or while it comes, and never a whole wrong one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Protocol

from starlette.types import Receive, Scope, Send

from customhouse.formats.problems import SECURITY_HEADERS, Headers
from customhouse.mirror.cut import Cut
from customhouse.serve.conditions import TooManyRanges, none_match, ranges
from customhouse.serve.files import request_header, send_file, send_link, send_whole

log = logging.getLogger("customhouse.serve")


class Coming(Protocol):
    """A file that may still be on its way (`mirror.fetching.Fetching`)."""

    filename: str
    digest: str
    size_bytes: int | None
    place: Path | str | None

    async def ready(self) -> None:
        """Wait until the head of an answer can be sent."""
        ...

    def pieces(self, first: int = 0, last: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from the first to the last, as they come."""
        ...

    def close(self) -> None:
        """Nobody waits for it here any more."""
        ...


async def send_fetching(scope: Scope, receive: Receive, send: Send, coming: Coming, said: Headers) -> bool:
    """Send it: 200, 206, 304 or 416, or what `ready` raises. Returns whether its first byte was sent.

    ``said`` are headers about caching and warnings. A file that turns out wrong is cut off before its end; a client
    that leaves is no longer waited for.
    """
    content_type = b"application/octet-stream"
    # One task hears of it from beginning to end: a server may take a second one for somebody who has left.
    leaving = asyncio.ensure_future(_left(receive))
    try:
        is_head = scope["method"] == "HEAD"
        if not (is_head and coming.size_bytes is not None and coming.digest):
            await _unless_gone(leaving, coming)
        if isinstance(coming.place, str):
            return await send_link(scope, send, coming.place, coming.size_bytes or 0, said)
        if coming.place is not None:
            size_bytes = coming.size_bytes or 0
            return await send_file(scope, send, coming.place, coming.digest, size_bytes, content_type, said)
        return await _stream(scope, send, leaving, coming, content_type, said)
    except _Gone:
        return False
    finally:
        leaving.cancel()
        coming.close()


class _Gone(Exception):
    """The client has left."""


async def _unless_gone(leaving: asyncio.Future[None], coming: Coming) -> None:
    """Wait until it is ready, unless the client leaves before."""
    waiting = asyncio.ensure_future(coming.ready())
    try:
        await asyncio.wait([waiting, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise _Gone
        await waiting
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await waiting


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stream(
    scope: Scope, send: Send, leaving: asyncio.Future[None], coming: Coming, content_type: bytes, said: Headers
) -> bool:
    size_bytes = coming.size_bytes or 0
    etag = f'"{coming.digest}"'
    headers: Headers = [(b"etag", etag.encode()), (b"accept-ranges", b"bytes"), *said, *SECURITY_HEADERS]
    if none_match(request_header(scope, b"if-none-match"), etag):
        await send_whole(send, 304, headers, b"", is_head=True)
        return False
    is_head = scope["method"] == "HEAD"
    try:
        asked = None if is_head else request_header(scope, b"range")
        parts = ranges(asked, request_header(scope, b"if-range"), etag, size_bytes)
    except TooManyRanges:
        headers += [(b"content-range", f"bytes */{size_bytes}".encode()), (b"content-length", b"0")]
        await send_whole(send, 416, headers, b"", is_head=True)
        return False
    # Several parts would have to wait for one another; a server may always answer with the whole (RFC 9110, 14.2).
    part = parts[0] if len(parts) == 1 else None
    first, last = part or (0, size_bytes - 1)
    headers += [(b"content-type", content_type), (b"content-length", str(last - first + 1).encode())]
    if part is not None:
        headers.append((b"content-range", f"bytes {first}-{last}/{size_bytes}".encode()))
    status = 200 if part is None else 206
    if is_head:
        await send_whole(send, status, headers, b"", is_head=True)
        return False
    await send({"type": "http.response.start", "status": status, "headers": headers})
    try:
        async with aclosing(coming.pieces(first, last)) as pieces:  # type: ignore[type-var]  # a generator
            async for piece in pieces:
                if leaving.done():
                    raise _Gone
                await send({"type": "http.response.body", "body": piece, "more_body": True})
    except Cut as cut:
        # An answer that its application does not end is cut off by the server, and the client knows it.
        log.warning("%s was cut off: %s", coming.filename, cut)
        return False
    await send({"type": "http.response.body", "body": b""})
    return first == 0
