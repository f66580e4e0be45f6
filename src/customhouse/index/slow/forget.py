"""Whoever is removed gets nothing that still waits: neither by an old invitation, nor by one that he has accepted."""

from __future__ import annotations

from customhouse.index.slow import queries
from customhouse.index.slow.lapse import let_lapse
from customhouse.ledger.tx import Tx

GIFTS = ("owner-added", "transfer")
WHY = "He was removed from the project in the meantime."


def forget_gifts(tx: Tx, project_id: int, account_id: int) -> None:
    """Let everything lapse that would make an account an owner of a project (A35).

    The project is locked, or the organization that holds it. What has just taken effect has: look for its roles after.
    """
    for change in queries.open_changes_of_project(tx.sql, project_id):
        if change.about != account_id or change.kind not in GIFTS:
            continue
        let_lapse(tx, change, WHY)
