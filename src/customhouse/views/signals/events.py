"""What happens to lists of signals; for operators alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class SignalListEvent(Event):
    """Which list: what it says, of whose projects, by whom, of which day."""

    signal: str
    upstream: str
    source: str
    dated: str
    rows: int


@dataclass(frozen=True, slots=True)
class SignalListLoaded(SignalListEvent):
    """A list was loaded; one of the same source that was there before counts no more."""

    kind: ClassVar[str] = "signal-list-loaded"


@dataclass(frozen=True, slots=True)
class SignalListForgotten(SignalListEvent):
    """A list was taken away."""

    kind: ClassVar[str] = "signal-list-forgotten"
