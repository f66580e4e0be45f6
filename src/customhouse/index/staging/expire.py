"""Ending sessions whose time is over, and forgetting those that were canceled long ago. Running it again finds none.

What was published keeps its session: who has approved which bytes, and what his key has signed, can be shown for ever.
"""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.catalog.staged import find_session
from customhouse.catalog.staged_tables import approval, upload_file, upload_part, upload_session
from customhouse.index.staging.end import end_session
from customhouse.index.staging.policy import RETENTION
from customhouse.index.staging.rights import lock_session
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.identity import SYSTEM

EXPIRE_JOB = "expire-sessions"
AT_ONCE = 200


def expire_sessions(deeds: Deeds) -> int:
    """End what is over, one session in one deed; returns how many ended. The rows of canceled ones go a month later."""
    now = deeds.clock.now()
    table = upload_session.c
    due = sa.select(table.id).where(table.state.in_(("open", "error")), table.expires_at <= now).limit(AT_ONCE)
    old = sa.select(table.id).where(table.state == "canceled", table.ended_at <= now - RETENTION).limit(AT_ONCE)
    with deeds.database.read() as sql:
        ending, forgotten = list(sql.execute(due).scalars()), list(sql.execute(old).scalars())
    for session_id in ending:
        deeds.do(_expire, session_id)
    for session_id in forgotten:
        deeds.do(_forget, session_id)
    return len(ending)


def _expire(session_id: str, tx: Tx) -> None:
    seen = find_session(tx.sql, session_id)
    session, project = lock_session(tx, seen) if seen is not None else (None, None)
    if session is not None and session.state in ("open", "error") and session.expires_at <= tx.now():
        end_session(tx, session, project, SYSTEM, why="expired")


def _forget(session_id: str, tx: Tx) -> None:
    session = find_session(tx.sql, session_id, lock=True)
    if (
        session is None
        or session.state != "canceled"
        or session.ended_at is None
        or session.ended_at > tx.now() - RETENTION
    ):
        return
    files = sa.select(upload_file.c.id).where(upload_file.c.session_id == session_id)
    tx.sql.execute(upload_part.delete().where(upload_part.c.file_id.in_(files)))
    tx.sql.execute(upload_file.delete().where(upload_file.c.session_id == session_id))
    tx.sql.execute(approval.delete().where(approval.c.session_id == session_id))
    tx.sql.execute(upload_session.delete().where(upload_session.c.id == session_id))
