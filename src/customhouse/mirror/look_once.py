"""One look at a time: many who want to know the same wait for one of them, here and on the same machine.

Looks are made by threads of their own, a few for each process, so that an upstream that hangs takes none of those that
answer requests: whoever waits gives up after a while, and the look goes on for the next one who asks. Between processes
of one machine a lock on a file keeps the others waiting until they can read what the first has written; the kernel
lets it go when its holder dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from concurrent.futures import wait as wait_for
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from customhouse.terms.errors import Unavailable

FREE_SECONDS = 2.0
"""So long anybody may wait for a look."""
MOST_PATIENT = 16
"""So many may wait longer at once."""
LONGEST_SECONDS = 90.0
AT_ONCE = 16
MOST_PENDING = 200
"""Looks that nobody waits for are left out beyond that."""
_ASK_AGAIN_SECONDS = 0.02

R = TypeVar("R")


class Looks(Generic[R]):
    """The looks of this process. For any thread."""

    def __init__(self, folder: Path, *, at_once: int = AT_ONCE) -> None:
        """``folder`` is shared by the processes of this machine; it is made when it is needed."""
        self._folder = folder
        self._at_once = at_once
        self._guard = threading.Lock()
        self._flying: dict[str, Future[R]] = {}
        self._patient = threading.BoundedSemaphore(MOST_PATIENT)
        self._threads: ThreadPoolExecutor | None = None

    def once(self, key: str, look: Callable[[bool], R]) -> R:
        """What ``look`` returns or raises, or what somebody else's does who has begun before.

        ``look`` is told whether another process has looked while it waited.
        """
        return self._wait(self._begin(key, look))

    def behind(self, key: str, look: Callable[[bool], R]) -> None:
        """Look without waiting, unless somebody does already or too many wait to be made."""
        with self._guard:
            if len(self._flying) >= MOST_PENDING:
                return
        self._begin(key, look)

    def settle(self) -> None:
        """Wait until every look that has begun is over, whatever has come of it."""
        with self._guard:
            flying = list(self._flying.values())
        wait_for(flying)

    def close(self) -> None:
        """Begin no more looks, and wait for those that have begun."""
        with self._guard:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=True, cancel_futures=True)

    def _begin(self, key: str, look: Callable[[bool], R]) -> Future[R]:
        with self._guard:
            flying = self._flying.get(key)
            if flying is None:
                if self._threads is None:
                    self._threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="upstream")
                flying = self._flying[key] = self._threads.submit(self._run, key, look)
            return flying

    def _run(self, key: str, look: Callable[[bool], R]) -> R:
        try:
            with self._alone(key) as waited:
                return look(waited)
        finally:
            with self._guard:
                self._flying.pop(key, None)

    def _wait(self, flying: Future[R]) -> R:
        wait_for([flying], FREE_SECONDS)
        if flying.done():
            return flying.result()
        if not self._patient.acquire(blocking=False):
            raise Unavailable("The upstream", "it takes long, and many wait for it already")
        try:
            return flying.result(LONGEST_SECONDS)
        except NotYet as error:
            raise Unavailable("The upstream", "it takes too long") from error
        finally:
            self._patient.release()

    @contextmanager
    def _alone(self, key: str) -> Iterator[bool]:
        """The only one on this machine who looks, and whether another one had to be waited for.

        If that takes too long it goes without.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        # As many files as three digits can name, and never more: two names that share one wait for each other.
        digits = hashlib.sha256(key.encode()).hexdigest()[:3]
        descriptor = os.open(self._folder / digits, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline, waited = time.monotonic() + FREE_SECONDS, False
            while not _taken(descriptor) and time.monotonic() < deadline:
                waited = True
                time.sleep(_ASK_AGAIN_SECONDS)
            yield waited
        finally:
            os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
