"""The releases that wait in the projects of one person, or that he has begun himself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import rights
from customhouse.catalog.staged import ONGOING, files_of_session, find_session
from customhouse.catalog.staged_tables import upload_session
from customhouse.index.approving.approve import may_approve
from customhouse.index.approving.clearance import clearance_of

MOST = 20


@dataclass(frozen=True, slots=True)
class WaitingRelease:
    """One of them. ``mine``: his approval is wanted."""

    id: str
    normalized: str
    display: str
    version: str
    mine: bool


def waiting_releases(sql: Connection, account_id: int, now: datetime) -> list[WaitingRelease]:
    """The oldest first, at most `MOST`."""
    names = [name for name, role in rights.projects_of(sql, account_id).items() if role is not None]
    own = sa.and_(upload_session.c.account_id == account_id, upload_session.c.project_id.is_(None))
    rows = sql.execute(
        sa.select(upload_session.c.id)
        .where(
            upload_session.c.state.in_(ONGOING),
            upload_session.c.embargo == "",
            sa.or_(upload_session.c.normalized.in_(names), own),
        )
        .order_by(upload_session.c.created_at)
        .limit(MOST)
    )
    found = []
    for session_id in rows.scalars().all():
        session = find_session(sql, session_id)
        if session is not None:
            files = files_of_session(sql, session.id)
            refusal = may_approve(clearance_of(sql, session, now, files), session, files, account_id)
            found.append(
                WaitingRelease(session.id, session.normalized, session.display, session.version, mine=refusal is None)
            )
    return found
