"""Giving a session more time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from customhouse.catalog.staged import Session, find_session
from customhouse.catalog.staged_tables import upload_file, upload_session
from customhouse.index.staging.policy import LONGEST_LIVES, Policy
from customhouse.index.staging.rights import refuse_unless_editable, subject
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import Actor


@dataclass(frozen=True, slots=True)
class Extend:
    """A wish for more time."""

    session_id: str
    seconds: int
    by: Actor
    policy: Policy


def extend(command: Extend, tx: Tx) -> Session:
    """Move the end later by so much, as far as the policy allows; never earlier, and no refusal if it stays (PEP 694).

    A session has never more time left than a new one, and none lives longer than six of them one after the other. Its
    files live as long as itself.
    """
    session, _project = subject(tx, command.session_id, command.by)
    refuse_unless_editable(session, tx.now())
    life = command.policy.life
    most = LONGEST_LIVES * life
    latest = min(tx.now() + life, session.created_at + most)
    wished = session.expires_at + timedelta(seconds=min(command.seconds, int(most.total_seconds())))
    ends = max(session.expires_at, min(wished, latest)).replace(microsecond=0)
    tx.sql.execute(upload_session.update().where(upload_session.c.id == session.id).values(expires_at=ends))
    tx.sql.execute(upload_file.update().where(upload_file.c.session_id == session.id).values(expires_at=ends))
    return find_session(tx.sql, session.id) or session
