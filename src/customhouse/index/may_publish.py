"""What somebody owes before he may publish into a project that he has a role in, one rule after another.

Each rule is a function of `Publisher` that returns a `Refused` naming what to do, or None. They are asked before the
expensive checks of an upload and again inside its deed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.accounts.users import User
from customhouse.catalog.model import Project
from customhouse.terms.errors import Refused


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who wants to publish what, and when."""

    user: User
    project: Project
    now: datetime
    site: str
    """The address of this index without a slash at the end, for pages that a refusal points to."""


Rule = Callable[[Connection, Publisher], Refused | None]

RULES: tuple[Rule, ...] = ()


def refuse_unless_ready(sql: Connection, publisher: Publisher) -> None:
    """Raise what the first rule says that is not kept."""
    for rule in RULES:
        if (refusal := rule(sql, publisher)) is not None:
            raise refusal
