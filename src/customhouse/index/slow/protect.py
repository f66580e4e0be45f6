"""Asking for slow motion: from then on the dangerous changes of a project wait. Ending it is one of them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.catalog.tables import project
from customhouse.index import people
from customhouse.index.slow.events import SlowMotionSwitched
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.subject import lock_subject
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor


@dataclass(frozen=True, slots=True)
class Protect:
    """A wish that dangerous changes of a project wait, or no longer."""

    project: str
    on: bool
    reason: str = ""
    by: Actor = COMMAND_LINE


def protect(command: Protect, tx: Tx) -> PendingChange | None:
    """Switch it on at once, or off after the delay; returns what waits.

    An owner may, and an operator. A project that is marked as critical is protected whatever is asked for here.
    """
    subject = lock_subject(tx, command.project, "", "", command.by)
    found, role = subject.project, subject.standing.role
    if role != "owner" and not command.by.operator:
        raise Refused("not-an-owner", f"You are not an owner of {found.display!r}.", "Ask one of its owners.")
    if is_asked_for(tx, found.id) == command.on:
        raise Refused("same-protection", f"That is so already for {found.display!r}.", status=409)
    if not command.on:
        arguments = {"project": found.normalized, "reason": command.reason}
        sentence = f"dangerous changes of {found.display} no longer wait"
        waits = put_off(tx, "protection-lowered", project=found, by=command.by, arguments=arguments, sentence=sentence)
        if waits is not None:
            return waits
    tx.sql.execute(project.update().where(project.c.id == found.id).values(slow_motion=command.on))
    tx.record(SlowMotionSwitched(people.acting(command.by, by_right=role == "owner"), found.normalized, on=command.on))
    return None


def is_asked_for(tx: Tx, project_id: int) -> bool:
    """Whether the project's owners have asked for it."""
    return bool(tx.sql.execute(sa.select(project.c.slow_motion).where(project.c.id == project_id)).scalar())
