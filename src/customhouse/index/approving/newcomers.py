"""Who has come to a protected project so lately that his approval does not count yet.

Whoever has stolen an owner's session could invite accomplices and let them approve what he has sent. On a project whose
dangerous changes wait, so does the voice of whoever has just been given a role: the co-owners hear of him meanwhile.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import protection, teams
from customhouse.catalog.rights import MANAGING
from customhouse.catalog.tables import organization, project, project_role
from customhouse.ledger.tables import ledger_event
from customhouse.ledger.tx import USUAL_DELAY

_KINDS = ("role-changed", "team-member-added", "organization-member-changed", "team-role-changed")
_LATELY = (
    sa.select(ledger_event.c.kind, ledger_event.c.body)
    .where(
        ledger_event.c.kind.in_(_KINDS),
        ledger_event.c.at > sa.bindparam("since", type_=ledger_event.c.at.type),
        sa.or_(ledger_event.c.project == sa.bindparam("name"), ledger_event.c.project.is_(None)),
    )
    .order_by(ledger_event.c.serial)
)
_WHERE = (
    sa.select(project.c.normalized, project.c.organization_id, organization.c.name)
    .outerjoin(organization, organization.c.id == project.c.organization_id)
    .where(project.c.id == sa.bindparam("project"))
)
_DIRECT = sa.select(project_role.c.account_id, project_role.c.role).where(
    project_role.c.project_id == sa.bindparam("project")
)


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Accounts by what they have become lately."""

    people: frozenset[int] = frozenset()
    """Owners or maintainers, who were neither before."""
    owners: frozenset[int] = frozenset()
    """Owners, who were none before."""


NONE = Newcomers()


def newcomers(sql: Connection, project_id: int, now: datetime) -> Newcomers:
    """Who has got a role within three days; nobody where nothing protects the project."""
    if protection.protection_of(sql, project_id) is None:
        return NONE
    where = sql.execute(_WHERE, {"project": project_id}).one()
    direct: dict[int, str] = {row.account_id: row.role for row in sql.execute(_DIRECT, {"project": project_id})}
    came: set[int] = set()
    raised: set[int] = set()
    by_organization: set[int] = set()
    for kind, text in sql.execute(_LATELY, {"since": now - USUAL_DELAY, "name": where.normalized}):
        body = json.loads(text)
        if kind == "role-changed":
            account_id = int(body["user_id"])
            came |= {account_id} if not body["before"] else set()
            raised |= {account_id} if body["role"] == "owner" and body["before"] != "owner" else set()
        elif where.name is not None and body.get("organization") == where.name:
            by_organization |= _given(sql, kind, body, where.organization_id)
    # A new way to be what one is takes nothing away.
    return Newcomers(
        frozenset(came | (by_organization - (direct.keys() - came))),
        frozenset(
            raised | {one for one in by_organization if direct.get(one) != "owner"} | (came & by_organization)
        ),
    )  # fmt: skip


def _given(sql: Connection, kind: str, body: dict[str, str], organization_id: int) -> set[int]:
    """Who has got something from the organization by one event."""
    if kind == "team-member-added":
        return {int(body["user_id"])}
    if kind == "organization-member-changed":
        risen = body["role"] in MANAGING and body["before"] not in MANAGING
        return {int(body["user_id"])} if risen else set()
    found = teams.find_team(sql, organization_id, body["team"])
    return set(teams.members_of(sql, found.id)) if found is not None else set()
