"""Pages whose own address opens something: nobody else may learn it (A19, A31)."""

from __future__ import annotations

import re

from starlette.responses import Response

_LINK = re.compile(r"\b([a-z2-7]{26})\.[A-Za-z0-9_-]{43}", re.ASCII)


def without_referrer(response: Response) -> Response:
    """Let the browser tell nobody the page's address, not even us: only where it lies, so that its forms are ours."""
    response.headers["referrer-policy"] = "strict-origin"
    return response


def redacted(path: str) -> str:
    """A path for the log: of a link only its public half."""
    return _LINK.sub(r"\1.…", path)
