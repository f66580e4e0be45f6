"""Hiding a project from strangers, and showing it again."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.catalog.lifecycle import DeletionPolicy, may_delete
from customhouse.catalog.model import Project
from customhouse.catalog.people_events import VisibilityChanged
from customhouse.catalog.roles import is_typed, may_change_visibility
from customhouse.catalog.tables import project
from customhouse.index import people
from customhouse.index.delete import USUAL_POLICY, price_of
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.subject import lock_subject, refuse_if
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import COMMAND_LINE, Actor


@dataclass(frozen=True, slots=True)
class ChangeVisibility:
    """A wish that a project be public or private. ``typed`` is its name, typed again."""

    project: str
    visibility: str
    typed: str
    policy: DeletionPolicy = USUAL_POLICY
    by: Actor = COMMAND_LINE


def change_visibility(command: ChangeVisibility, tx: Tx) -> Project | PendingChange:
    """Hide or show a project; its pages and the list are void in every view.

    To everybody else hiding is what deleting is, so the same policy says when it may be done: within the first days, or
    if little used and nobody depends on it; not if it is marked as critical.
    """
    subject = lock_subject(tx, command.project, "", "", command.by)
    found, role = subject.project, subject.standing.role
    operator = command.by.operator
    refuse_if(may_change_visibility(found, role, command.visibility, operator=operator))
    if command.visibility == "private":
        price = price_of(tx.sql, subject, tx.now())
        refuse_if(may_delete(price, role, command.policy, tx.now(), operator=operator))
    refuse_if(is_typed(found, command.typed))
    if command.visibility == "private":
        arguments = {
            "project": found.normalized, "typed": command.typed, "downloads_limit": command.policy.downloads_limit,
            "free_seconds": (command.policy.free_for + tx.delay).total_seconds(),
        }  # fmt: skip
        sentence = f"{found.display} becomes private"
        waits = put_off(tx, "visibility", project=found, by=command.by, arguments=arguments, sentence=sentence)
        if waits is not None:
            return waits
    tx.sql.execute(project.update().where(project.c.id == found.id).values(visibility=command.visibility))
    by = people.acting(command.by, by_right=role == "owner")
    tx.record(VisibilityChanged(by, found.normalized, visibility=command.visibility, before=found.visibility))
    return found
