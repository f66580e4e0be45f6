"""Who may approve one release, and who has: by what everybody is to the project now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.catalog import rights, teams
from customhouse.catalog.model import Role
from customhouse.catalog.staged import Session, StagedFile, manifest_digest_of
from customhouse.catalog.staged_tables import approval
from customhouse.catalog.tables import project, team
from customhouse.index.approving.newcomers import newcomers
from customhouse.index.approving.rule import ReleaseRule
from customhouse.index.recovery.hold import held_among

_OF_SESSION = (
    sa.select(
        approval.c.id, approval.c.account_id, account.c.name, approval.c.manifest, approval.c.method,
        approval.c.evidence, approval.c.approved_at, approval.c.withdrawn_at,
    )
    .join(account, account.c.id == approval.c.account_id)
    .where(approval.c.session_id == sa.bindparam("session"))
    .order_by(approval.c.approved_at, approval.c.id)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's yes to exactly one manifest."""

    id: int
    account_id: int
    name: str
    manifest: str
    method: str
    evidence: dict[str, str]
    approved_at: datetime
    withdrawn_at: datetime | None

    def counts_for(self, manifest: str, changed_at: datetime) -> bool:
        """Whether it is about these files: any change since it was given voids it, even one that was taken back."""
        return self.withdrawn_at is None and self.manifest == manifest and self.approved_at >= changed_at


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may act for the project, and can: neither frozen nor held by a recovery."""

    account_id: int
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Electorate:
    """Who may approve one release."""

    people: tuple[Person, ...]
    """All owners and maintainers, owners first."""
    by_rule: tuple[Person, ...]
    """Whose approval the project's rule counts."""
    by_hold: tuple[Person, ...]
    """Whose approval ends a hold."""
    owners_absent: bool = False
    """Whether it ends by nobody's, because no other owner can act now."""

    @property
    def all(self) -> tuple[Person, ...]:
        """Everybody whose approval may count for something."""
        return tuple(one for one in self.people if one in self.by_rule or one in self.by_hold)


def approvals_of(sql: Connection, session_id: str) -> list[Approval]:
    """Every approval of a session, those too that count no more; the first one first."""
    return [Approval(*row) for row in sql.execute(_OF_SESSION, {"session": session_id})]


def counting_approvals(sql: Connection, session: Session, files: list[StagedFile]) -> list[Approval]:
    """Those about the files as they are now."""
    manifest = manifest_digest_of(files)
    return [one for one in approvals_of(sql, session.id) if one.counts_for(manifest, session.changed_at)]


def uploaders_of(files: Sequence[StagedFile]) -> frozenset[int]:
    """The accounts that have sent a file of it. Who registered the publisher that sent one has sent nothing."""
    return frozenset(one.account_id for one in files if one.account_id is not None)


def electorate(
    sql: Connection, project_id: int, rule: ReleaseRule, uploaders: Collection[int], now: datetime
) -> Electorate:
    """Who may approve a release of a project under its rule, whose files these accounts have sent.

    The rule counts owners and maintainers, or only those among them who are in its team; not the uploaders, if it says
    so. A hold counts owners: not the uploaders, unless nobody else owns the project. Others who cannot act now own it
    still: whoever gets them frozen does not answer for them. On a protected project neither counts who has come within
    three days.
    """
    roles = rights.people_of(sql, project_id)
    people = _able(sql, roles, now)
    new = newcomers(sql, project_id, now)
    members = _members(sql, project_id, rule.team_id)
    by_rule = tuple(
        one
        for one in people
        if (members is None or one.account_id in members)
        and not (rule.not_uploader and one.account_id in uploaders)
    )  # fmt: skip
    by_rule = tuple(one for one in by_rule if one.account_id not in new.people)
    owners = tuple(one for one in people if one.role == "owner" and one.account_id not in new.owners)
    others = tuple(one for one in owners if one.account_id not in uploaders)
    shared = any(
        role == "owner" and account_id not in uploaders and account_id not in new.owners for account_id, role in roles
    )
    return Electorate(people, by_rule, others if shared else owners, owners_absent=shared and not others)


def _able(sql: Connection, roles: Sequence[tuple[int, Role]], now: datetime) -> tuple[Person, ...]:
    """Those among them who can act now."""
    ids = [account_id for account_id, _ in roles]
    columns = (account.c.id, account.c.name)
    rows = sql.execute(sa.select(*columns).where(account.c.id.in_(ids), account.c.frozen_at.is_(None)))
    names: dict[int, str] = {row.id: row.name for row in rows}
    held = held_among(sql, ids, now)
    return tuple(
        Person(account_id, names[account_id], role)
        for account_id, role in roles
        if account_id in names and account_id not in held
    )


def _members(sql: Connection, project_id: int, team_id: int | None) -> frozenset[int] | None:
    """The members of the rule's team; the owners alone if the project has left its organization. None: no team."""
    if team_id is None:
        return None
    ours = sa.select(team.c.id).join(project, project.c.organization_id == team.c.organization_id)
    if sql.execute(ours.where(team.c.id == team_id, project.c.id == project_id)).first() is None:
        return frozenset(who for who, role in rights.people_of(sql, project_id) if role == "owner")
    return frozenset(teams.members_of(sql, team_id))
