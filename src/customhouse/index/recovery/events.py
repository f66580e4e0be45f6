"""What happens in recovery cases. For operators only; no link, token or code is in any of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class RecoveryEvent(Event):
    """Which case, whose account, and who owns projects together with it."""

    case_id: int
    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class RecoveryOpened(RecoveryEvent):
    """Somebody who says that he has lost his factor asks for an account. Nothing changes for it, if there is one."""

    kind: ClassVar[str] = "recovery-opened"
    sent: bool
    """Whether the link went to the account's address."""


@dataclass(frozen=True, slots=True)
class RecoveryAnnounced(RecoveryEvent):
    """The account's owner and the co-owners are told by letter; of many askings in a day only the first few."""

    kind: ClassVar[str] = "recovery-announced"
    co_owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecoveryProofGiven(RecoveryEvent):
    """A proof was checked."""

    kind: ClassVar[str] = "recovery-proof-given"
    proof: str
    subject: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class RecoveryHeld(RecoveryEvent):
    """There is evidence that no stranger could give: the account publishes nothing until the case is settled."""

    kind: ClassVar[str] = "recovery-held"
    until: str
    co_owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecoveryAddressGiven(RecoveryEvent):
    """Another address was named in the case, or (``proved``) a link sent there was followed."""

    kind: ClassVar[str] = "recovery-address-given"
    proved: bool


@dataclass(frozen=True, slots=True)
class RecoveryAddressTold(RecoveryEvent):
    """Another address was proved in a case that holds uploads: the account's owner and the co-owners hear of it."""

    kind: ClassVar[str] = "recovery-address-told"
    co_owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecoveryAgreed(RecoveryEvent):
    """The first of two operators has agreed."""

    kind: ClassVar[str] = "recovery-agreed"
    note: str


@dataclass(frozen=True, slots=True)
class RecoveryApproved(RecoveryEvent):
    """The second operator has agreed: it takes effect at ``due_at`` unless somebody objects."""

    kind: ClassVar[str] = "recovery-approved"
    note: str
    due_at: str
    co_owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecoveryContested(RecoveryEvent):
    """Somebody concerned objects; the case waits for an operator."""

    kind: ClassVar[str] = "recovery-contested"
    reason: str
    co_owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecoveryResumed(RecoveryEvent):
    """An operator lets a contested case go on; a delay that was running begins anew."""

    kind: ClassVar[str] = "recovery-resumed"
    reason: str
    due_at: str
    co_owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecoveryClosed(RecoveryEvent):
    """A case ended without giving the account to anybody: ended, refused, expired or superseded."""

    kind: ClassVar[str] = "recovery-closed"
    outcome: str
    reason: str
    co_owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecoveryCompleted(RecoveryEvent):
    """The account was given back: factors, codes, sessions, devices and tokens are gone, a link is on its way."""

    kind: ClassVar[str] = "recovery-completed"
    co_owners: tuple[str, ...]
    factors: int
    tokens: int
    sessions: int
    new_address: bool
    opens_at: str
    """When the account may publish again."""


@dataclass(frozen=True, slots=True)
class RecoveryRefusal(Event):
    """Somebody tried what only others may do in a recovery case, or guessed."""

    kind: ClassVar[str] = "recovery-refusal"
    case_id: int
    why: str
