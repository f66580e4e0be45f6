"""Speaking with one index over HTTP: one host, no redirects, bodies streamed, attempts repeated while that may help."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol
from urllib.parse import urljoin

import httpx2

from customhouse.client.address import Index
from customhouse.client.patience import ATTEMPTS, Patience, seconds_before
from customhouse.client.problem import Declined
from customhouse.formats.plain import plain
from customhouse.infra.system_trust import system_trust
from customhouse.terms.errors import Unavailable

CONNECT_SECONDS, READ_SECONDS, WRITE_SECONDS = 10.0, 300.0, 60.0
LIMIT_BYTES = 4 * 2**20
"""Of an answer: a session with thousands of files fits."""
NOTICED_SECONDS = 2.0
UNAUTHORIZED = 401
_AGAIN = frozenset({429, 500, 502, 503, 504})
"""Answers that may be others in a moment."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Body = Callable[[], Iterator[bytes]]
"""Gives the bytes from the beginning each time it is called, because an attempt may have to be repeated."""


class Credential(Protocol):
    """What opens the index's door."""

    @property
    def token(self) -> str:
        """The text that is sent as the password of ``__token__``, or of the user it names."""
        ...

    @property
    def user(self) -> str:
        """The user's name of Basic authentication."""
        ...

    def renew(self) -> bool:
        """Get another token because this one is no longer taken; False if there is none to be had."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self, who: str) -> dict[str, Any]:
        """The body as a JSON object; raises `Unavailable`."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Unavailable(who, "its answer is no JSON") from error
        if not isinstance(value, dict):
            raise Unavailable(who, "its answer is no JSON object")
        return value


@dataclass
class Wire:
    """Connections to one index. Threads share it."""

    index: Index
    patience: Patience
    credential: Credential | None = None
    say: Callable[[str], None] = lambda _sentence: None
    """Told when something has to be tried again after a wait that people would notice."""
    lost_answers: bool = False
    """Whether any answer got lost, so that what we asked for may have happened already."""
    _client: httpx2.Client = field(init=False)
    _renewal: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._client = httpx2.Client(
            verify=system_trust(),
            follow_redirects=False,
            timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, write=WRITE_SECONDS, pool=None),
            limits=httpx2.Limits(max_connections=64, max_keepalive_connections=64),
            # Plain answers: what is short on the way stays short here.
            headers={"User-Agent": "Customhouse", "Accept-Encoding": "identity"},
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def ask(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | Body | None = None,
        size_bytes: int | None = None, what: str = "address", known: bool = True,
    ) -> Answer:  # fmt: skip
        """One request, repeated while the index is away; returns an answer of 2xx.

        ``known`` says whether we show who we are. Raises `Declined` for 4xx and for 5xx that stay, `Unavailable` if
        there is no answer at all, `Refused` for an address on another host, `Stopped` if we are to end.
        """
        url = self.index.checked(url, what)
        for attempt in range(1, ATTEMPTS + 1):
            self.patience.check()
            token = self.credential.token if self.credential is not None and known else None
            try:
                answer = self._once(method, url, {**(headers or {}), **self._authorization(known)}, body, size_bytes)
            except httpx2.TransportError as error:
                if not isinstance(error, httpx2.ConnectError):
                    self.lost_answers = True
                if attempt == ATTEMPTS or _is_hopeless(error):
                    raise Unavailable(self.index.host, _reason(error)) from error
                self._pause(seconds_before(attempt), f"{_reason(error)}.")
                continue
            if answer.status in _AGAIN and attempt < ATTEMPTS:
                why = str(Declined(answer.status, answer.headers, answer.body))
                self._pause(seconds_before(attempt, answer.headers), f"{answer.status}, {why}")
                continue
            if answer.status == UNAUTHORIZED and token is not None and attempt < ATTEMPTS and self._renewed(token):
                continue
            if answer.status in _REDIRECTS:
                raise Unavailable(self.index.host, _redirected(url, answer), retry_after_seconds=0)
            if not httpx2.codes.is_success(answer.status):
                raise Declined(answer.status, answer.headers, answer.body)
            return answer
        raise AssertionError("the last attempt returns or raises")

    def _pause(self, seconds: float, why: str) -> None:
        if seconds >= NOTICED_SECONDS:
            self.say(f"{self.index.host} is not ready: {why} Trying again in {seconds:.0f} s.")
        self.patience.pause(seconds)

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Body | None, size_bytes: int | None
    ) -> Answer:
        sent = dict(headers)
        if size_bytes is not None:
            sent["Content-Length"] = str(size_bytes)
        content = body() if callable(body) else body
        with self._client.stream(method, url, headers=sent, content=content) as response:
            found = bytearray()
            for piece in response.iter_bytes():
                found += piece
                if len(found) > LIMIT_BYTES:
                    raise Unavailable(self.index.host, f"its answer is longer than {LIMIT_BYTES} bytes")
            return Answer(response.status_code, dict(response.headers), bytes(found))

    def _authorization(self, known: bool) -> dict[str, str]:
        if self.credential is None or not known:
            return {}
        pair = f"{self.credential.user}:{self.credential.token}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def _renewed(self, refused: str) -> bool:
        """Whether there is another token than the one that was refused; one thread gets it for all."""
        with self._renewal:
            if self.credential is None:
                return False
            return self.credential.token != refused or self.credential.renew()


def _is_hopeless(error: httpx2.TransportError) -> bool:
    """A certificate that is not valid is not valid in a second either."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return isinstance(error, httpx2.UnsupportedProtocol)


def _reason(error: httpx2.TransportError) -> str:
    if _is_hopeless(error):
        return f"no secure connection: {plain(error)}"
    match error:
        case httpx2.ConnectTimeout():
            return f"no connection within {CONNECT_SECONDS:.0f} s"
        case httpx2.ConnectError():
            return f"no connection: {plain(error)}"
        case httpx2.TimeoutException():
            return "it did not answer in time"
        case _:
            return "the connection broke"


def _redirected(url: str, answer: Answer) -> str:
    onward = plain(urljoin(url, answer.headers.get("location", "")), 200)
    return f"it answers with a redirect to {onward}, and uploads follow none; if that is the index, name it in --index"
