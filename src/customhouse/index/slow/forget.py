"""Whoever is removed gets nothing that still waits: neither by an old invitation, nor by one that he has accepted."""

from __future__ import annotations

from customhouse.index.slow import queries
from customhouse.index.slow.events import ChangeLapsed
from customhouse.index.slow.tables import pending_change
from customhouse.index.slow.tell import facts_of, project_of
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import SYSTEM

GIFTS = ("owner-added", "transfer")
WHY = "He was removed from the project in the meantime."


def forget_gifts(tx: Tx, project_id: int, account_id: int) -> None:
    """Let everything lapse that would make an account an owner of a project (A35).

    The project is locked, or the organization that holds it. What has just taken effect has: look for its roles after.
    """
    for change in queries.open_changes_of_project(tx.sql, project_id):
        if change.about != account_id or change.kind not in GIFTS:
            continue
        lapsed = tx.sql.execute(
            pending_change.update()
            .where(pending_change.c.id == change.id, pending_change.c.ended_at.is_(None))
            .values(state="lapsed", ended_at=tx.now(), ended_why=WHY)
        ).rowcount
        if lapsed:
            tx.record(ChangeLapsed(SYSTEM, project_of(tx.sql, change), **facts_of(tx.sql, change), why=WHY))
