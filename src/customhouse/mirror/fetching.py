"""A file of an upstream as one client gets it: from the store if it is here, else while it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from customhouse.mirror.cut import Cut
from customhouse.mirror.flight import Flight
from customhouse.mirror.model import Inspected
from customhouse.terms.errors import CustomhouseError, Unavailable

PIECE_BYTES = 2**19
_READERS = anyio.CapacityLimiter(40)
"""Reading what has just been written takes no time; if the disk is slow, it is not the others who wait."""

Judge = Callable[[Inspected], CustomhouseError | None]
"""Whether what the strict reader has found is let through."""


class Fetching:
    """One file for one client. Wait for `ready`, then take `pieces`; `close` it in any case."""

    def __init__(
        self, filename: str, *, digest: str, size_bytes: int | None, place: Path | str | None = None,
        start: Callable[[], Flight] | None = None, locate: Callable[[], Path | str | None] | None = None,
        judge: Judge | None = None,
    ) -> None:  # fmt: skip
        self.filename = filename
        self.digest = digest
        """SHA-256; empty until all of a file has come whose digest nobody has said."""
        self.size_bytes = size_bytes
        """None until upstream has said it."""
        self.place = place
        """Where it lies in the store: a path, or a link that is good for half a minute; None while it comes."""
        self._start = start
        self._locate = locate
        self._judge = judge
        self._let_through = False
        self._flight: Flight | None = None

    async def ready(self) -> None:
        """Wait until the head of an answer can be sent: `digest` and `size_bytes` are known, or `place` is.

        Raises what a client is to be told, as long as it can be told: `Refused`, `Unavailable`.
        """
        if self.place is not None or self._flight is not None:
            return
        flight = await anyio.to_thread.run_sync(self._join)
        await flight.until(lambda: flight.error is not None or flight.elsewhere or self._may_begin(flight))
        if flight.error is not None and flight.given_bytes() <= 0:
            raise flight.error
        if flight.received is not None:
            self.digest, self.size_bytes = flight.received.sha256, flight.received.size_bytes
            await self._refuse_whole(flight)
        elif flight.total is not None:
            self.size_bytes = flight.total
        if flight.elsewhere and self._locate is not None:
            self.place = await anyio.to_thread.run_sync(self._locate)
        if self.size_bytes is None or (flight.elsewhere and self.place is None):
            raise Unavailable("The upstream's file", "it could not be fetched", retry_after_seconds=1)

    async def _refuse_whole(self, flight: Flight) -> None:
        """All is here before anything was sent: the judge's answer can be told as it is."""
        if self._judge is None:
            return
        await flight.until(lambda: flight.inspected is not None)
        if flight.inspected is None:
            raise Unavailable("The reader of archives", f"it has not read {self.filename}", retry_after_seconds=5)
        refusal = await anyio.to_thread.run_sync(self._judge, flight.inspected)
        if refusal is not None:
            raise refusal
        self._let_through = True

    async def pieces(self, first: int = 0, last: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from the first to the last, as they come. Raises `Cut` if they do not come to the end."""
        flight = self._flight
        if flight is None or self.size_bytes is None:
            raise Cut(self.filename)
        stop = self.size_bytes if last is None else min(last + 1, self.size_bytes)
        position = first
        while position < stop:
            await flight.until(partial(self._is_more, flight, position))
            if self._given(flight) <= position and not await self._is_let_through(flight):
                raise Cut(str(flight.error or f"{self.filename} was not let in after all"))
            most = min(PIECE_BYTES, stop - position, self._given(flight) - position)
            piece = await anyio.to_thread.run_sync(flight.read, position, most, limiter=_READERS)
            if not piece:
                raise Cut(self.filename)
            position += len(piece)
            yield piece

    def close(self) -> None:
        """The client has all, or has gone."""
        if self._flight is not None:
            self._flight.leave()
            self._flight = None

    def _join(self) -> Flight:
        if self._start is None:
            raise Unavailable("The upstream's file", "it is not here", retry_after_seconds=1)
        self._flight = self._start()
        return self._flight

    def _may_begin(self, flight: Flight) -> bool:
        """Whether a byte can be sent. Small files, and such without a digest, are whole by then."""
        return flight.received is not None or flight.given_bytes() > 0

    def _is_more(self, flight: Flight, position: int) -> bool:
        """Whether there is more to give out, or a verdict to ask for."""
        asks = self._judge is not None and not self._let_through and flight.inspected is not None
        return flight.error is not None or asks or self._given(flight) > position

    async def _is_let_through(self, flight: Flight) -> bool:
        """Ask the judge, once, when all is known; he may look things up."""
        if self._judge is None or self._let_through or flight.inspected is None:
            return False
        self._let_through = await anyio.to_thread.run_sync(self._judge, flight.inspected) is None
        return self._let_through

    def _given(self, flight: Flight) -> int:
        """What may be given out; of a file that is judged, the end only after the verdict."""
        if self._judge is None or self._let_through:
            return flight.given_bytes()
        return min(flight.given_bytes(), flight.held_bytes())
