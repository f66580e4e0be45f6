"""Trusted publishing for builds: finding it (PEP 807), the audience, and exchanging an ID token for one of ours.

Two languages at the same addresses: that of PyPI's own index, which today's twine, uv and pypa/gh-action-pypi-publish
speak (errors as ``message`` and ``errors`` of ``code`` and ``description``), and PEP 807 (errors by RFC 9457). The
document of an error says both. Only an issuer that cannot be asked for its keys is a 5xx: 503 with Retry-After.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from customhouse.accounts import index_flags
from customhouse.accounts.limits import Counted, Limit, network_of
from customhouse.app import App
from customhouse.formats.negotiate import choose_among
from customhouse.formats.problems import SECURITY_HEADERS, extra_headers, sentence_of, status_of
from customhouse.formats.strict_json import read_json
from customhouse.index.publishing.mint import Exchange, Minted
from customhouse.terms.errors import CustomhouseError, Refused, Rejected, Unavailable
from customhouse.terms.identity import NOBODY
from customhouse.web.address import site_url
from customhouse.web.body import read_body
from customhouse.web.credentials import client_of
from customhouse.web.doors import Door, own_door
from customhouse.web.permissions import Permission

AUDIENCE, MINT, DISCOVERY = "/_/oidc/audience", "/_/oidc/mint-token", "/.well-known/pytp"
UPLOAD_PATHS = ("/legacy/", "/legacy", "/upload/", "/upload")
"""Where uploads go for which this is all true."""
MEDIA_TYPE = "application/vnd.pypi.pytp.v1+json"
OFFERS = (MEDIA_TYPE, "application/json", "application/problem+json")
SINGLE_USE, MULTI_USE = "single-use-token", "multi-use-token"
FEATURES = (SINGLE_USE, MULTI_USE)
BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
BODIES_AT_ONCE = 32
THREADS = 8
"""Exchanges at once: an issuer that is slow to give its keys holds up these and no page."""
FAILURES = Limit("mint-failure", 120, timedelta(hours=1))
"""Failed exchanges from one network. Builds of strangers share networks, so it is no small number."""

Handler = Callable[[Request], Awaitable[Response]]


class Publishing:
    """The doors, with what they share."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._bodies = anyio.CapacityLimiter(BODIES_AT_ONCE)
        self._threads = anyio.CapacityLimiter(THREADS)

    def doors(self) -> list[Door]:
        """Finding it, the audience, the exchange."""
        return [
            own_door("GET", DISCOVERY, _answering(self.discover), Permission.PUBLIC_READ),
            own_door("GET", AUDIENCE, _answering(self.audience), Permission.PUBLIC_READ),
            own_door("POST", MINT, _answering(self.mint), Permission.PUBLISHER_MINT),
        ]

    async def discover(self, request: Request) -> Response:
        """Where the other two are, for one of our upload addresses (PEP 807)."""
        media_type = _wanted(request)
        site = site_url(self._app.settings, request)
        paths = [urlsplit(site).path + path for path in UPLOAD_PATHS]
        if not self._app.minting.known or request.query_params.getlist("discover") not in [[path] for path in paths]:
            raise Refused("no-trusted-publishing", "There is no trusted publishing for this path.", status=404)
        found = {
            "audience-endpoint": site + AUDIENCE,
            "token-mint-endpoint": site + MINT,
            "features": list(FEATURES),
            "default-features": [MULTI_USE],
        }
        # The answer holds the address that was asked unless the operator has set one (A38).
        return _json(found, media_type, "no-cache" if self._app.settings.url else "private, no-cache")

    async def audience(self, request: Request) -> Response:
        """For whom an ID token must be made."""
        media_type = _wanted(request)
        if not self._app.minting.known:
            raise Refused("not-enabled", "Trusted publishing is switched off here.", status=403)
        return _json({"audience": self._app.settings.audience}, media_type, "no-cache")

    async def mint(self, request: Request) -> Response:
        """The exchange."""
        media_type = _wanted(request)
        address = client_of(self._app.settings, request)
        async with self._bodies:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await read_body(request, BODY_BYTES)
            except TimeoutError as error:
                raise Refused("too-slow", "The body did not come in time.", "Send it again.", status=408) from error
        minted = await anyio.to_thread.run_sync(self._exchange, body, address, limiter=self._threads)
        found = {"success": True, "token": minted.text, "expires": int(minted.expires.timestamp())}
        return _json(found, media_type, "no-store")

    def _exchange(self, body: bytes, address: str) -> Minted:
        app = self._app
        with app.database.read() as sql:
            index_flags.refuse_banned(sql, address)
            index_flags.refuse_if_flagged(sql, "no-uploads", actor=NOBODY)
        if not app.minting.known:
            raise Refused("not-enabled", "Trusted publishing is switched off here.", status=403)
        wish = read_wish(body)
        counted = Counted(FAILURES, network_of(address))
        attempt = app.limiter.take(counted, sentence="Too many exchanges from your network have failed.")
        try:
            minted = app.minting.exchange(wish)
        except Unavailable:
            app.limiter.give_back(attempt, counted)
            raise
        app.limiter.give_back(attempt, counted)
        return minted


def read_wish(body: bytes) -> Exchange:
    """A JSON object with ``token`` and, by PEP 807, ``features``; raises `Refused` (422) naming the fault."""
    try:
        read = read_json(body.decode(), max_depth=4)
    except ValueError as error:
        raise _bad_payload("it is no JSON in UTF-8") from error
    if not isinstance(read, dict) or not isinstance(read.get("token"), str):
        raise _bad_payload("it is no object with the text 'token'")
    features = read.get("features") or []
    if not isinstance(features, list) or any(one not in FEATURES for one in features):
        raise _bad_payload(f"'features' is no list of {' and '.join(FEATURES)}")
    if set(features) == set(FEATURES):
        raise _bad_payload("one token is not for one upload and for several")
    return Exchange(read["token"], single_use=SINGLE_USE in features)


def _bad_payload(why: str) -> Refused:
    sentence = f"The body is not what is exchanged here: {why}."
    return Refused("invalid-payload", sentence, 'Send {"token": "…"}.', status=422)


def _wanted(request: Request) -> str:
    """The media type to answer with; no header at all counts as the one of PEP 807. Raises `Refused` (406)."""
    accept = request.headers.get("accept")
    chosen = MEDIA_TYPE if accept is None else choose_among(accept, OFFERS)
    if chosen is None:
        raise Refused("not-acceptable", f"This is answered as {MEDIA_TYPE} or application/json.", status=406)
    return MEDIA_TYPE if chosen == MEDIA_TYPE else "application/json"


def _answering(handler: Handler) -> Handler:
    """The handler, with its errors in both languages."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except (Refused, Rejected, Unavailable) as error:
            return _problem(error)

    return endpoint


def _problem(error: CustomhouseError) -> Response:
    """RFC 9457, and what PyPI's clients read."""
    status, sentence = HTTPStatus(status_of(error)), sentence_of(error)
    document = {
        "type": "about:blank", "title": status.phrase, "status": int(status), "detail": sentence, "code": error.code,
        "message": "Token request failed", "errors": [{"code": error.code, "description": sentence}],
    }  # fmt: skip
    response = _json(document, "application/problem+json", "no-store", status)
    for name, value in extra_headers(error):
        response.headers[name.decode()] = value.decode()
    return response


def _json(document: dict[str, Any], media_type: str, cached: str, status: int = HTTPStatus.OK) -> Response:
    headers = {name.decode(): value.decode() for name, value in SECURITY_HEADERS}
    headers |= {"content-type": media_type, "cache-control": cached, "vary": "Accept"}
    return Response(json.dumps(document, ensure_ascii=False).encode() + b"\n", status, headers=headers)
