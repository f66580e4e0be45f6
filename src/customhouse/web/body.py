"""The body of a request, read whole within bounds."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request

from customhouse.terms.errors import Refused, Rejected


async def read_body(request: Request, limit_bytes: int, *, too_large: str = "Send less.") -> bytes:
    """All of it; raises `Refused` (413) for more than the limit, `Rejected` if the client goes away."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > limit_bytes:
                raise Refused("too-large", f"More than {limit_bytes} bytes.", too_large, status=413)
    except ClientDisconnect as error:
        raise Rejected("client-gone", "body", "the client went away", "a whole body") from error
    return bytes(body)
