"""Waiting between two attempts, so that it can be broken off."""

from __future__ import annotations

import email.utils
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event

from customhouse.terms.clock import Clock, SystemClock

ATTEMPTS = 6
FIRST_SECONDS, LONGEST_SECONDS = 0.5, 30.0
LONGEST_ASKED_SECONDS = 300.0
"""What an index asks us to wait is believed up to here."""


class Stopped(Exception):
    """Somebody has pressed Ctrl-C, or another file has failed for good: this thread ends."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, and whether to go on at all. ``sleep`` returns early if ``stop`` is set meanwhile."""

    stop: Event = field(default_factory=Event)
    sleep: Callable[[float], object] | None = None
    """Something else than waiting for real, for tests."""
    clock: Clock = field(default_factory=SystemClock)

    def check(self) -> None:
        """Raise `Stopped` if we are to end."""
        if self.stop.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        """Wait; raises `Stopped` if we are to end."""
        self.check()
        (self.sleep or self.stop.wait)(seconds)
        self.check()


def seconds_before(attempt: int, headers: Mapping[str, str] | None = None) -> float:
    """How long to wait before attempt 2, 3, …: what the index asks for, else twice as long each time, and a bit."""
    asked = retry_after(headers) if headers is not None else None
    if asked is not None:
        return asked
    longest: float = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (attempt - 1))
    return longest * (0.5 + random.random() / 2)  # noqa: S311 - so that many clients do not come back at once


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header (RFC 9110, 10.2.3), a number or a date; None if there is none to read.

    A date is compared with the answer's own ``Date``, so that nobody's clock has to be right.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_ASKED_SECONDS)
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
        said = email.utils.parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, moment - said), LONGEST_ASKED_SECONDS)
