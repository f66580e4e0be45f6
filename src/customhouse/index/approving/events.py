"""What happens to a release while it waits for people. For the owners of its project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class ReleaseWaits(Event):
    """A release waits for people, as its project or its sender's token asks."""

    kind: ClassVar[str] = "release-waits"
    version: str
    session: str
    codes: tuple[str, ...]
    why: str
    """The reasons in words."""


@dataclass(frozen=True, slots=True)
class ReleaseHeld(Event):
    """The index itself holds a release of a critical project back until an owner has looked at it."""

    kind: ClassVar[str] = "release-held"
    version: str
    session: str
    codes: tuple[str, ...]
    why: str
    """The reasons in words."""


@dataclass(frozen=True, slots=True)
class ReleaseApproved(Event):
    """Somebody approved exactly these files, with a second factor."""

    kind: ClassVar[str] = "release-approved"
    version: str
    session: str
    manifest: str
    method: str


@dataclass(frozen=True, slots=True)
class ApprovalWithdrawn(Event):
    """Somebody took an approval back."""

    kind: ClassVar[str] = "approval-withdrawn"
    version: str
    session: str
    manifest: str


@dataclass(frozen=True, slots=True)
class ReleaseRuleChanged(Event):
    """What a project asks of its releases is something else now; ``rule`` says it in words."""

    kind: ClassVar[str] = "release-rule-changed"
    rule: str
    before: str
