"""What projects say of vulnerabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class VexStated(Event):
    """A project has said what a vulnerability is to its releases, or has said it anew."""

    kind: ClassVar[str] = "vex-stated"
    statement_id: str
    vulnerability: str
    releases: str
    """Which releases, and which package inside them."""
    status: str
    justification: str
    expires: str
    version: int


@dataclass(frozen=True, slots=True)
class VexWithdrawn(Event):
    """A project has taken such a statement back."""

    kind: ClassVar[str] = "vex-withdrawn"
    statement_id: str
    vulnerability: str
    releases: str
