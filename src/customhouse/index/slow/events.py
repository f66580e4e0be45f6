"""What happens to changes that wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class ChangeEvent(Event):
    """Which change, about whom, and who owns what it touches beside the owners of the event's own project."""

    change_id: int
    change: str
    """Its kind."""
    sentence: str
    user_id: str
    """The account that it is about, or empty."""
    organization: str
    """The organization that it is about, or empty."""
    co_owners: tuple[str, ...]
    """Ids of those who own protected projects together with the account that it is about."""
    critical: bool
    """Whether operators hear of it too."""


@dataclass(frozen=True, slots=True)
class ChangePutOff(ChangeEvent):
    """A dangerous change waits. Until it takes effect its owners can stop it."""

    kind: ClassVar[str] = "change-put-off"
    effective_at: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class ChangeMadeAtOnce(ChangeEvent):
    """An operator has made a dangerous change of a protected project without waiting, and says why."""

    kind: ClassVar[str] = "change-made-at-once"
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeContested(ChangeEvent):
    """A change waits for an operator: an owner has vetoed it, or it contradicts another."""

    kind: ClassVar[str] = "change-contested"
    why: str
    """veto, same-person (who asked for it has asked for one that was vetoed) or contradiction."""


@dataclass(frozen=True, slots=True)
class ChangeWithdrawn(ChangeEvent):
    """Whoever asked for a change has taken the wish back."""

    kind: ClassVar[str] = "change-withdrawn"


@dataclass(frozen=True, slots=True)
class ChangeDecided(ChangeEvent):
    """An operator has decided a contested change."""

    kind: ClassVar[str] = "change-decided"
    allowed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeApplied(ChangeEvent):
    """A change has taken effect after its time; what it changed stands in events of its own."""

    kind: ClassVar[str] = "change-applied"


@dataclass(frozen=True, slots=True)
class ChangeLapsed(ChangeEvent):
    """A change was due and could not be made: the rights, or what it was about, are no longer what they were."""

    kind: ClassVar[str] = "change-lapsed"
    why: str


@dataclass(frozen=True, slots=True)
class SlowMotionSwitched(Event):
    """From now on dangerous changes of the project wait, or no longer."""

    kind: ClassVar[str] = "slow-motion-switched"
    on: bool


@dataclass(frozen=True, slots=True)
class RoleFallsAsleep(Event):
    """Somebody has not used his role for nearly a year; soon he must confirm it before he publishes."""

    kind: ClassVar[str] = "role-falls-asleep"
    user_id: str
    name: str
    used_at: str
    sleeps_at: str


@dataclass(frozen=True, slots=True)
class RoleConfirmed(Event):
    """Somebody has confirmed, with a fresh proof of who he is, that he still means to publish."""

    kind: ClassVar[str] = "role-confirmed"
    user_id: str
    name: str
    used_at: str
    """When the role was used before, or empty."""


@dataclass(frozen=True, slots=True)
class AccountClosed(Event):
    """Somebody has closed his account for ever. Its name stays reserved, and what it did stays in the ledger."""

    kind: ClassVar[str] = "account-closed"
    user_id: str
    name: str
