"""What happens to mail domains. For operators; what it does to an account is in `accounts.lost_address`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class DomainLost(Event):
    """A mail domain is lost, and so many addresses with it."""

    kind: ClassVar[str] = "mail-domain-lost"
    domain: str
    reason: str
    sentence: str
    addresses: int


@dataclass(frozen=True, slots=True)
class DomainWaits(Event):
    """A mail domain seems to be lost, and more addresses with it than are given up in a day without a human."""

    kind: ClassVar[str] = "mail-domain-waits"
    domain: str
    reason: str
    sentence: str
    addresses: int


@dataclass(frozen=True, slots=True)
class DomainSpared(Event):
    """An operator says that a domain that waited is not lost."""

    kind: ClassVar[str] = "mail-domain-spared"
    domain: str
    reason: str
    days: int


@dataclass(frozen=True, slots=True)
class LooksFail(Event):
    """For days nobody has answered what we ask about most mail domains; nothing was changed because of that."""

    kind: ClassVar[str] = "mail-domain-looks-fail"
    domains: int
    days: int
    why: str


@dataclass(frozen=True, slots=True)
class LooksWork(Event):
    """Most mail domains can be looked at again."""

    kind: ClassVar[str] = "mail-domain-looks-work"
