"""Simple repositories of their own that only whoever has the address finds: nobody keeps them, no search lists them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from customhouse.formats.negotiate import NOT_ACCEPTABLE, choose
from customhouse.formats.problems import SECURITY_HEADERS, Headers
from customhouse.terms.errors import Refused

UNLISTED: Headers = [(b"cache-control", b"no-store"), (b"x-robots-tag", b"noindex, nofollow, noarchive")]


def unlisted_page(request: Request, json: bytes, html: bytes) -> Response:
    """The form that the client prefers; raises `Refused` (406) if it takes neither."""
    choice = choose(request.headers.get("accept"), request.query_params.get("format"))
    if choice is None:
        raise Refused("not-acceptable", NOT_ACCEPTABLE, status=406)
    body = json if choice.format == "json" else html
    headers = {"content-type": choice.content_type, "vary": "Accept"} | _as_dict([*UNLISTED, *SECURITY_HEADERS])
    return Response(body, headers=headers)


def unlisted_redirect(to: str) -> Response:
    """The page stands there, for good."""
    return RedirectResponse(to, 301, headers=_as_dict(UNLISTED))


def _as_dict(headers: Headers) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}
