"""A project's own rule about its releases: how many people must approve one, with what, and when it may appear."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.staged_tables import release_rule
from customhouse.index.approving.model import Method
from customhouse.terms.errors import Rejected

MOST_APPROVALS = 10
LONGEST_AGE = timedelta(days=30)
_OF = sa.select(
    release_rule.c.approvals,
    release_rule.c.method,
    release_rule.c.not_uploader,
    release_rule.c.minimum_age_seconds,
    release_rule.c.team_id,
).where(release_rule.c.project_id == sa.bindparam("project"))


@dataclass(frozen=True, slots=True)
class ReleaseRule:
    """What the owners of a project ask of every release of it."""

    approvals: int = 0
    """How many people."""
    method: Method = "any"
    not_uploader: bool = True
    """Nobody approves what he has sent himself."""
    minimum_age: timedelta = timedelta(0)
    """Since the last change of its files."""
    team_id: int | None = None
    """The team whose members alone approve; None: owners and maintainers."""


NO_RULE = ReleaseRule()


def rule_of(sql: Connection, project_id: int | None) -> ReleaseRule:
    """The rule of a project; `NO_RULE` if it has none, or does not exist yet."""
    row = sql.execute(_OF, {"project": project_id}).one_or_none() if project_id is not None else None
    if row is None:
        return NO_RULE
    age = timedelta(seconds=row.minimum_age_seconds)
    return ReleaseRule(row.approvals, row.method, row.not_uploader, age, row.team_id)


def check_rule(rule: ReleaseRule) -> ReleaseRule:
    """The same rule; raises `Rejected` for what cannot be asked."""
    if not 0 <= rule.approvals <= MOST_APPROVALS:
        raise Rejected("bad-rule", "approvals", f"{rule.approvals} people", f"0 to {MOST_APPROVALS}")
    if not timedelta(0) <= rule.minimum_age <= LONGEST_AGE:
        raise Rejected("bad-rule", "minimum age", f"{rule.minimum_age}", f"0 to {LONGEST_AGE.days} days")
    return rule


def is_lowered(before: ReleaseRule, after: ReleaseRule) -> bool:
    """Whether anything is asked no longer. Another team counts: its people may be anybody's."""
    return (
        after.approvals < before.approvals
        or (before.method == "webauthn" and after.method == "any")
        or (before.not_uploader and not after.not_uploader and before.approvals > 0)
        or after.minimum_age < before.minimum_age
        or (before.approvals > 0 and after.team_id != before.team_id)
    )
