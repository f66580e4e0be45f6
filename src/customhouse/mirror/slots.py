"""How many fetch from one upstream at once: each has its own count, so that a slow one holds up only itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

AT_ONCE = 8
POLL_SECONDS = 0.2


class Slots:
    """Places among those who fetch, by upstream."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._guard = threading.Lock()
        self._free: dict[str, threading.Semaphore] = {}

    @contextmanager
    def take(self, upstream: str, seconds: float, wanted: Callable[[], bool]) -> Iterator[bool]:
        """Wait for a place as long as it is wanted; False if none became free."""
        with self._guard:
            free = self._free.setdefault(upstream, threading.Semaphore(self._at_once))
        deadline = time.monotonic() + seconds
        taken = free.acquire(blocking=False)
        while not taken and wanted() and (left := deadline - time.monotonic()) > 0:
            taken = free.acquire(timeout=min(POLL_SECONDS, left))
        try:
            yield taken
        finally:
            if taken:
                free.release()
