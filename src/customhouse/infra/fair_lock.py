"""First come, first served among the writers of one SQLite file in this process.

SQLite lets a writer who finds another one at work sleep and ask again, ever longer, and starves the unlucky.
"""

from __future__ import annotations

import threading
from collections import deque
from functools import cache
from pathlib import Path


class FairLock:
    """A lock that is handed over in the order of asking."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Event] = deque()

    def acquire(self, timeout_seconds: float) -> bool:
        """Wait for one's turn; False if it did not come in time."""
        with self._guard:
            if not self._held:
                self._held = True
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(timeout_seconds):
            return True
        with self._guard:
            if turn.is_set():  # the turn came between the timeout and this line
                return True
            self._waiting.remove(turn)
            return False

    def release(self) -> None:
        """Give the lock to the one who has waited longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False


def write_lock(path: Path) -> FairLock:
    """The one lock of that SQLite file in this process."""
    return _write_lock(path.absolute())


@cache
def _write_lock(_path: Path) -> FairLock:
    return FairLock()
