"""Who wants to publish what: what the rules of `may_publish` are asked about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from customhouse.accounts.users import User
from customhouse.catalog.model import Project


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who wants to publish what, and when."""

    user: User
    project: Project
    now: datetime
    site: str
    """The address of this index without a slash at the end, for pages that a refusal points to."""
