"""What happens when a bad file has been fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class FetchersTold(Event):
    """Accounts whose tokens fetched a bad file are told of it by mail."""

    kind: ClassVar[str] = "fetchers-told"
    bad_files: tuple[str, ...]
    fetched_by: tuple[str, ...]
    """The ids of the accounts."""
    first: str
    """The first and the last day on which they fetched any of it, as ISO dates."""
    last: str
    reason: str


@dataclass(frozen=True, slots=True)
class AddressLookedUp(Event):
    """Somebody asked whether a network is among those that fetched some files. Which one is not written down."""

    kind: ClassVar[str] = "fetcher-looked-up"
    files: tuple[str, ...]
    days: int
    """On how many days it was."""
