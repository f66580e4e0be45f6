"""What happens to standing audits. What is in the lists is their owners' alone and stands in no event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class StandingRegistered(Event):
    """Somebody has sent a list of packages to be audited again and again, or has sent it anew."""

    kind: ClassVar[str] = "standing-registered"
    user_id: str
    standing_id: str
    components: int
    how: str
    """mail | webhook"""


@dataclass(frozen=True, slots=True)
class StandingRevoked(Event):
    """Somebody wants a list to be audited no more; it is forgotten."""

    kind: ClassVar[str] = "standing-revoked"
    user_id: str
    standing_id: str
