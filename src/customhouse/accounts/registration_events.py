"""What happens when people make accounts themselves and look after their addresses. None of it is for the public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class UserRegistered(Event):
    """Somebody made an account for himself; its address is not verified yet."""

    kind: ClassVar[str] = "user-registered"
    user_id: str
    name: str
    network: str


@dataclass(frozen=True, slots=True)
class AddressLinkMade(Event):
    """A letter goes to an address that somebody says is his; ``known`` if another account has verified it."""

    kind: ClassVar[str] = "address-link-made"
    user_id: str
    purpose: str
    known: bool


@dataclass(frozen=True, slots=True)
class AddressVerified(Event):
    """A link that was sent to the account's address was followed."""

    kind: ClassVar[str] = "address-verified"
    user_id: str


@dataclass(frozen=True, slots=True)
class AddressChangeAsked(Event):
    """The owner of an account wants another address; the old one hears of it."""

    kind: ClassVar[str] = "address-change-asked"
    user_id: str
    to: str
    """The new address with most of its letters left out."""


@dataclass(frozen=True, slots=True)
class AddressChanged(Event):
    """An account has another address, which is verified."""

    kind: ClassVar[str] = "address-changed"
    user_id: str
    before: str
    after: str
    """Both with most of their letters left out."""


@dataclass(frozen=True, slots=True)
class AddressChangeUndone(Event):
    """The old address has taken the change back; the account's sessions are over and its password works no longer."""

    kind: ClassVar[str] = "address-change-undone"
    user_id: str
    after: str


@dataclass(frozen=True, slots=True)
class ResetWithheld(Event):
    """Somebody asked for a link to a new password, and none was sent; ``why``: frozen, changed, limit."""

    kind: ClassVar[str] = "reset-withheld"
    user_id: str
    why: str


@dataclass(frozen=True, slots=True)
class ResetAsked(Event):
    """Somebody asked for a link to a new password; whose, and whether there is such an account, is not said here."""

    kind: ClassVar[str] = "reset-asked"
    network: str


@dataclass(frozen=True, slots=True)
class BreachedSignIn(Event):
    """Somebody signed in with the right password, which others know: no session, and a letter with a link."""

    kind: ClassVar[str] = "breached-sign-in"
    user_id: str
    network: str
