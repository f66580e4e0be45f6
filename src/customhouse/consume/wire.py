"""Asking over HTTP while packages are consumed: GET and HEAD, bounded, repeated where that helps.

Nobody is shown a credential but the one host that it is for.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2

from customhouse.formats.plain import plain
from customhouse.infra.system_trust import system_trust
from customhouse.terms.errors import Rejected, Unavailable

LIMIT_BYTES = 64 * 2**20
FILE_LIMIT_BYTES = 2 * 2**30
WORDS_BYTES = 16 * 1024
"""Of the words with which an address refuses."""
ATTEMPTS = 3
PAUSE_SECONDS = 0.5
_AGAIN = frozenset({429, 500, 502, 503, 504})
NOT_MODIFIED, NOT_FOUND = 304, 404


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the body is empty if it was written to a file."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """Connections to whoever is asked; threads share it."""

    def __init__(self, *, seconds: float = 30.0) -> None:
        self._client = httpx2.Client(
            verify=system_trust(),
            follow_redirects=True,
            max_redirects=5,
            timeout=httpx2.Timeout(seconds, connect=10.0),
            headers={"User-Agent": "Customhouse-audit"},
            event_hooks={"response": [_refuse_downgrade]},
        )

    def show(self, token: str, to: str) -> None:
        """Show a token to the host of an address, and to no other, also not behind a redirect."""
        self._client.auth = _Token(token, httpx2.URL(to))

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, into: Path | None = None) -> Answer:
        """The answer if it is 2xx, 304 or 404. Raises `Unavailable` for all others and for none at all."""
        who = host_of(url)
        why = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._once(url, headers or {}, into)
            except (httpx2.TransportError, httpx2.TooManyRedirects, httpx2.DecodingError) as error:
                why = f"{type(error).__name__}: {plain(error)}" if str(error) else type(error).__name__
            else:
                if answer.status in (NOT_MODIFIED, NOT_FOUND) or httpx2.codes.is_success(answer.status):
                    return answer
                why = f"it answers {answer.status} for {plain(url, 200)}"
                if answer.status not in _AGAIN:
                    break
            if attempt < ATTEMPTS:
                time.sleep(PAUSE_SECONDS * attempt)
        raise Unavailable(who, why)

    def look(self, url: str) -> Answer:
        """What an address says of itself (HEAD), whatever the status; of one that refuses, its words too.

        Raises `Unavailable` if nobody answers.
        """
        who = host_of(url)
        try:
            answer = self._client.head(url)
            if answer.status_code < 400 or answer.status_code == NOT_FOUND:  # noqa: PLR2004 - it does not refuse
                return Answer(answer.status_code, dict(answer.headers), b"")
            with self._client.stream("GET", url) as response:
                words = b""
                for piece in response.iter_bytes():
                    words += piece
                    if len(words) > WORDS_BYTES:
                        break
                return Answer(response.status_code, dict(response.headers), words[:WORDS_BYTES])
        except (httpx2.TransportError, httpx2.TooManyRedirects, httpx2.DecodingError) as error:
            raise Unavailable(who, f"{type(error).__name__}: {plain(error)}") from error

    def _once(self, url: str, headers: Mapping[str, str], into: Path | None) -> Answer:
        with self._client.stream("GET", url, headers=dict(headers)) as response:
            limit = FILE_LIMIT_BYTES if into is not None else LIMIT_BYTES
            size = 0
            with into.open("w+b") if into is not None else io.BytesIO() as file:
                for piece in response.iter_bytes():
                    size += len(piece)
                    if size > limit:
                        raise Unavailable(host_of(url), f"its answer is longer than {limit} bytes")
                    file.write(piece)
                body = file.getvalue() if isinstance(file, io.BytesIO) else b""
            return Answer(response.status_code, dict(response.headers), body)


def _refuse_downgrade(response: httpx2.Response) -> None:
    """No redirect leads from TLS to where anybody on the way may answer (attack A52)."""
    if response.has_redirect_location and response.request.url.scheme == "https":
        location = response.headers["location"].strip()
        if location[:5].lower() == "http:":
            why = f"it leads from TLS to {plain(location, 200)}, which has none"
            raise httpx2.RemoteProtocolError(why, request=response.request)


class _Token(httpx2.Auth):
    """Basic authentication as an API token's user, at one scheme, host and port."""

    def __init__(self, token: str, to: httpx2.URL) -> None:
        self._basic = f"Basic {base64.b64encode(f'__token__:{token}'.encode()).decode()}"
        self._to = (to.scheme, to.host, to.port)

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
        """Each request on its own: those that a redirect makes come here, too."""
        if (request.url.scheme, request.url.host, request.url.port) == self._to:
            request.headers["Authorization"] = self._basic
        else:
            request.headers.pop("Authorization", None)
        yield request


def host_of(url: str) -> str:
    """Who an address is of; raises `Rejected` for what is none of the web."""
    try:
        found = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise Rejected("bad-address", "address", f"{plain(url, 200)!r}: {error}", "https://…") from error
    if found.scheme not in ("http", "https") or not found.host:
        raise Rejected("bad-address", "address", f"{plain(url, 200)!r} is none of the web", "https://…")
    return plain(found.host, 200)
