"""What an attempt at a delivery came to, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import organization, project
from customhouse.hooks import queries
from customhouse.hooks.events import WebhookSwitchedOff
from customhouse.hooks.model import GIVE_UP_AFTER, SWITCH_OFF_AFTER, Hook, pause_after, switches_off, wait_after
from customhouse.hooks.tables import webhook, webhook_delivery
from customhouse.infra.targets import Target
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import SYSTEM

GONE = "The receiver answered 410 Gone: it wants no more."
TOO_LONG = f"For {SWITCH_OFF_AFTER.days} days nothing that was sent has arrived."
A_DAY = "Nothing came through for a day."


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt. ``status`` is None if there was no answer; ``problem`` is empty if it arrived."""

    hook_id: str
    delivery_id: int
    status: int | None = None
    answer: str = ""
    problem: str = ""
    wish: timedelta = field(default_factory=timedelta)
    """How long the receiver wants to be left alone."""


def note_outcome(command: Outcome, tx: Tx) -> None:
    """Write what came of an attempt. Of a hook that was removed meanwhile, nothing is written."""
    hook = queries.find_hook(tx.sql, command.hook_id, lock=True)
    if hook is None:
        return
    if command.problem:
        _failed(command, hook, tx)
    else:
        _arrived(command, hook, tx)


def withhold(command: Outcome, tx: Tx) -> None:
    """Give up a delivery that the hook may not have any more; nobody has failed."""
    tx.sql.execute(
        webhook_delivery.update()
        .where(webhook_delivery.c.id == command.delivery_id, webhook_delivery.c.state == "waiting")
        .values(state="given-up", problem=command.problem)
    )


def give_up_waiting(sql: Connection, hook_id: str, problem: str) -> None:
    """Give up everything that still waits for a hook; "send again" brings each back."""
    sql.execute(
        webhook_delivery.update()
        .where(webhook_delivery.c.hook_id == hook_id, webhook_delivery.c.state == "waiting")
        .values(state="given-up", problem=problem)
    )


def _arrived(command: Outcome, hook: Hook, tx: Tx) -> None:
    _note(command, tx, state="delivered")
    tx.sql.execute(
        webhook.update()
        .where(webhook.c.id == hook.id)
        .values(failures=0, first_failed_at=None, failing_at=None, paused_until=None)
    )


def _failed(command: Outcome, hook: Hook, tx: Tx) -> None:
    """Try again later, or give up after a day; leave the hook alone for a while, or switch it off after five days."""
    now = tx.now()
    row = tx.sql.execute(
        sa.select(webhook_delivery.c.serial, webhook_delivery.c.attempts, webhook_delivery.c.queued_at).where(
            webhook_delivery.c.id == command.delivery_id
        )
    ).one()
    wait = wait_after(row.attempts + 1, hook_id=hook.id, serial=row.serial)
    given_up = wait is None or now - row.queued_at >= GIVE_UP_AFTER
    if wait is None or given_up:
        _note(command, tx, state="given-up")
    else:
        _note(command, tx, state="waiting", next_at=now + max(wait, command.wish))
    given_up |= _give_up_old(hook, tx)
    failures, first = hook.failures + 1, hook.first_failed_at or now
    tx.sql.execute(
        webhook.update()
        .where(webhook.c.id == hook.id)
        .values(
            failures=failures,
            first_failed_at=first,
            failing_at=hook.failing_at or (now if given_up else None),
            paused_until=now + max(pause_after(failures), command.wish),
        )
    )
    if command.status == HTTPStatus.GONE:
        _switch_off(hook, GONE, tx)
    elif given_up and switches_off(first, now):
        _switch_off(hook, TOO_LONG, tx)


def _note(command: Outcome, tx: Tx, **values: object) -> None:
    tx.sql.execute(
        webhook_delivery.update()
        .where(webhook_delivery.c.id == command.delivery_id, webhook_delivery.c.state == "waiting")
        .values(
            attempts=webhook_delivery.c.attempts + 1,
            status=command.status,
            answer=command.answer,
            problem=command.problem,
            tried_at=tx.now(),
            **values,
        )
    )


def _give_up_old(hook: Hook, tx: Tx) -> bool:
    """What has waited for a day behind others that failed goes with them; True if there was any."""
    old = tx.sql.execute(
        webhook_delivery.update()
        .where(
            webhook_delivery.c.hook_id == hook.id,
            webhook_delivery.c.state == "waiting",
            webhook_delivery.c.queued_at <= tx.now() - GIVE_UP_AFTER,
        )
        .values(state="given-up", problem=A_DAY)
    )
    return old.rowcount > 0


def _switch_off(hook: Hook, why: str, tx: Tx) -> None:
    """Stop sending, drop what waits, and say so in the ledger, from where a letter goes to the hook's people."""
    tx.sql.execute(webhook.update().where(webhook.c.id == hook.id).values(active=False, why_off=why))
    give_up_waiting(tx.sql, hook.id, "The webhook was switched off.")
    named = tx.sql.execute(
        sa.select(
            sa.select(project.c.normalized).where(project.c.id == hook.project_id).scalar_subquery(),
            sa.select(organization.c.name).where(organization.c.id == hook.organization_id).scalar_subquery(),
        )
    ).one()
    origin = Target.parse(hook.url).origin
    tx.record(
        WebhookSwitchedOff(SYSTEM, named[0], hook_id=hook.id, organization=named[1] or "", origin=origin, why=why)
    )
