"""Long answers, piece by piece: what `fetch` is for short ones, with the same rules about where we connect to.

Connections are kept for a few seconds and used again, because a client that installs thirty packages asks one host
thirty times. A kept connection leads to the address that was judged when it was made. Nothing here is ever unpacked:
what comes are the bytes that the other side has sent.
"""

from __future__ import annotations

import io
import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse

from customhouse.infra.fetch import (
    LIMIT_BYTES,
    MOST_REDIRECTS,
    REDIRECTS,
    USER_AGENT,
    Answer,
    Order,
    Outbound,
    failures_of,
    redirected,
)
from customhouse.infra.targets import Target
from customhouse.terms.errors import Unavailable

PIECE_BYTES = 256 * 1024
KEPT_SECONDS = 15.0
KEPT_OF_ONE_ORIGIN = 8
KEPT_IN_ALL = 64
_DRAINED_BYTES = 64 * 1024
"""What is read of an answer that nobody wants, so that its connection can be used again."""
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow the other side may be. A drip of bytes ends at the least rate, silence at once, all at the deadline."""

    connect_seconds: float = 10.0
    answer_seconds: float = 30.0
    """From the request to the head of the answer."""
    silence_seconds: float = 30.0
    least_bytes_per_second: int = 8 * 1024
    """On the average of the whole answer; the first ``silence_seconds`` are free."""
    in_all_seconds: float = 3600.0

    def left(self, begun: float, received_bytes: int) -> float:
        """How many seconds the next piece may take; raises `TimeoutError` if there are none."""
        now = time.monotonic()
        drip = begun + self.silence_seconds + received_bytes / self.least_bytes_per_second
        left = min(self.silence_seconds, drip - now, begun + self.in_all_seconds - now)
        if left <= 0:
            raise TimeoutError
        return left


class Incoming:
    """An answer whose body is still to be read. Header names are lower case."""

    def __init__(self, target: Target, response: HTTPResponse, wire: _Wire) -> None:
        self.target = target
        """Where it came from in the end, after redirects."""
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.getheaders()}
        self.length = response.length
        """How many bytes are announced; None if it does not say."""
        self._response = response
        self._wire = wire

    def read(self, most: int = PIECE_BYTES) -> bytes:
        """What has come meanwhile, at least a byte; empty at the end of a whole body. Raises `Unavailable`."""
        with failures_of(self.target):
            piece = self._response.read1(most) if most else b""
        if piece:
            self._wire.received_bytes += len(piece)
            return piece
        if self._response.length:
            raise Unavailable(self.target.origin, "it broke off in the middle of its answer")
        return b""

    def whole(self, limit_bytes: int) -> bytes:
        """The rest of the body; raises `Unavailable` for one that is longer."""
        found = bytearray()
        while piece := self.read():
            found += piece
            if len(found) > limit_bytes:
                raise Unavailable(
                    self.target.origin, f"its answer is longer than {limit_bytes} bytes", retry_after_seconds=3600
                )
        return bytes(found)

    @property
    def spent(self) -> bool:
        """Whether the body was read to its announced end, so that the connection is good for another request."""
        return not self._response.will_close and (self._response.isclosed() or self._response.length == 0)


class Streams:
    """Requests whose answers are read piece by piece, on connections that are kept for a while. For any thread."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._guard = threading.Lock()
        self._kept: dict[str, list[_Kept]] = {}
        self.connections_made = 0

    @contextmanager
    def open(self, order: Order, *, follow: int = 0, pace: Pace | None = None) -> Iterator[Incoming]:
        """Send a request without a body and give the answer when its head is there.

        Raises as `Outbound.fetch` does. Redirects are followed if asked for, at most three, each judged anew.
        """
        pace = pace or Pace()
        for _step in range(min(follow, MOST_REDIRECTS) + 1):
            wire, incoming = self._ask(order, pace)
            try:
                if not follow or incoming.status not in REDIRECTS or "location" not in incoming.headers:
                    yield incoming
                    return
                order = redirected(order, Answer(incoming.status, incoming.headers, b""))
                _drain(incoming)
            finally:
                self._give_back(wire, incoming)
        raise Unavailable(order.target.origin, f"it redirects more than {min(follow, MOST_REDIRECTS)} times")

    def fetch(
        self, order: Order, *, follow: int = 0, pace: Pace | None = None, limit_bytes: int = LIMIT_BYTES
    ) -> Answer:
        """A short answer, whole, on a kept connection."""
        with self.open(order, follow=follow, pace=pace) as incoming:
            body = incoming.whole(limit_bytes) if order.method != "HEAD" else b""
            return Answer(incoming.status, incoming.headers, body)

    def close(self) -> None:
        """Close every connection that is kept."""
        with self._guard:
            kept, self._kept = self._kept, {}
        for one in (one for several in kept.values() for one in several):
            one.wire.end()

    def _ask(self, order: Order, pace: Pace) -> tuple[_Wire, Incoming]:
        """The head of the answer, on a kept connection if there is one; on a new one if that has died meanwhile."""
        wire = self._take(order.target)
        if wire is not None:
            # The other side may have ended it while it lay here.
            with failures_of(order.target), suppress(ConnectionError):
                return wire, self._speak(order, wire, pace)
        with failures_of(order.target):
            wire = _Wire(self._outbound.connected(order.target, time.monotonic() + pace.connect_seconds))
            self.connections_made += 1
            return wire, self._speak(order, wire, pace)

    @staticmethod
    def _speak(order: Order, wire: _Wire, pace: Pace) -> Incoming:
        try:
            return _speak(order, wire, pace)
        except BaseException:
            wire.end()
            raise

    def _take(self, target: Target) -> _Wire | None:
        now = time.monotonic()
        with self._guard:
            several = self._kept.get(target.origin, [])
            while several:
                one = several.pop()
                if one.until > now and one.wire.is_quiet():
                    return one.wire
                one.wire.end()
        return None

    def _give_back(self, wire: _Wire, incoming: Incoming) -> None:
        """Keep the connection if nothing is left on it."""
        if not incoming.spent:
            wire.end()
            return
        origin = incoming.target.origin
        with self._guard:
            several = self._kept.setdefault(origin, [])
            in_all = sum(map(len, self._kept.values()))
            if len(several) >= KEPT_OF_ONE_ORIGIN or in_all >= KEPT_IN_ALL:
                wire.end()
                return
            several.append(_Kept(wire, time.monotonic() + KEPT_SECONDS))
            for empty in [origin for origin, kept in self._kept.items() if not kept]:
                del self._kept[empty]


@dataclass(frozen=True, slots=True)
class _Kept:
    wire: _Wire
    until: float


class _Wire:
    """A connected socket that keeps a pace; also the little of a socket that `http.client` uses."""

    def __init__(self, plain: socket.socket) -> None:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._plain = plain
        self._pace = Pace()
        self._begun = self._answer_by = 0.0
        self.received_bytes = 0

    def begin(self, pace: Pace) -> None:
        """Another exchange."""
        self._pace, self._begun, self.received_bytes = pace, time.monotonic(), 0
        self._answer_by = self._begun + pace.answer_seconds

    def head_is_there(self) -> None:
        """From now on the pace of a body holds."""
        self._begun, self._answer_by = time.monotonic(), _NEVER

    def is_quiet(self) -> bool:
        """Whether nothing has come that nobody has asked for: neither an end nor a byte."""
        return not select.select([self._plain], [], [], 0)[0]

    def end(self) -> None:
        """Close the socket for good."""
        self._plain.close()

    def sendall(self, sent: bytes) -> None:
        """Send all within the time that is left."""
        self._plain.settimeout(self._left())
        self._plain.sendall(sent)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A reader that keeps the pace."""
        return io.BufferedReader(_Reader(self), PIECE_BYTES)

    def receive_into(self, buffer: memoryview) -> int:
        """What is there."""
        self._plain.settimeout(self._left())
        return self._plain.recv_into(buffer)

    def close(self) -> None:
        """Nothing: whoever has opened the socket ends it."""

    def _left(self) -> float:
        if self._answer_by == _NEVER:
            return self._pace.left(self._begun, self.received_bytes)
        left = self._answer_by - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Connection(HTTPConnection):
    """HTTP on a socket that is connected already, and that nothing connects again."""

    auto_open = 0

    def __init__(self, target: Target, wire: _Wire) -> None:
        if target.scheme == "https":
            self.default_port = 443
        super().__init__(target.host, target.port)
        self.sock = wire


class _Reader(io.RawIOBase):
    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader hands over
        return self._wire.receive_into(buffer)


def _speak(order: Order, wire: _Wire, pace: Pace) -> Incoming:
    """Send the request; returns when the head of the answer is there."""
    wire.begin(pace)
    connection = _Connection(order.target, wire)
    connection.putrequest(order.method, order.target.path, skip_accept_encoding=True)
    for name, value in {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **order.headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    wire.head_is_there()
    return Incoming(order.target, response, wire)


def _drain(incoming: Incoming) -> None:
    """Read a short rest, so that the connection can be used again."""
    if incoming.length is not None and incoming.length <= _DRAINED_BYTES:
        incoming.whole(_DRAINED_BYTES)
