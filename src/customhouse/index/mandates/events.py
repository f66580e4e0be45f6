"""What happens to mandates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class MandateEvent(Event):
    """Which mandate; ``organization`` is a name, empty unless the scope says so. Times in ISO 8601, UTC."""

    mandate_id: int
    title: str
    scope: str
    organization: str


@dataclass(frozen=True, slots=True)
class MandateAnnounced(MandateEvent):
    """From some day on, people need a second factor."""

    kind: ClassVar[str] = "mandate-announced"
    methods: str
    announced_at: str
    warned_at: str
    enforced_at: str


@dataclass(frozen=True, slots=True)
class MandateChanged(MandateEvent):
    """Other days, or other methods. ``lowered``: it asks for less than before."""

    kind: ClassVar[str] = "mandate-changed"
    methods: str
    methods_before: str
    warned_at: str
    enforced_at: str
    enforced_before: str
    lowered: bool
    reason: str


@dataclass(frozen=True, slots=True)
class MandateEnded(MandateEvent):
    """It asks for nothing any more."""

    kind: ClassVar[str] = "mandate-ended"
    reason: str


@dataclass(frozen=True, slots=True)
class MandateExempted(MandateEvent):
    """An account, or everybody in one project, is let off until a day."""

    kind: ClassVar[str] = "mandate-exempted"
    user_id: str
    """Empty if it is a project."""
    name: str
    """The account, or the project."""
    until: str
    reason: str


@dataclass(frozen=True, slots=True)
class MandateExemptionEnded(MandateEvent):
    """Somebody is let off no longer."""

    kind: ClassVar[str] = "mandate-exemption-ended"
    user_id: str
    name: str
    reason: str
