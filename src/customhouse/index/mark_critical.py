"""Marking a project as critical: by hand for now. The mark sticks to the name and outlives deletion."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.users import refuse_unless_operator
from customhouse.catalog.lifecycle_events import CriticalMarked
from customhouse.catalog.tables import critical_mark
from customhouse.index.subject import lock_subject
from customhouse.infra.db import put_rows
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import COMMAND_LINE, Actor


@dataclass(frozen=True, slots=True)
class MarkCritical:
    """An operator's wish to set or to take away the mark."""

    project: str
    reason: str
    critical: bool = True
    by: Actor = COMMAND_LINE


def mark_critical(command: MarkCritical, tx: Tx) -> str:
    """Set or take away the mark; returns the project's normalised name."""
    refuse_unless_operator(command.by)
    name = lock_subject(tx, command.project, "", "", command.by).project.normalized
    if command.critical:
        put_rows(tx.sql, critical_mark, [{"normalized": name, "reason": command.reason, "marked_at": tx.now()}])
    else:
        tx.sql.execute(critical_mark.delete().where(critical_mark.c.normalized == name))
    tx.record(CriticalMarked(command.by.as_operator, name, critical=command.critical, reason=command.reason))
    return name
