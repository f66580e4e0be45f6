"""Reads of webhooks and their deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.hooks.model import IN_ORDER, Delivery, Hook, Patterns, Scope
from customhouse.hooks.tables import webhook, webhook_delivery
from customhouse.ledger.tables import ledger_event
from customhouse.terms.errors import Refused

_HOOK = (
    webhook.c.id, webhook.c.scope, webhook.c.project_id, webhook.c.organization_id, webhook.c.url, webhook.c.events,
    webhook.c.active, webhook.c.why_off, webhook.c.epoch, webhook.c.rotated_at, webhook.c.created_at,
    webhook.c.failures, webhook.c.first_failed_at, webhook.c.failing_at, webhook.c.paused_until,
)  # fmt: skip
_LIVE = webhook.c.removed_at.is_(None)
_DELIVERY = (
    webhook_delivery.c.id, webhook_delivery.c.serial, ledger_event.c.kind, webhook_delivery.c.state,
    webhook_delivery.c.attempts, webhook_delivery.c.status, webhook_delivery.c.answer, webhook_delivery.c.problem,
    webhook_delivery.c.queued_at, webhook_delivery.c.tried_at, webhook_delivery.c.next_at,
)  # fmt: skip
# Made once: the follower asks for every event.
_LISTENING = sa.select(*_HOOK).where(
    _LIVE,
    webhook.c.active,
    webhook.c.after_serial < sa.bindparam("serial"),
    sa.or_(
        webhook.c.scope == "index",
        webhook.c.project_id == sa.bindparam("project"),
        webhook.c.organization_id == sa.bindparam("organization"),
    ),
)
_ONE = sa.select(*_HOOK).where(webhook.c.id == sa.bindparam("id"), _LIVE)
_ONE_AND_LOCK = _ONE.with_for_update()
_DELIVERIES = (
    sa.select(*_DELIVERY)
    .join(ledger_event, ledger_event.c.serial == webhook_delivery.c.serial)
    .where(webhook_delivery.c.hook_id == sa.bindparam("hook"))
)
_DUE = (
    _DELIVERIES.where(webhook_delivery.c.state == "waiting", webhook_delivery.c.next_at <= sa.bindparam("now"))
    # What has failed often goes last: an event that a receiver cannot stand holds up the others for minutes only.
    .order_by(sa.case((webhook_delivery.c.attempts >= IN_ORDER, 1), else_=0), webhook_delivery.c.serial)
    .limit(1)
)


def find_hook(sql: Connection, hook_id: str, *, lock: bool = False) -> Hook | None:
    """The hook with that id, unless it was removed."""
    row = sql.execute(_ONE_AND_LOCK if lock else _ONE, {"id": hook_id}).one_or_none()
    return _hook(row) if row else None


def hook_of(sql: Connection, scope: Scope, hook_id: str, *, lock: bool = False) -> Hook:
    """The hook of that scope; raises `Refused` (404) alike for one that is another's or does not exist."""
    found = find_hook(sql, hook_id, lock=lock)
    ids = {"project": found.project_id, "organization": found.organization_id} if found else {}
    if found is None or found.scope != scope.kind or ids.get(scope.kind) != scope.id:
        raise Refused("unknown-webhook", "There is no such webhook here.", status=404)
    return found


def hooks_of(sql: Connection, scope: Scope) -> list[Hook]:
    """The hooks of a scope, oldest first."""
    mine = webhook.c.scope == scope.kind
    if scope.kind == "project":
        mine = webhook.c.project_id == scope.id
    elif scope.kind == "organization":
        mine = webhook.c.organization_id == scope.id
    rows = sql.execute(sa.select(*_HOOK).where(mine, _LIVE).order_by(webhook.c.created_at, webhook.c.id))
    return [_hook(row) for row in rows]


def listening(sql: Connection, serial: int, project_id: int | None, organization_id: int | None) -> list[Hook]:
    """The active hooks that this event may concern; each still decides by `model.hears`."""
    rows = sql.execute(_LISTENING, {"serial": serial, "project": project_id, "organization": organization_id})
    return [_hook(row) for row in rows]


def deliveries_of(sql: Connection, hook_id: str, *, limit: int, before: int | None = None) -> list[Delivery]:
    """The log of a hook, newest event first; ``before`` a serial for the next page."""
    wanted = _DELIVERIES if before is None else _DELIVERIES.where(webhook_delivery.c.serial < before)
    rows = sql.execute(wanted.order_by(webhook_delivery.c.serial.desc()).limit(limit), {"hook": hook_id})
    return [Delivery(*row) for row in rows]


def due_delivery(sql: Connection, hook_id: str, now: datetime) -> Delivery | None:
    """The earliest event that waits and may be sent now."""
    row = sql.execute(_DUE, {"hook": hook_id, "now": now}).one_or_none()
    return Delivery(*row) if row else None


def next_due_at(sql: Connection, hook_id: str) -> datetime | None:
    """When the next waiting delivery of a hook may be sent."""
    return sql.execute(
        sa.select(sa.func.min(webhook_delivery.c.next_at)).where(
            webhook_delivery.c.hook_id == hook_id, webhook_delivery.c.state == "waiting"
        )
    ).scalar()


def waiting_hooks(sql: Connection, now: datetime) -> Sequence[str]:
    """The active hooks for which something could be sent now."""
    return (
        sql.execute(
            sa.select(webhook_delivery.c.hook_id)
            .join(webhook, webhook.c.id == webhook_delivery.c.hook_id)
            .where(_LIVE, webhook.c.active, webhook_delivery.c.state == "waiting", webhook_delivery.c.next_at <= now)
            .distinct()
        )
        .scalars()
        .all()
    )


def _hook(row: Any) -> Hook:
    values = dict(row._mapping)  # noqa: SLF001 - a public name of SQLAlchemy, despite its spelling
    return Hook(patterns=Patterns(tuple(values.pop("events").split())), **values)
