"""What is told to other indexes of projects has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class PublicSignalsCounted(Event):
    """Some projects' pages tell other numbers than before."""

    kind: ClassVar[str] = "public-signals-counted"
    names: tuple[str, ...]
    """Normalised."""
