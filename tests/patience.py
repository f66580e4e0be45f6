"""Waiting for what somebody else does: asked again and again, and for so long at most."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.01


def until(there: Callable[[], object], *, why: str = "it has not happened", seconds: float = PATIENCE_SECONDS) -> None:
    """Return when it is there; raises `AssertionError` with the reason if the time is over."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, why
        time.sleep(POLL_SECONDS)  # asking without a pause would take the core from those who are asked about
