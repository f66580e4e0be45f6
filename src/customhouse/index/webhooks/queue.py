"""The follower that queues deliveries: one row for each hook that hears of an event, written with its own serial.

So an event is queued exactly once, however often a worker dies in between; what is queued is sent by `deliver`.
"""

from __future__ import annotations

import json
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import organization, project
from customhouse.hooks import queries
from customhouse.hooks.model import PROBE, Hook, Place, hears, is_told
from customhouse.hooks.tables import webhook_delivery
from customhouse.infra import jobs
from customhouse.infra.db import insert_new
from customhouse.ledger.chain import Entry

_PROJECT = sa.select(project.c.id, project.c.organization_id, project.c.visibility).where(
    project.c.normalized == sa.bindparam("normalized")
)
_ORGANIZATION = sa.select(organization.c.id).where(organization.c.normalized == sa.bindparam("normalized"))


def queue_deliveries(sql: Connection, entry: Entry, now: datetime) -> None:
    """Queue an event for every hook that hears of it. Doing it again finds it queued."""
    if not is_told(entry.kind):
        return
    place = place_of(sql, entry)
    for hook in _candidates(sql, entry, place):
        if not heard_by(hook, entry, place):
            continue
        new = insert_new(
            sql, webhook_delivery, hook_id=hook.id, serial=entry.serial, state="waiting", attempts=0, queued_at=now,
            next_at=now,
        )  # fmt: skip
        if new is not None:
            jobs.add(sql, "webhook", {"hook": hook.id}, due_at=now, key=f"webhook:{hook.id}:{entry.serial}")


def place_of(sql: Connection, entry: Entry) -> Place:
    """Where an event happened, as things are now: a project that has become private is private."""
    if entry.project is not None:
        row = sql.execute(_PROJECT, {"normalized": entry.project}).one_or_none()
        return Place(row.id, row.organization_id, row.visibility == "private") if row is not None else Place()
    named = json.loads(entry.body).get("organization")
    if isinstance(named, str) and named:
        return Place(organization_id=sql.execute(_ORGANIZATION, {"normalized": named.lower()}).scalar())
    return Place()


def heard_by(hook: Hook, entry: Entry, place: Place) -> bool:
    """Whether this hook hears of this event now."""
    probe_of = json.loads(entry.body)["hook_id"] if entry.kind == PROBE else ""
    return hears(hook, entry.kind, place, probe_of=probe_of)


def _candidates(sql: Connection, entry: Entry, place: Place) -> list[Hook]:
    if entry.kind == PROBE:
        hook = queries.find_hook(sql, json.loads(entry.body)["hook_id"])
        return [hook] if hook is not None and hook.active else []
    return queries.listening(sql, entry.serial, place.project_id, place.organization_id)
