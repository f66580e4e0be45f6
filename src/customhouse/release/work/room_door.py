"""Speaking with one release room over HTTP: one host, no redirects, asked again while the server is away.

A server that restarts is asked again for a while, so that nothing that was done is lost. Whether what was sent has
arrived, although no answer came, the journal tells (`http_journal`).
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from customhouse.client.address import Index
from customhouse.client.problem import Declined
from customhouse.formats.plain import plain
from customhouse.infra.system_trust import system_trust
from customhouse.terms.errors import Refused, Rejected, Unavailable

PATIENCE_SECONDS = 600.0
"""So long a server that is away is asked again."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
MOST_BYTES = 64 * 2**20
"""Of an answer that is no file."""
MOST_BUNDLE_BYTES = 256 * 2**20
BEING_MADE = "bundle-being-made"
"""The code of the answer as long as a run has been released, and its bundle is not there yet."""
_AGAIN = frozenset({429, 500, 502, 503, 504})
_RUN = re.compile(r"(?P<front>.*)/(?:api/)?release/runs?/(?P<run>[a-z2-7]{26})/?")
_CHUNK = 2**20


def _sleep(seconds: float) -> bool:
    """Nobody ends us but by a signal."""
    time.sleep(seconds)
    return False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run meets: the server, without a slash at the end, and the run's id."""

    server: str
    run: str

    @classmethod
    def parse(cls, url: str, *, allow_http: bool = False) -> Place:
        """From the address of its page or of its API; raises `Rejected`, or `Refused` for one without TLS."""
        parts = urlsplit(url.strip())
        match = _RUN.fullmatch(parts.path)
        if match is None or parts.query or parts.fragment:
            raise Rejected("no-run", "URL", f"{plain(url, 200)!r} is no address of a release run",
                           "https://HOST/release/run/ID/")  # fmt: skip
        base = Index.parse(f"{parts.scheme}://{parts.netloc}{match['front']}/", allow_http=allow_http).base
        return cls(base.rstrip("/"), match["run"])


class LostAnswer(Exception):
    """Something was sent that may have arrived: no answer came."""


@dataclass
class RoomDoor:
    """Requests to one run. Threads share it."""

    place: Place
    token: str = ""
    patience_seconds: float = PATIENCE_SECONDS
    tell: Callable[[str], None] = lambda _text: None
    stopped: Callable[[float], bool] = _sleep
    """Waits so many seconds; whether we are to end."""
    _client: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self._client = httpx2.Client(
            verify=system_trust(), follow_redirects=False,
            timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            headers={"user-agent": "Customhouse", "accept": "application/json", "accept-encoding": "identity"},
        )  # fmt: skip

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    @property
    def address(self) -> str:
        """Of the run's API."""
        return f"{self.place.server}/api/release/runs/{self.place.run}"

    def get(self, path: str, **query: str | float) -> bytes:
        """Read something; raises `Refused` for a no, `Unavailable` if the server stays away."""
        return self._patiently(lambda: self._once("GET", self.address + path, params=query))

    def audience(self) -> str:
        """For whom an ID token must be made out."""
        found = self._patiently(lambda: self._once("GET", f"{self.place.server}/_/oidc/audience"))
        return str(_object(found).get("audience", ""))

    def document(self, path: str = "") -> dict[str, Any]:
        """Read a JSON object."""
        return _object(self.get(path))

    def post(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Send something once; raises `LostAnswer` if it may have arrived, and is to be looked for."""
        try:
            return _object(self._once("POST", self.address + path, json=dict(document)))
        except httpx2.ConnectError as error:
            raise _Away(str(error)) from error
        except httpx2.TransportError as error:
            raise LostAnswer(str(error)) from error

    def post_patiently(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Send something that may arrive twice without harm."""
        return _object(self._patiently(lambda: self._once("POST", self.address + path, json=dict(document))))

    def post_to_server(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Send something that is of no run yet, once."""
        try:
            return _object(self._once("POST", self.place.server + path, json=dict(document)))
        except (httpx2.TransportError, _Away) as error:
            raise Unavailable(self.place.server, plain(error) or "it does not answer") from error

    def put(self, digest: str, source: Path) -> None:
        """Hand a file over under its digest. Twice is harmless."""

        def body() -> Iterator[bytes]:
            with source.open("rb") as opened:
                while chunk := opened.read(_CHUNK):
                    yield chunk

        headers = {"content-length": str(source.stat().st_size)}
        self._patiently(
            lambda: self._once("PUT", f"{self.address}/objects/{digest}", content=body(), headers=headers)
        )  # fmt: skip

    def has(self, digest: str) -> bool:
        """Whether the room has a file."""
        try:
            self._patiently(lambda: self._once("HEAD", f"{self.address}/objects/{digest}"))
        except Refused as refusal:
            if refusal.code == "unknown-object" or refusal.status == httpx2.codes.NOT_FOUND:
                return False
            raise
        return True

    def fetch(self, digest: str, target: Path) -> str:
        """Write a file; returns the SHA-256 of what came. Raises `Refused` ("unknown-object")."""

        def once() -> bytes:
            found = hashlib.sha256()
            with self._client.stream("GET", f"{self.address}/objects/{digest}", headers=self._known()) as answer:
                if answer.status_code != httpx2.codes.OK:
                    raise self._no(answer.status_code, answer.headers, answer.read())
                with target.open("wb") as out:
                    for chunk in answer.iter_bytes(_CHUNK):
                        found.update(chunk)
                        out.write(chunk)
            return found.hexdigest().encode()

        return self._patiently(once).decode()

    def bundle(self) -> bytes:
        """The bundle of the run, as the server has made it: with a token as a member, without one as everybody.

        While the server is making it, it is waited for.
        """
        page = f"{self.place.server}/release/run/{self.place.run}"
        address = self.address if self.token else page

        def once() -> bytes:
            try:
                return self._once("GET", f"{address}/bundle", most=MOST_BUNDLE_BYTES)
            except Refused as refusal:
                if refusal.code == BEING_MADE:
                    raise _Away(refusal.sentence) from refusal
                raise

        return self._patiently(once)

    def patiently_posted(self, send: Callable[[], dict[str, Any]], arrived: Callable[[], bool]) -> None:
        """Send until it was answered, or until it is seen to have arrived."""
        ends, pause = time.monotonic() + self.patience_seconds, FIRST_PAUSE_SECONDS
        while True:
            try:
                send()
            except (LostAnswer, _Away) as error:
                if time.monotonic() > ends or self._pause(pause, str(error)):
                    raise Unavailable(self.place.server, plain(error) or "it does not answer") from error
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                if arrived():
                    return
                continue
            return

    def _patiently(self, once: Callable[[], bytes]) -> bytes:
        ends, pause = time.monotonic() + self.patience_seconds, FIRST_PAUSE_SECONDS
        while True:
            try:
                return once()
            except (httpx2.TransportError, _Away) as error:
                if time.monotonic() > ends or self._pause(pause, str(error)):
                    raise Unavailable(self.place.server, plain(error) or "it does not answer") from error
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _once(self, method: str, url: str, *, most: int = MOST_BYTES, **more: Any) -> bytes:
        headers = {**self._known(), **more.pop("headers", {})}
        with self._client.stream(method, url, headers=headers, **more) as answer:
            found = bytearray()
            for chunk in answer.iter_bytes(_CHUNK):
                found += chunk
                if len(found) > most:
                    raise Unavailable(self.place.server, f"its answer is longer than {most:,} bytes")
            if not httpx2.codes.is_success(answer.status_code):
                raise self._no(answer.status_code, answer.headers, bytes(found))
            return bytes(found)

    def _no(self, status: int, headers: Mapping[str, str], body: bytes) -> Exception:
        declined = Declined(status, dict(headers), body)
        if status in _AGAIN:
            return _Away(f"{status} {declined.sentence}")
        return Refused(declined.code or f"http-{status}", declined.sentence, status=status)

    def _known(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    def _pause(self, seconds: float, why: str) -> bool:
        if seconds > 1:
            self.tell(f"{self.place.server} has no answer yet ({plain(why, 120)}); asking again")
        return self.stopped(seconds)


class _Away(Exception):
    """The server cannot answer now; nothing has happened there."""


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = httpx2.Response(200, content=body).json()
    except ValueError as error:
        raise Unavailable("The release room", "its answer is no JSON") from error
    if not isinstance(found, dict):
        raise Unavailable("The release room", "its answer is no JSON object")
    return found
