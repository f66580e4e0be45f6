"""What happens to linked identities. None of it is for the public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class IdentityLinked(Event):
    """An account belongs to somebody at another login, too."""

    kind: ClassVar[str] = "identity-linked"
    user_id: str
    issuer: str
    title: str
    name: str


@dataclass(frozen=True, slots=True)
class IdentityUnlinked(Event):
    """The other login lets nobody in any more."""

    kind: ClassVar[str] = "identity-unlinked"
    user_id: str
    issuer: str
    name: str


@dataclass(frozen=True, slots=True)
class IdentityProved(Event):
    """Somebody has just come from a linked login; ``purpose`` says what for: sign-in or a recovery case."""

    kind: ClassVar[str] = "identity-proved"
    user_id: str
    issuer: str
    purpose: str


@dataclass(frozen=True, slots=True)
class IdentityRefused(Event):
    """Somebody came from another login and was not let in; ``why`` holds nothing that he has sent."""

    kind: ClassVar[str] = "identity-refused"
    login: str
    network: str
    why: str
