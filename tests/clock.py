"""A clock that tests turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class TurnableClock:
    """Stands still until it is turned, except for a microsecond each time it is read."""

    def __init__(self, start: datetime = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        self._now += timedelta(microseconds=1)
        return self._now

    def turn(self, by: timedelta) -> None:
        self._now += by
