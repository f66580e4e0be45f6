"""What happens to views, for operators alone: what a company lets in is nobody else's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class ViewSet(Event):
    """A view was added or changed. ``policy`` is the whole text, so that the ledger says what was in force when."""

    kind: ClassVar[str] = "view-set"
    view: str
    change: str
    """``added`` or ``changed``."""
    upstreams: tuple[str, ...]
    policy: str


@dataclass(frozen=True, slots=True)
class ViewRemoved(Event):
    """A view is no more."""

    kind: ClassVar[str] = "view-removed"
    view: str


@dataclass(frozen=True, slots=True)
class ViewsVoided(Event):
    """What all views rest on has changed, and everything that they show is looked at anew."""

    kind: ClassVar[str] = "views-voided"
    why: str
    views: int
