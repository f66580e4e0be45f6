"""An owner says how a project is doing (PEP 792): active, archived, or deprecated in favour of another."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.catalog.lifecycle import may_set_status
from customhouse.catalog.lifecycle_events import StatusChanged
from customhouse.catalog.tables import project
from customhouse.index.quarantine import refusal_if_held
from customhouse.index.subject import lock_subject, refuse_if
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.terms.names import ProjectName

MAX_REASON = 1000


@dataclass(frozen=True, slots=True)
class SetStatus:
    """A wish for another status."""

    project: str
    status: str
    reason: str = ""
    successor: str = ""
    by: Actor = COMMAND_LINE


def set_status(command: SetStatus, tx: Tx) -> str:
    """Give the status; returns the project's normalised name."""
    if len(command.reason) > MAX_REASON:
        raise Rejected("reason-too-long", "reason", f"{len(command.reason)} characters", f"at most {MAX_REASON}")
    successor = ProjectName.parse(command.successor, where="successor").normalized if command.successor else ""
    subject = lock_subject(tx, command.project, "", "", command.by)
    found = subject.project
    refuse_if(may_set_status(found, subject.standing.role, command.status, successor, operator=command.by.operator))
    if not command.by.operator:
        refuse_if(refusal_if_held(tx.sql, found.id, found.status))
    values = {"status": command.status, "status_reason": command.reason, "successor": successor}
    tx.sql.execute(project.update().where(project.c.id == found.id).values(**values))
    tx.record(
        StatusChanged(
            command.by.identity, found.normalized, status=command.status, reason=command.reason, successor=successor,
            before=found.status,
        )
    )  # fmt: skip
    return found.normalized
