"""Announcing a mandate: by an operator for the index, or by an owner for his project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.accounts.factors import methods_of
from customhouse.accounts.users import refuse_unless_operator
from customhouse.catalog.critical import Ranked
from customhouse.catalog.lifecycle_events import CriticalMarked
from customhouse.catalog.organizations import find_organization
from customhouse.catalog.tables import critical_mark
from customhouse.index.mandates import queries
from customhouse.index.mandates.events import MandateAnnounced
from customhouse.index.mandates.model import (
    ACCEPTED,
    TEXT_LENGTH,
    TITLE_LENGTH,
    Dates,
    Mandate,
    parse_methods,
    parse_scope,
)
from customhouse.index.mandates.tables import mandate
from customhouse.index.subject import lock_subject
from customhouse.infra.db import insert_new, put_rows
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor

LETTERS_JOB = "mandate-letters"


@dataclass(frozen=True, slots=True)
class Announce:
    """A wish for a mandate.

    ``organization`` and ``project`` are names, for those scopes alone. ``mark`` are projects that become critical with
    it, because the operator has chosen so many.
    """

    title: str
    scope: str
    methods: str
    dates: Dates
    text: str = ""
    organization: str = ""
    project: str = ""
    mark: Sequence[Ranked] = ()
    by: Actor = COMMAND_LINE


def announce(command: Announce, tx: Tx) -> Mandate:
    """Write the mandate; whoever it concerns and lacks the factor gets a letter.

    An operator announces for the index. An owner announces for his own project, if he has himself what he asks for.
    """
    _check(command)
    project, organization_id = None, None
    if command.scope == "project":
        project = _own_project(command, tx)
    else:
        refuse_unless_operator(command.by)
    if command.scope == "organization":
        organization_id = find_organization(tx.sql, command.organization).id
    for one in command.mark:
        _mark(one, command, tx)
    made = insert_new(
        tx.sql, mandate, title=command.title.strip(), text=command.text.strip(), scope=command.scope,
        organization_id=organization_id, project=project, methods=command.methods,
        announced_at=command.dates.announced_at, warned_at=command.dates.warned_at,
        enforced_at=command.dates.enforced_at, created_at=tx.now(), created_by=command.by.identity.name,
    )  # fmt: skip
    if made is None:
        raise Refused("mandate-there", f"{project} has a mandate already.", "Change that one.", status=409)
    found = queries.find_mandate(tx.sql, made[0])
    dates = found.dates
    tx.record(
        MandateAnnounced(
            command.by.identity if project is not None else command.by.as_operator, project, found.id, found.title,
            found.scope, found.organization, methods=found.methods, announced_at=dates.announced_at.isoformat(),
            warned_at=dates.warned_at.isoformat(), enforced_at=dates.enforced_at.isoformat(),
        )
    )  # fmt: skip
    plan_letters(found.id, dates, tx)
    return found


def plan_letters(mandate_id: int, dates: Dates, tx: Tx) -> None:
    """Let letters be written now, and when the next days come; the daily round finds whoever comes later."""
    now = tx.now()
    for due_at in {now, dates.announced_at, dates.warned_at, dates.enforced_at}:
        if due_at >= now:
            key = f"{LETTERS_JOB}:{mandate_id}:{due_at.isoformat()}"
            tx.later(LETTERS_JOB, {}, due_at=due_at, key=key)


def check_dates(dates: Dates) -> None:
    """Raise `Rejected` unless the dates are in order."""
    if not dates.announced_at <= dates.warned_at <= dates.enforced_at:
        raise Rejected("bad-dates", "dates", "are not in order", "announced, then warned, then enforced")


def _check(command: Announce) -> None:
    if not command.title.strip() or len(command.title.strip()) > TITLE_LENGTH:
        raise Rejected("bad-title", "title", "is empty or too long", f"1 to {TITLE_LENGTH} characters")
    if len(command.text) > TEXT_LENGTH:
        raise Rejected("bad-text", "text", f"{len(command.text)} characters", f"at most {TEXT_LENGTH}")
    parse_scope(command.scope)
    parse_methods(command.methods)
    check_dates(command.dates)


def _own_project(command: Announce, tx: Tx) -> str:
    """The project's normalised name, for one of its owners or an operator."""
    subject = lock_subject(tx, command.project, "", "", command.by)
    if command.by.operator and subject.standing.role != "owner":
        return subject.project.normalized
    if subject.standing.role != "owner" or command.by.account_id is None:
        raise Refused("not-an-owner", "Only an owner may ask that of the maintainers.", "Ask one of them.")
    methods = methods_of(tx.sql, [command.by.account_id]).get(command.by.account_id, frozenset())
    if not ACCEPTED[parse_methods(command.methods)] & methods:
        raise Refused(
            "none-yourself",
            "You have no such second factor yourself, and would be the first to be shut out.",
            "Add one under Account, Two factors, then ask it of the others.",
            status=409,
        )
    return subject.project.normalized


def _mark(one: Ranked, command: Announce, tx: Tx) -> None:
    """Mark a project as critical unless it is."""
    known = tx.sql.execute(
        sa.select(critical_mark.c.normalized).where(critical_mark.c.normalized == one.normalized)
    ).scalar()
    if known is not None:
        return
    reason = f"Rank {one.rank} by downloads on {tx.now():%-d %B %Y}, chosen with the mandate “{command.title.strip()}”."
    row = {"normalized": one.normalized, "reason": reason, "marked_at": tx.now(), "source": "rule"}
    put_rows(tx.sql, critical_mark, [row | {"rank": one.rank, "downloads": one.downloads}])
    tx.record(CriticalMarked(command.by.as_operator, one.normalized, critical=True, reason=reason, source="rule"))
