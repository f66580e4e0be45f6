"""What an advisory does to a project of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class NewestAffected(Event):
    """Vulnerabilities became known that affect the newest release of a project."""

    kind: ClassVar[str] = "newest-affected"
    version: str
    advisories: tuple[str, ...]
    """The ids of the records that speak for them, the worst first."""
    level: str
    """Of the worst: low, medium, high, critical, unknown."""
    fixed: tuple[str, ...]
    """Versions above the affected one in which any of them is mended, wherever they were released."""
    summary: str
