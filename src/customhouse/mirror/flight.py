"""One file on its way, and everybody who waits for it: one thread that fetches it, or watches another process do so.

Readers follow the growing file. The last piece of it is given out when the whole has been checked, so that nobody
ever holds a whole wrong file.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from customhouse.infra.stream import Pace, Streams
from customhouse.mirror.download import Abandoned, Progress, Received, Wanted, download
from customhouse.mirror.model import Inspected
from customhouse.mirror.object_rows import Kept
from customhouse.mirror.partial import Partial, State, error_of, failed
from customhouse.terms.errors import Broken, CustomhouseError, Unavailable

log = logging.getLogger("customhouse.mirror")

HELD_BYTES = 64 * 1024
"""The end of a file that nobody gets before the whole was checked."""
WATCH_SECONDS = 0.01
SLOT_SECONDS = 60.0
REFUSED_SECONDS = 10.0
"""For so long a failure is told again instead of asking upstream again."""


@dataclass(frozen=True)
class Ground:
    """What a flight needs around it."""

    streams: Callable[[], Streams]
    """Where the upstream's answers may lead is found out when it is asked, which may take a while."""
    pace: Pace
    slot: Callable[[float, Callable[[], bool]], AbstractContextManager[bool]]
    """A place among those who fetch from this upstream, waited for so many seconds; False: there was none."""
    kept: Callable[[], Kept | None]
    """The file's row if its bytes are in the store by now."""
    keep: Callable[[Path, Received], None]
    """Put the checked bytes into the store and write the row. May raise."""
    examine: Callable[[Path, Received], Inspected | None]
    """Read the checked file strictly and write down what was found; None if that did not work, and is done later."""
    refused_seconds: float = REFUSED_SECONDS


class Flight:
    """One file on its way. Everything that changes is guarded by ``_changed``."""

    def __init__(self, wanted: Wanted, partial: Partial, ground: Ground, landed: Callable[[Flight], None]) -> None:
        self.wanted = wanted
        self.available = 0
        self.total = wanted.size_bytes
        self.received: Received | None = None
        """Set when the whole was checked."""
        self.inspected: Inspected | None = None
        """Set when it was stored and examined."""
        self.elsewhere = False
        """Whether it lies in the store, and nothing of it here."""
        self.error: CustomhouseError | None = None
        self._partial = partial
        self._ground = ground
        self._landed = landed
        self._changed = threading.Condition()
        self._listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._readers = 0
        self._given = False
        """Whether anybody has got bytes of it."""
        self._descriptor = -1
        self._old_descriptors: list[int] = []
        """Closed at the end: somebody may be reading from them."""
        self._over = False
        self._thread = threading.Thread(target=self._run, name="mirror-flight", daemon=True)

    # --- for those who wait

    def join(self) -> bool:
        """Be counted among the readers; False if it is over and nothing can be read any more."""
        with self._changed:
            if self._over and (self._descriptor < 0 or self.error is not None):
                return False
            self._readers += 1
            if self._thread.ident is None:
                self._thread.start()
            return True

    def leave(self) -> None:
        """Read no more."""
        with self._changed:
            self._readers -= 1
            if self._readers == 0 and self._over:
                self._close()
            self._changed.notify_all()

    def wait(self, until: Callable[[], bool], seconds: float) -> bool:
        """Block until something is so, or the flight is over; whether it is so."""
        with self._changed:
            self._changed.wait_for(lambda: until() or self._over, seconds)
            return until()

    async def until(self, found: Callable[[], bool]) -> bool:
        """Wait until something is so, or the flight is over; whether it is so."""
        event = asyncio.Event()
        listener = (asyncio.get_running_loop(), event)
        with self._changed:
            self._listeners.add(listener)
        try:
            while not found() and not self._over:
                await event.wait()
                event.clear()
            return found()
        finally:
            with self._changed:
                self._listeners.discard(listener)

    def given_bytes(self) -> int:
        """How much of the file may be given out now."""
        if self.received is not None:
            return self.available
        return min(self.available, self.held_bytes()) if self.wanted.sha256 else 0

    def held_bytes(self) -> int:
        """Where the part begins that nobody gets before the whole was checked."""
        return 0 if self.total is None else max(0, self.total - HELD_BYTES)

    def read(self, position: int, most: int) -> bytes:
        """Bytes that may be given out, from the growing file."""
        with self._changed:
            most = min(most, self.given_bytes() - position)
            descriptor, self._given = self._descriptor, True
        return os.pread(descriptor, most, position) if most > 0 and descriptor >= 0 else b""

    # --- the thread

    def _run(self) -> None:
        try:
            self._fly()
        except Abandoned:
            self._tell(error=Unavailable("The upstream's file", "nobody waited for it any more", retry_after_seconds=1))
        except CustomhouseError as error:
            log.warning("%s: %s", self.wanted.filename, error)
            self._tell(error=error)
        except Exception as error:
            log.exception("%s was not fetched", self.wanted.filename)
            self._tell(error=Broken(f"{self.wanted.filename} was not fetched: {type(error).__name__}"))
        finally:
            self._landed(self)
            with self._changed:
                self._over = True
                if self._readers == 0:
                    self._close()
            self._tell()

    def _fly(self) -> None:
        waiting = -1
        try:
            while True:
                self._open()
                if not self._partial.take(self._descriptor):
                    waiting = self._partial.wait() if waiting < 0 else waiting
                    if self._watch():
                        return
                if not self._partial.is_current(self._descriptor):
                    if self._is_kept():
                        return
                    self._start_anew()
                    continue
                if waiting >= 0:
                    os.close(waiting)
                    waiting = -1
                self._fetch()
                return
        finally:
            if waiting >= 0:
                os.close(waiting)
            if self._descriptor >= 0:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _open(self) -> None:
        descriptor = self._partial.open()
        with self._changed:
            if self._descriptor >= 0:
                self._old_descriptors.append(self._descriptor)
            self._descriptor = descriptor

    def _start_anew(self) -> None:
        """The others have given up, and another file begins: who has bytes of the old one gets none of the new."""
        with self._changed:
            if self._given:
                raise Unavailable("The upstream's file", "it broke off", retry_after_seconds=1)
            self.available = 0

    def _watch(self) -> bool:
        """Read along while another process fetches; True if that is all, False if the lock is ours now."""
        good = False
        while not self._partial.take(self._descriptor):
            state = self._partial.state()
            if state.outcome == "failed":
                raise error_of(state)
            size_bytes = os.fstat(self._descriptor).st_size
            good = good or state.outcome == "good"
            received = Received(state.digest, size_bytes, "") if state.outcome == "good" else self.received
            self._tell(available=size_bytes, total=state.size_bytes, received=received)
            if not self._is_wanted_here():
                raise Abandoned
            time.sleep(WATCH_SECONDS)
        return good and self._is_kept()

    def _is_kept(self) -> bool:
        """Whether it was stored meanwhile."""
        found = self._ground.kept()
        if found is None:
            return False
        whole = self._descriptor >= 0 and os.fstat(self._descriptor).st_size == found.size_bytes
        received = Received(found.digest, found.size_bytes, found.pinned_by)
        if whole and self.received is not None:
            self._tell(available=found.size_bytes, inspected=found.inspected)
        else:
            self._tell(elsewhere=True, received=received, inspected=found.inspected)
        return True

    def _fetch(self) -> None:
        """We hold the lock: fetch, check, store, examine."""
        state = self._partial.state()
        # The clock begins anew with the machine, and then what was said before lies in the future.
        if state.outcome == "failed" and 0 <= time.monotonic() - state.ended_at < self._ground.refused_seconds:
            self._partial.remove(keep_word=True)
            raise error_of(state)
        if self._is_kept():
            self._partial.remove()
            return
        # Whoever died after his last word has left it: nobody is to take what is fetched now for whole because of it.
        self._partial.say(State())
        if not self.wanted.sha256:
            os.ftruncate(self._descriptor, 0)
        try:
            received = self._download()
            self._partial.say(State(received.size_bytes, "", "good", received.sha256))
            self._tell(available=received.size_bytes, total=received.size_bytes, received=received)
            self._ground.keep(self._partial.path, received)
            self._tell(inspected=self._ground.examine(self._partial.path, received))
        except Abandoned:
            self._partial.remove()
            raise
        except CustomhouseError as error:
            self._partial.say(failed(error))
            self._partial.remove(keep_word=True)
            raise
        except BaseException:
            self._partial.remove()
            raise
        self._partial.remove()

    def _download(self) -> Received:
        with self._ground.slot(SLOT_SECONDS, self._is_wanted) as free:
            if not free:
                raise Unavailable("The upstream", "too many of its files are being fetched", retry_after_seconds=5)
            said: list[tuple[int | None, str]] = []

            def told(here: int, total: int | None, validator: str) -> None:
                if said != [(total, validator)]:
                    said[:] = [(total, validator)]
                    self._partial.say(State(total, validator))
                self._tell(available=here, total=total)

            progress = Progress(told, self._is_wanted)
            return download(self._ground.streams(), self.wanted, self._descriptor, progress, self._ground.pace)

    def _is_wanted_here(self) -> bool:
        return self._readers > 0

    def _is_wanted(self) -> bool:
        """Whether to go on: somebody waits, here or in another process, or more than half is there."""
        if self._readers > 0 or (self.total is not None and self.available * 2 > self.total):
            return True
        return self._partial.somebody_waits()

    def _tell(
        self, *, available: int | None = None, total: int | None = None, received: Received | None = None,
        inspected: Inspected | None = None, elsewhere: bool = False, error: CustomhouseError | None = None,
    ) -> None:  # fmt: skip
        with self._changed:
            self.available = self.available if available is None else available
            self.total = self.total if total is None else total
            self.received = self.received or received
            self.inspected = self.inspected or inspected
            self.elsewhere = self.elsewhere or elsewhere
            self.error = self.error or error
            self._changed.notify_all()
            for loop, event in self._listeners:
                # A loop that has ended has nobody who waits.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(event.set)

    def _close(self) -> None:
        for descriptor in (*self._old_descriptors, self._descriptor):
            if descriptor >= 0:
                os.close(descriptor)
        self._old_descriptors, self._descriptor = [], -1
