"""What approving speaks about: why a release waits for people, and what is still missing before it may be published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a release waits. ``hold`` is a rule of the index's own about critical projects; its owners are asked."""

    code: str
    sentence: str
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing before a staged release may be published, in words and for machines."""

    sentence: str
    approvals: int
    """How many are still wanted."""
    who: tuple[str, ...]
    """Names of the accounts that may give one."""
    not_before: datetime | None = None
    """It may not be published earlier, however many approve."""
