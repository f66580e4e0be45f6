"""Who stands behind a project that does not exist yet: for whom its name is kept while its first release is staged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.catalog.rights import MANAGING
from customhouse.catalog.staged import Session, ongoing_sessions
from customhouse.index import people
from customhouse.terms.identity import Actor
from customhouse.trust.tables import trusted_publisher

# Made once: building a statement costs more than running it.
_PENDING = (
    sa.select(trusted_publisher.c.pending_by, trusted_publisher.c.organization_id)
    .join(account, account.c.id == trusted_publisher.c.pending_by)
    .where(
        trusted_publisher.c.id == sa.bindparam("publisher"),
        trusted_publisher.c.project_id.is_(None),
        trusted_publisher.c.pending_normalized == sa.bindparam("normalized"),
        trusted_publisher.c.removed_at.is_(None),
        sa.or_(trusted_publisher.c.expires_at.is_(None), trusted_publisher.c.expires_at > sa.bindparam("now")),
        account.c.frozen_at.is_(None),
    )
)


@dataclass(frozen=True, slots=True)
class Founder:
    """Who will own the project: an account, or an organization if one is named."""

    account_id: int
    organization_id: int | None = None


def founder_of(sql: Connection, by: Actor, normalized: str, now: datetime) -> Founder | None:
    """For whom somebody acts who makes a new project of this name; None for a publisher that waits for another one."""
    if by.account_id is not None:
        return Founder(by.account_id)
    row = sql.execute(_PENDING, {"publisher": by.publisher_id, "normalized": normalized, "now": now}).one_or_none()
    if row is None:
        return None
    held = row.organization_id
    if held is not None and people.member_role(sql, held, row.pending_by) not in MANAGING:
        return None
    return Founder(row.pending_by, held)


def founds(sql: Connection, session: Session, by: Actor, now: datetime) -> bool:
    """Whether somebody may act on the first release of a project that does not exist yet.

    Who began it may, with whatever he comes; so may the publishers that wait for this name on his behalf, and the
    owners and managers of the organization that is to hold the project.
    """
    mine = founder_of(sql, by, session.normalized, now)
    if mine is None:
        return False
    if session.organization_id is not None and session.account_id != mine.account_id:
        return people.member_role(sql, session.organization_id, mine.account_id) in MANAGING
    begun_by = session.account_id
    if begun_by is None and session.publisher_id is not None:
        row = sql.execute(_PENDING, {"publisher": session.publisher_id, "normalized": session.normalized, "now": now})
        begun_by = row.scalar()
    return begun_by == mine.account_id


def kept_for(sql: Connection, normalized: str, by: Actor, now: datetime) -> bool:
    """Whether a name that is kept for a first release is kept for him."""
    sessions = ongoing_sessions(sql, normalized)
    return bool(sessions) and all(founds(sql, one, by, now) for one in sessions)
