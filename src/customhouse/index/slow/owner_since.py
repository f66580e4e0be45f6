"""Since when somebody owns what a change touches: read from the ledger, which nobody can rewrite."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.users import find_user_by_id
from customhouse.catalog import queries as catalog_queries
from customhouse.catalog import teams
from customhouse.catalog.protection import Protected
from customhouse.catalog.rights import MANAGING, role_of
from customhouse.index import people
from customhouse.index.slow import queries
from customhouse.index.slow.model import OF_THE_INDEX, Owner, PendingChange
from customhouse.ledger.tables import ledger_event

_KINDS = (
    "site-role-set", "role-changed", "project-transferred", "organization-member-changed", "team-role-changed",
    "team-member-added",
)  # fmt: skip
_YOUNG = (
    sa.select(ledger_event.c.at, ledger_event.c.kind, ledger_event.c.project, ledger_event.c.body)
    .where(ledger_event.c.kind.in_(_KINDS), ledger_event.c.at > sa.bindparam("since"))
    .order_by(ledger_event.c.serial)
)


@dataclass(frozen=True, slots=True)
class Given:
    """One event that may have given somebody a right."""

    at: datetime
    kind: str
    project: str | None
    body: dict[str, Any]


def owner_of(sql: Connection, change: PendingChange, account_id: int, delay: timedelta) -> Owner | None:
    """Whether somebody owns what a change touches, and since when, if that is shortly before it; None: no owner."""
    since = change.requested_at - delay
    rows = sql.execute(_YOUNG, {"since": since})
    events = [Given(row.at, row.kind, row.project, json.loads(row.body)) for row in rows]
    owned = [one for one in _projects(sql, change) if role_of(sql, one.id, account_id) == "owner"]
    found = [_earliest(_ways(sql, one, account_id, events)) for one in owned]
    if change.kind in OF_THE_INDEX and change.project_id is None and _is_operator(sql, account_id):
        found = [_last(event for event in events if _made_operator(event, account_id))]
    return Owner(account_id, _earliest(found)) if found else None


def _projects(sql: Connection, change: PendingChange) -> list[Protected]:
    """What it touches; a project that nothing protects any more still has owners."""
    touched = queries.touched_projects(sql, change)
    if touched or change.project_id is None:
        return touched
    return [Protected(change.project_id, queries.name_of(sql, change.project_id), "", critical=False, asked=False)]


def _ways(sql: Connection, one: Protected, account_id: int, events: Sequence[Given]) -> Iterable[datetime | None]:
    """Since when each thing holds that makes this account an owner. A new way to be what one is takes nothing away."""
    if people.direct_role(sql, one.id, account_id) == "owner":
        yield _last(event for event in events if _made_owner(event, one, account_id))
    found = catalog_queries.find_project(sql, one.normalized)
    holder = people.holder_of(sql, found) if found is not None else None
    if holder is None:
        return
    moved = _last(event for event in events if event.kind == "project-transferred" and event.project == one.normalized)
    if people.member_role(sql, holder.id, account_id) in MANAGING:
        yield _later(moved, _last(event for event in events if _made_head(event, holder.name, account_id)))
    for grant in teams.roles_in_project(sql, one.id):
        if grant.role == "owner" and account_id in teams.members_of(sql, grant.team.id):
            joined = (event for event in events if _joined(event, one, holder.name, grant.team.name, account_id))
            yield _later(moved, _last(joined))


def _is_operator(sql: Connection, account_id: int) -> bool:
    """What concerns the whole index is owned by those who run it."""
    return find_user_by_id(sql, account_id).site_role == "operator"


def _made_operator(event: Given, account_id: int) -> bool:
    body = event.body
    return event.kind == "site-role-set" and (body["user_id"], body["role"]) == (str(account_id), "operator")


def _made_owner(event: Given, one: Protected, account_id: int) -> bool:
    body = event.body
    return (
        event.kind == "role-changed"
        and event.project == one.normalized
        and (body["user_id"], body["role"]) == (str(account_id), "owner")
        and body["before"] != "owner"
    )


def _made_head(event: Given, holder: str, account_id: int) -> bool:
    body = event.body
    return (
        event.kind == "organization-member-changed"
        and (body["organization"], body["user_id"]) == (holder, str(account_id))
        and body["role"] in MANAGING
        and body["before"] not in MANAGING
    )


def _joined(event: Given, one: Protected, holder: str, team: str, account_id: int) -> bool:
    body = event.body
    if (body.get("organization"), body.get("team")) != (holder, team):
        return False
    if event.kind == "team-role-changed":
        return event.project == one.normalized and body["role"] == "owner"
    return event.kind == "team-member-added" and str(body["user_id"]) == str(account_id)


def _last(events: Iterable[Given]) -> datetime | None:
    return max((event.at for event in events), default=None)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """None is longer ago than any moment."""
    known = list(moments)
    return None if None in known else min((moment for moment in known if moment is not None), default=None)
