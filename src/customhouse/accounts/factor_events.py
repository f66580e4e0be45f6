"""What happens to second factors, and on the way through them. None of it is for the public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class SignInBegun(Event):
    """Somebody typed the right password; a code, a key or a click in a mail is still owed."""

    kind: ClassVar[str] = "sign-in-begun"
    user_id: str
    network: str
    owes: str


@dataclass(frozen=True, slots=True)
class SecondStepFailed(Event):
    """Somebody who knows the password gave a wrong code, or a key's answer that is not right."""

    kind: ClassVar[str] = "second-step-failed"
    user_id: str
    network: str
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class SecondStepLocked(Event):
    """Too many wrong codes in a day: no typed code works for the account any more."""

    kind: ClassVar[str] = "second-step-locked"
    user_id: str
    network: str


@dataclass(frozen=True, slots=True)
class SecondStepUnlocked(Event):
    """Typed codes work again for the account."""

    kind: ClassVar[str] = "second-step-unlocked"
    user_id: str


@dataclass(frozen=True, slots=True)
class FactorAdded(Event):
    """An account has another second factor; its other sessions are over."""

    kind: ClassVar[str] = "factor-added"
    user_id: str
    factor_id: str
    method: str
    label: str


@dataclass(frozen=True, slots=True)
class FactorRemoved(Event):
    """An account has a second factor less; its other sessions are over."""

    kind: ClassVar[str] = "factor-removed"
    user_id: str
    factor_id: str
    method: str
    label: str


@dataclass(frozen=True, slots=True)
class FactorRenamed(Event):
    """A second factor has another name."""

    kind: ClassVar[str] = "factor-renamed"
    user_id: str
    factor_id: str
    label: str


@dataclass(frozen=True, slots=True)
class KeyCounterWentBack(Event):
    """A security key counted less than before: there may be a copy of it. It was not let in."""

    kind: ClassVar[str] = "key-counter-went-back"
    user_id: str
    factor_id: str
    label: str


@dataclass(frozen=True, slots=True)
class RecoveryCodesMade(Event):
    """An account has new recovery codes, and those from before are dead."""

    kind: ClassVar[str] = "recovery-codes-made"
    user_id: str
    codes: int


@dataclass(frozen=True, slots=True)
class RecoveryCodeUsed(Event):
    """A recovery code was used up; ``purpose`` says for what."""

    kind: ClassVar[str] = "recovery-code-used"
    user_id: str
    purpose: str
    codes_left: int


@dataclass(frozen=True, slots=True)
class BrowserConfirmed(Event):
    """A link in a mail let a new browser in."""

    kind: ClassVar[str] = "browser-confirmed"
    user_id: str
    network: str


@dataclass(frozen=True, slots=True)
class BrowsersForgotten(Event):
    """Every browser of the account must be confirmed anew."""

    kind: ClassVar[str] = "browsers-forgotten"
    user_id: str
    browsers: int
