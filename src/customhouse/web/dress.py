"""Every answer says how it may be read and kept, even where its maker has forgotten to (A39, A42)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from customhouse.formats.problems import SECURITY_HEADERS

# A 301 or a 404 without a word about caching is kept by shared caches (RFC 9111, section 4.2.2), whoever was asking.
UNSAID = (*SECURITY_HEADERS, (b"cache-control", b"no-store"))


class Dressed:
    """Wraps an application and adds the headers that an answer lacks: nothing framed, sniffed, sent on, kept."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the wrapped application does."""

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name.lower() for name, _ in message.get("headers", [])}
                more = [(name, value) for name, value in UNSAID if name not in said]
                message = {**message, "headers": [*message.get("headers", []), *more]}
            await send(message)

        await self._inner(scope, receive, dressed)
