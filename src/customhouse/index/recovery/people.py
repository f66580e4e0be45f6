"""Who is who around an account that somebody asks for: its co-owners, and what an operator is to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.catalog import rights
from customhouse.catalog.tables import organization, project
from customhouse.index.recovery.model import Case, Voice
from customhouse.index.recovery.queries import evidence_of
from customhouse.ledger.tables import ledger_event
from customhouse.terms.identity import Actor

_LIVING = sa.select(project.c.id, project.c.normalized).where(
    project.c.normalized.in_(sa.bindparam("names", expanding=True)), project.c.deleted_at.is_(None)
)
_HOLDER = (
    sa.select(organization.c.name)
    .join(project, project.c.organization_id == organization.c.id)
    .where(project.c.id == sa.bindparam("project"))
)
_OF_PROJECT = sa.select(ledger_event.c.actor_kind, ledger_event.c.actor_id, ledger_event.c.body).where(
    ledger_event.c.project == sa.bindparam("project"),
    ledger_event.c.kind.in_(
        ("project-created", "role-changed", "role-removed", "invitation-accepted", "project-transferred")
    ),
)
_OF_ORGANIZATIONS = sa.select(ledger_event.c.body).where(
    ledger_event.c.kind.in_(("organization-created", "organization-member-changed", "organization-member-removed"))
)
_ROLE_EVENTS = ("role-changed", "organization-member-changed", "team-member-added", "team-role-changed")


def owned_projects(sql: Connection, account_id: int) -> dict[int, str]:
    """Ids and normalised names of the projects that an account owns, without the deleted ones."""
    names = [name for name, role in rights.projects_of(sql, account_id).items() if role == "owner"]
    return {row.id: row.normalized for row in sql.execute(_LIVING, {"names": names})} if names else {}


def co_owners(sql: Connection, account_id: int) -> dict[int, frozenset[str]]:
    """The other owners of an account's projects, each with the projects that they share. Frozen ones do not count."""
    shared: dict[int, set[str]] = {}
    for project_id, name in owned_projects(sql, account_id).items():
        for other, role in rights.people_of(sql, project_id):
            if role == "owner" and other != account_id:
                shared.setdefault(other, set()).add(name)
    if not shared:
        return {}
    active = sa.select(account.c.id).where(account.c.id.in_(shared), account.c.frozen_at.is_(None))
    return {other: frozenset(shared[other]) for other in sql.execute(active).scalars()}


def people_around(sql: Connection, account_id: int) -> dict[str, frozenset[int]]:
    """The others who have a role in an account's projects, or had one by the ledger; projects without any are left out.

    What such a project holds, they may reach, or may have kept: its repository, its domain.
    """
    found = {}
    for project_id, name in owned_projects(sql, account_id).items():
        ids = {str(other) for other, _role in rights.people_of(sql, project_id)} | _once_there(sql, name)
        holder = sql.execute(_HOLDER, {"project": project_id}).scalar()
        if holder is not None:
            ids |= _once_in_organization(sql, holder)
        if others := frozenset(int(one) for one in ids if one.isdecimal()) - {account_id}:
            found[name] = others
    return found


def _once_there(sql: Connection, name: str) -> set[str]:
    """Ids of accounts that the ledger has seen with a role in a project, or giving one."""
    found: set[str] = set()
    for row in sql.execute(_OF_PROJECT, {"project": name}):
        found |= _named_in(json.loads(row.body)) | ({row.actor_id} if row.actor_kind == "user" else set())
    return found


def _once_in_organization(sql: Connection, holder: str) -> set[str]:
    bodies = (json.loads(body) for body in sql.execute(_OF_ORGANIZATIONS).scalars())
    return {one for body in bodies if body["organization"] == holder for one in _named_in(body)}


def _named_in(body: Mapping[str, Any]) -> set[str]:
    return {str(body.get("user_id", "")), str(body.get("owner_id", "")), *map(str, body.get("lost", ()))}


def became_owner_since(sql: Connection, account_id: int, names: frozenset[str], since: datetime) -> bool:
    """Whether the ledger shows that somebody got a role in one of these projects, or in an organization, since then."""
    rows = sql.execute(
        sa.select(ledger_event.c.project, ledger_event.c.body).where(
            ledger_event.c.kind.in_(_ROLE_EVENTS), ledger_event.c.at >= since
        )
    )
    for row in rows:
        body: Mapping[str, object] = json.loads(row.body)
        about_team = "user_id" not in body
        mine = about_team or body.get("user_id") == str(account_id)
        if mine and (row.project is None or row.project in names):
            return True
    return False


def voice_of(sql: Connection, actor: Actor, case: Case) -> Voice:
    """What an operator is to a case."""
    own = case.account_id is not None and actor.account_id == case.account_id
    others = co_owners(sql, case.account_id) if case.account_id is not None else {}
    has_proved = any(one.person_id == actor.account_id for one in evidence_of(sql, case.id) if one.person_id)
    since = _operator_since(sql, actor.account_id)
    return Voice(actor.account_id, since, about=own, co_owner=actor.account_id in others, has_proved=has_proved)


def _operator_since(sql: Connection, account_id: int | None) -> datetime | None:
    """When the account was last made an operator, by the ledger."""
    rows = sql.execute(
        sa.select(ledger_event.c.at, ledger_event.c.body)
        .where(ledger_event.c.kind == "site-role-set")
        .order_by(ledger_event.c.serial.desc())
    )
    for row in rows:
        body = json.loads(row.body)
        if body.get("user_id") == str(account_id) and body.get("role") == "operator":
            at: datetime = row.at
            return at
    return None
