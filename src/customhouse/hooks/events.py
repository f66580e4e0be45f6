"""What happens to webhooks. Their addresses may hold secrets of their owners: events name only scheme and host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.hooks.model import PROBE
from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class WebhookEvent(Event):
    """What all of them say: which hook, and of which organization if it is one's."""

    hook_id: str
    organization: str
    origin: str


@dataclass(frozen=True, slots=True)
class WebhookAdded(WebhookEvent):
    """Somebody wants to be told of events."""

    kind: ClassVar[str] = "webhook-added"
    patterns: str


@dataclass(frozen=True, slots=True)
class WebhookChanged(WebhookEvent):
    """Another address, other events, switched on or off."""

    kind: ClassVar[str] = "webhook-changed"
    patterns: str
    active: bool


@dataclass(frozen=True, slots=True)
class WebhookKeyRotated(WebhookEvent):
    """The hook has a new key; the one before is used beside it for a day."""

    kind: ClassVar[str] = "webhook-key-rotated"
    epoch: int


@dataclass(frozen=True, slots=True)
class WebhookRemoved(WebhookEvent):
    """Nothing is sent there any more."""

    kind: ClassVar[str] = "webhook-removed"


@dataclass(frozen=True, slots=True)
class WebhookProbed(WebhookEvent):
    """Somebody tries the hook: this event is sent to it."""

    kind: ClassVar[str] = PROBE


@dataclass(frozen=True, slots=True)
class WebhookSentAgain(WebhookEvent):
    """Somebody wants an earlier event sent once more."""

    kind: ClassVar[str] = "webhook-sent-again"
    serial: int


@dataclass(frozen=True, slots=True)
class WebhookSwitchedOff(WebhookEvent):
    """The index stopped sending because nothing came through for days, or because the receiver asked for it."""

    kind: ClassVar[str] = "webhook-switched-off"
    why: str
