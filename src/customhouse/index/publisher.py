"""Who wants to publish what: what the rules of `may_publish` are asked about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from customhouse.catalog.model import Project
from customhouse.terms.errors import Broken
from customhouse.terms.identity import Actor


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who wants to publish what, and when."""

    by: Actor
    project: Project
    now: datetime
    site: str
    """The address of this index without a slash at the end, for pages that a refusal points to."""

    @property
    def account_id(self) -> int:
        """The account of somebody who has one; machines are asked other things."""
        if self.by.account_id is None:
            raise Broken("A trusted publisher was asked for its account.")
        return self.by.account_id
