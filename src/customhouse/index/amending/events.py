"""What becomes known of releases afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class ReleaseAmended(Event):
    """An owner, a maintainer or an operator has said how a requirement of released versions is to be read."""

    kind: ClassVar[str] = "release-amended"
    changes_pages: ClassVar[bool] = True
    amendment_id: str
    change: str
    """``narrowing`` or ``widening``."""
    releases: str
    """The versions, in words; all of them stand in the signed record."""
    before: str
    after: str
    reason: str
    evidence: str
    sha256: str
    """Of the signed record, so that the ledger holds it fast."""


@dataclass(frozen=True, slots=True)
class AmendmentWithdrawn(Event):
    """Such a record no longer counts."""

    kind: ClassVar[str] = "amendment-withdrawn"
    changes_pages: ClassVar[bool] = True
    amendment_id: str
    change: str
    releases: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class ViewAmended(Event):
    """An operator has said it in one view alone. What a view's consumers use is nobody else's business."""

    kind: ClassVar[str] = "view-amended"
    view: str
    name: str
    """The project, normalised; it need not be hosted here."""
    amendment_id: str
    change: str
    """``narrowing``, ``widening`` or ``withdrawn``."""
    releases: str
    before: str
    after: str
    reason: str
    sha256: str
