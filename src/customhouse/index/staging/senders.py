"""Who has sent the files of a release: whether each could send his still, when it is published or tried."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account, api_token
from customhouse.catalog.model import Project
from customhouse.catalog.staged import Session
from customhouse.index.founders import founds
from customhouse.index.publication import StoredFile, role_here
from customhouse.terms.identity import Actor

GONE = "Who sent it may not publish here any more."
"""One sentence for all reasons: what became of somebody's account is not for everybody who can publish."""


def by_sender(files: Iterable[StoredFile]) -> list[tuple[Actor, tuple[StoredFile, ...]]]:
    """The files of everybody who has sent some, with each of his tokens."""
    senders: dict[tuple[int | None, int | None, str], list[StoredFile]] = {}
    for one in files:
        senders.setdefault((one.by.account_id, one.by.publisher_id, one.by.token_id), []).append(one)
    return [(theirs[0].by, tuple(theirs)) for theirs in senders.values()]


def files_of_strangers(
    sql: Connection, session: Session, project: Project | None, files: Iterable[StoredFile], now: datetime
) -> tuple[str, ...]:
    """The names of the files whose senders have no right to the project now, or none to found it."""
    return tuple(
        one.name.filename
        for sender, theirs in by_sender(files)
        if not (founds(sql, session, sender, now) if project is None else role_here(sql, project, sender))
        for one in theirs
    )


def files_of_stopped(sql: Connection, files: Iterable[StoredFile]) -> tuple[str, ...]:
    """The names of the files whose senders are frozen now, or that came with a token which is revoked."""
    return tuple(one.name.filename for sender, theirs in by_sender(files) if _is_stopped(sql, sender) for one in theirs)


def frozen_among(sql: Connection, account_ids: Collection[int]) -> frozenset[int]:
    """Those of these accounts that are frozen."""
    if not account_ids:
        return frozenset()
    query = sa.select(account.c.id).where(account.c.id.in_(account_ids), account.c.frozen_at.is_not(None))
    return frozenset(sql.execute(query).scalars())


def _is_stopped(sql: Connection, sender: Actor) -> bool:
    """A publisher is none any more when it is removed, and has no account that could be frozen."""
    if sender.account_id is None:
        return False
    if frozen_among(sql, (sender.account_id,)):
        return True
    working = sa.select(api_token.c.id).where(api_token.c.id == sender.token_id, api_token.c.revoked_at.is_(None))
    return bool(sender.token_id) and sql.execute(working).first() is None
