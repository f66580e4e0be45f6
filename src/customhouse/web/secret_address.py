"""Pages whose own address opens something: nobody else may learn it (A19, A31)."""

from __future__ import annotations

from starlette.responses import Response


def without_referrer(response: Response) -> Response:
    """Let the browser tell nobody the page's address, not even us: only where it lies, so that its forms are ours."""
    response.headers["referrer-policy"] = "strict-origin"
    return response
