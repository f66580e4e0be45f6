"""Ending a session: its files go, its name and version are free again."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from customhouse.catalog.model import Project
from customhouse.catalog.staged import ONGOING, Session
from customhouse.catalog.staged_events import SessionCanceled, told
from customhouse.catalog.staged_tables import upload_file, upload_part, upload_session
from customhouse.index import names
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import Identity


def end_session(
    tx: Tx, session: Session, project: Project | None, by: Identity, *, why: Literal["canceled", "expired"],
    keep_name: bool = False,
) -> None:  # fmt: skip
    """Cancel it with all its files. The name of a first release is free again, unless another one is being made.

    What was stored has no row any more then, so the sweep takes it.
    """
    tx.sql.execute(
        upload_session.update()
        .where(upload_session.c.id == session.id)
        .values(state="canceled", ended_at=tx.now(), changed_at=tx.now())
    )
    tx.sql.execute(
        upload_file.update()
        .where(upload_file.c.session_id == session.id)
        .values(state="canceled", metadata=None, attestations=None)
    )
    forget_parts(tx, session.id)
    gone = SessionCanceled(by, session.normalized, version=session.version, session=session.id, why=why)
    tx.record(told(session, gone))
    if project is None and not keep_name and names.lock_kept(tx.sql, session.normalized):
        others = sa.select(sa.func.count()).select_from(upload_session).where(
            upload_session.c.normalized == session.normalized, upload_session.c.state.in_(ONGOING)
        )  # fmt: skip
        if not tx.sql.execute(others).scalar_one():
            names.free_name(tx.sql, session.normalized)


def forget_parts(tx: Tx, session_id: str) -> None:
    """Drop the parts of all files of a session that is over."""
    files = sa.select(upload_file.c.id).where(upload_file.c.session_id == session_id)
    tx.sql.execute(upload_part.delete().where(upload_part.c.file_id.in_(files)))
