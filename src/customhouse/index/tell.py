"""The follower that turns events into letters: for each event, one mail job for each person who hears of it.

The jobs are written with the follower's serial in one transaction: nobody is told twice or missed, however often a
worker dies. A job holds the public facts of the event and the account's id; address and words are found when the letter
is written.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account, mail_preference
from customhouse.catalog import rights
from customhouse.catalog.tables import organization, organization_member, project, team, team_member
from customhouse.index.audience import RULES, Hearer, People, Rule, audience
from customhouse.infra import jobs
from customhouse.ledger.chain import Entry
from customhouse.terms.numbers import number_of

_PROJECT = sa.select(project.c.id, project.c.display).where(project.c.normalized == sa.bindparam("normalized"))
_HOLDERS = (
    sa.select(organization_member.c.account_id)
    .join(organization, organization.c.id == organization_member.c.organization_id)
    .where(organization.c.normalized == sa.bindparam("normalized"), organization_member.c.role.in_(rights.MANAGING))
)
_TEAM = (
    sa.select(team_member.c.account_id)
    .join(team, team.c.id == team_member.c.team_id)
    .join(organization, organization.c.id == team.c.organization_id)
    .where(organization.c.normalized == sa.bindparam("normalized"), team.c.name == sa.bindparam("team"))
)
_OPERATORS = sa.select(account.c.id).where(account.c.site_role == "operator")
_LONGEST_LIST = 20


def tell_people(sql: Connection, entry: Entry, now: datetime) -> None:
    """Write the mail jobs of one event."""
    rule = RULES.get(entry.kind)
    if rule is None:
        return
    body = json.loads(entry.body)
    people, display = _people(sql, rule, entry, body)
    actor_id = number_of(entry.actor_id) if entry.actor_kind in ("user", "operator") else None
    indexs_own = entry.project is None and not body.get("organization")
    hearers = audience(rule, people, actor_id=actor_id, indexs_own=indexs_own)
    for hearer, name in _reachable(sql, hearers):
        values = {
            "serial": entry.serial,
            "kind": entry.kind,
            "at": entry.at.isoformat(),
            "actor": entry.actor_name,
            "actor_kind": entry.actor_kind,
            "project": display,
            "body": _short(body),
            "reader": name,
            "reader_id": hearer.account_id,
            "by_reader": hearer.account_id == actor_id,
            "of_reader": hearer.account_id in people.concerned,
            "because": hearer.because,
            "topic": hearer.topic or "",
        }
        arguments = {"account_id": hearer.account_id, "template": entry.kind, "values": values}
        jobs.add(sql, "mail", arguments, due_at=now, key=f"mail:{entry.serial}:{hearer.account_id}")


def _people(sql: Connection, rule: Rule, entry: Entry, body: Mapping[str, Any]) -> tuple[People, str]:
    """The accounts around an event, and the project as it is spelled."""
    owners, maintainers, place, display = frozenset[int](), frozenset[int](), "this index", ""
    named = str(body.get("organization") or "")
    if entry.project is not None:
        row = sql.execute(_PROJECT, {"normalized": entry.project}).one_or_none()
        display = place = row.display if row is not None else entry.project
        roles = rights.people_of(sql, row.id) if row is not None else []
        owners = frozenset(account_id for account_id, role in roles if role == "owner")
        maintainers = frozenset(account_id for account_id, role in roles if role == "maintainer")
    elif named:
        place = f"the organization {named}"
        owners = frozenset(sql.execute(_HOLDERS, {"normalized": named.lower()}).scalars())
    concerned = _concerned(sql, entry.kind, body)
    people = People(
        place=place,
        owners=owners,
        maintainers=maintainers,
        operators=frozenset(sql.execute(_OPERATORS).scalars()) if rule.operators or rule.critical else frozenset(),
        reporters=_ids(body.get("reporters") or ()),
        companions=_companions(sql, concerned) if rule.companions else frozenset(),
        concerned=concerned,
        co_owners=_ids(body.get("co_owners") or ()),
        critical=bool(body.get("critical")),
    )
    return people, display


def _concerned(sql: Connection, kind: str, body: Mapping[str, Any]) -> frozenset[int]:
    """Whose own account or rights it is about: the person named, those who lost a project, a team with its role."""
    if kind in ("team-role-changed", "team-role-removed"):
        named = {"normalized": str(body["organization"]).lower(), "team": body["team"]}
        return frozenset(sql.execute(_TEAM, named).scalars())
    return (
        _ids([body["user_id"]] if "user_id" in body else [])
        | _ids(body.get("lost") or ())
        | _ids(body.get("fetched_by") or ())
    )


def _companions(sql: Connection, concerned: frozenset[int]) -> frozenset[int]:
    """The owners of all projects in which these accounts have a role."""
    found: set[int] = set()
    for account_id in concerned:
        for name, role in rights.projects_of(sql, account_id).items():
            row = sql.execute(_PROJECT, {"normalized": name}).one_or_none() if role is not None else None
            people = rights.people_of(sql, row.id) if row is not None else []
            found |= {other for other, held in people if held == "owner"}
    return frozenset(found) - concerned


def _ids(values: Collection[Any]) -> frozenset[int]:
    """Account ids, which events write as text; what is none is left out."""
    return frozenset(number for value in values if (number := number_of(str(value))) is not None)


def _reachable(sql: Connection, hearers: Collection[Hearer]) -> list[tuple[Hearer, str]]:
    """Those who have an address, are not frozen (unless it is about them) and have not switched the topic off."""
    if not hearers:
        return []
    ids = [hearer.account_id for hearer in hearers]
    rows = sql.execute(
        sa.select(account.c.id, account.c.name, account.c.frozen_at).where(account.c.id.in_(ids), account.c.email != "")
    )
    known = {row.id: row for row in rows}
    unwanted = {
        (row.account_id, row.topic)
        for row in sql.execute(
            sa.select(mail_preference.c.account_id, mail_preference.c.topic).where(
                mail_preference.c.account_id.in_(ids), sa.not_(mail_preference.c.wanted)
            )
        )
    }
    return [
        (hearer, known[hearer.account_id].name)
        for hearer in hearers
        if hearer.account_id in known
        and (known[hearer.account_id].frozen_at is None or hearer.topic is None)
        and (hearer.account_id, hearer.topic) not in unwanted
    ]


def _short(body: Mapping[str, Any]) -> dict[str, Any]:
    """The event's facts without those that letters do not need and that may be long: lists keep their beginning."""
    return {
        name: value[:_LONGEST_LIST] if isinstance(value, list) else value
        for name, value in body.items()
        if name not in ("files", "reporters", "names", "lost", "co_owners", "fetched_by")
    }
