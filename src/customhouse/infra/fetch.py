"""Requests to addresses that others have chosen: webhooks today, upstreams and key servers later (attack A37).

The host is resolved once, every address it has is judged, and the connection goes to exactly one of those: a name
that answers differently a moment later gains nothing. Redirects are not followed unless asked for, at most three, each
judged again. One deadline covers everything, so that a server that sends a byte a second cannot hold us.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse

from customhouse.infra.reach import Reach, as_address
from customhouse.infra.system_trust import shared_system_trust
from customhouse.infra.targets import Address, Target
from customhouse.terms.errors import Rejected, Unavailable

MOST_REDIRECTS = 3
MOST_ADDRESSES = 4
SECONDS = 15.0
LIMIT_BYTES = 2**20
USER_AGENT = "Customhouse"
REDIRECTS = {
    HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER, HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}  # fmt: skip
_KEEP_METHOD = {HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT}
# All that goes along to another host: whatever else a caller has set may be a secret for the first one.
_HARMLESS = {"accept", "content-type"}

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host, in the order to try them; raises `OSError` if there are none."""


def ask_the_system(host: str, port: int) -> list[str]:
    """Resolve as every other program on this machine does."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


@dataclass(frozen=True, slots=True)
class Order:
    """What to send."""

    target: Target
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``headers`` have lower-case names; of several with one name the last is kept."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False
    """Whether the body went on beyond the limit (only for those who have asked for its beginning alone)."""

    @property
    def fine(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


@dataclass(frozen=True)
class Outbound:
    """Fetches from whatever `Reach` allows. TLS is verified against the system's store for the host's name."""

    reach: Reach = field(default_factory=Reach)
    resolve: Resolve = ask_the_system
    trust: ssl.SSLContext | None = None
    """Whose certificates count; None: those that the system trusts."""

    def fetch(
        self, order: Order, *, follow: int = 0, seconds: float = SECONDS, limit_bytes: int = LIMIT_BYTES,
        beginning_only: bool = False,
    ) -> Answer:  # fmt: skip
        """Send one request and read the answer, all of it within ``seconds``.

        Raises `Refused` for an address that we do not connect to, `Rejected` for a redirect that is malformed, and
        `Unavailable` for everything that may be otherwise tomorrow. A body over the limit is an error, unless the
        caller wants its ``beginning_only``.
        """
        deadline = time.monotonic() + seconds
        for _step in range(min(follow, MOST_REDIRECTS) + 1):
            answer = self._exchange(order, deadline, limit_bytes, beginning_only=beginning_only)
            if not follow or answer.status not in REDIRECTS or "location" not in answer.headers:
                return answer
            order = redirected(order, answer)
        raise Unavailable(order.target.origin, f"it redirects more than {min(follow, MOST_REDIRECTS)} times")

    def judge(self, target: Target) -> None:
        """Refuse at once what is written as an address that we would not connect to."""
        if target.address is not None and (refusal := self.reach.refusal(target.address)) is not None:
            raise refusal

    def _exchange(self, order: Order, deadline: float, limit_bytes: int, *, beginning_only: bool) -> Answer:
        with failures_of(order.target), self.connected(order.target, deadline) as plain:
            return _speak(order, plain, deadline, limit_bytes, beginning_only=beginning_only)

    def connected(self, target: Target, deadline: float) -> socket.socket:
        """A connection to one of the host's judged addresses, with TLS where the scheme asks for it.

        ``deadline`` is a moment of `time.monotonic`. Raises `Refused`, `Unavailable`, and what sockets raise.
        """
        plain = self._connect(target, self._addresses(target), deadline)
        if target.scheme == "http":
            return plain
        try:
            plain.settimeout(_left(deadline))
            return (self.trust or shared_system_trust()).wrap_socket(plain, server_hostname=target.host)
        except BaseException:
            plain.close()
            raise

    def _addresses(self, target: Target) -> list[Address]:
        """Every address of the host. One that is refused condemns all: a mixed answer is how rebinding looks."""
        if target.address is not None:
            found = [target.address]
        else:
            try:
                found = [as_address(text) for text in self.resolve(target.host, target.port)]
            except (OSError, UnicodeError) as error:
                raise Unavailable(target.origin, "its name has no address") from error
        for address in found:
            if (refusal := self.reach.refusal(address)) is not None:
                raise refusal
        return found[:MOST_ADDRESSES]

    @staticmethod
    def _connect(target: Target, addresses: Sequence[Address], deadline: float) -> socket.socket:
        """A connection to the first address that takes one; the time is shared among those that are left."""
        failure: OSError = OSError("its name has no address")
        for position, address in enumerate(addresses):
            try:
                share = _left(deadline) / (len(addresses) - position)
                return socket.create_connection((str(address), target.port), share)
            except OSError as error:
                failure = error
        raise failure


@contextmanager
def failures_of(target: Target) -> Iterator[None]:
    """What goes wrong on the network, as `Unavailable`."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(target.origin, f"its certificate is not valid: {error.verify_message}") from error
    except TimeoutError as error:
        raise Unavailable(target.origin, "it did not answer in time") from error
    except (OSError, HTTPException) as error:
        raise Unavailable(target.origin, _reason(error)) from error


def redirected(order: Order, answer: Answer) -> Order:
    """The request that a redirect asks for.

    Never from https to http. Only 307 and 308 send the method and body again. To another origin only harmless headers
    go along. Raises `Rejected`.
    """
    target = order.target.joined(answer.headers["location"])
    if order.target.scheme == "https" and target.scheme == "http":
        raise Rejected("bad-redirect", "Location", "it leads from https to http", "https")
    keeps = answer.status in _KEEP_METHOD or order.method in ("GET", "HEAD")
    headers = order.headers
    if target.origin != order.target.origin:
        headers = {name: value for name, value in headers.items() if name.lower() in _HARMLESS}
    return Order(target, order.method if keeps else "GET", headers, order.body if keeps else None)


def _speak(order: Order, plain: socket.socket, deadline: float, limit_bytes: int, *, beginning_only: bool) -> Answer:
    """One request on an open connection, and its answer."""
    connection = _Connection(order.target, plain, deadline)
    headers = {"User-Agent": USER_AGENT, "Connection": "close", **order.headers}
    connection.request(order.method, order.target.path, order.body, headers)
    response = connection.getresponse()
    body = _read(response, order.target, limit_bytes, beginning_only=beginning_only)
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, found, body[:limit_bytes], cut=len(body) > limit_bytes)


def _read(response: HTTPResponse, target: Target, limit_bytes: int, *, beginning_only: bool) -> bytes:
    """At most one byte more than the limit, and never less than the server has announced."""
    body = response.read(limit_bytes + 1)
    if len(body) > limit_bytes:
        if beginning_only:
            return body
        raise Unavailable(target.origin, f"its answer is longer than {limit_bytes} bytes", retry_after_seconds=3600)
    if response.length:
        raise Unavailable(target.origin, "it broke off in the middle of its answer")
    return body


class _Connection(HTTPConnection):
    """HTTP on a socket that is connected already, and that nothing connects again."""

    auto_open = 0

    def __init__(self, target: Target, plain: socket.socket, deadline: float) -> None:
        if target.scheme == "https":
            self.default_port = 443
        super().__init__(target.host, target.port)
        self.sock = _Timed(plain, deadline)


class _Timed:
    """The little of a socket that `http.client` uses, with one deadline over all of it."""

    def __init__(self, plain: socket.socket, deadline: float) -> None:
        self._plain = plain
        self._deadline = deadline

    def sendall(self, sent: bytes) -> None:
        """Send all within the time that is left."""
        self._plain.settimeout(_left(self._deadline))
        self._plain.sendall(sent)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A reader that gives up at the deadline."""
        return io.BufferedReader(_TimedReader(self._plain, self._deadline))

    def close(self) -> None:
        """Nothing: whoever has opened the socket closes it."""


class _TimedReader(io.RawIOBase):
    def __init__(self, plain: socket.socket, deadline: float) -> None:
        self._plain = plain
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader hands over
        self._plain.settimeout(_left(self._deadline))
        return self._plain.recv_into(buffer)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _reason(error: OSError | HTTPException) -> str:
    """Why, in words that do not tell a stranger more about our network than that it failed."""
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, (ConnectionError, HTTPException)):
        return "it broke off or did not speak HTTP"
    if isinstance(error, ssl.SSLError):
        return "no secure connection could be made"
    return "it could not be reached"
