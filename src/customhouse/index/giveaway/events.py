"""What happens to campaigns. No event holds a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class CodesLoaded(Event):
    """An operator loaded codes; ``known`` of those in the file were there already."""

    kind: ClassVar[str] = "giveaway-loaded"
    campaign: str
    codes: int
    known: int
    until: str
    """The last day of the campaign, as it is from now on."""


@dataclass(frozen=True, slots=True)
class EligibleDrawn(Event):
    """The list of those who may claim was made."""

    kind: ClassVar[str] = "giveaway-drawn"
    campaign: str
    people: int


@dataclass(frozen=True, slots=True)
class KeysClaimed(Event):
    """Somebody took the keys of a campaign; its codes are shown to nobody else."""

    kind: ClassVar[str] = "giveaway-claimed"
    campaign: str
    title: str
    keys: int
    user_id: str
