"""The people of a case: who is put into it, who coordinates, who agrees to keep silent, who leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.advisories.disclosure.events import DisclosureStep
from customhouse.advisories.disclosure.model import STATUSES, Case, Member, Role
from customhouse.advisories.disclosure.queries import busy_with, find_member, member_of_account, members_of
from customhouse.advisories.disclosure.tables import disclosure_case, disclosure_member
from customhouse.catalog import queries, rights
from customhouse.catalog.tables import project
from customhouse.index.disclosing.access import Knock, enter, refuse_unless_handles, refuse_unless_leads
from customhouse.index.disclosing.tell import tell_one
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import new_id
from customhouse.terms.errors import Broken, Refused, Rejected
from customhouse.terms.names import normalize

MOST_MEMBERS = 100


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who is put into a case."""

    role: Role
    account_id: int | None = None
    email: str = ""
    name: str = ""
    project: str = ""
    by_mail: bool = False
    silent_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Invite:
    """A wish to put an owner of the project, or somebody else by his user name, into a case."""

    knock: Knock
    user: str


@dataclass(frozen=True, slots=True)
class AboutMember:
    """A wish about one member: that he coordinates, or leaves."""

    knock: Knock
    member_id: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody who bundles the project says: that he agrees to keep silent, and whether he is affected."""

    knock: Knock
    status: str = "unknown"


def team_of(sql: Connection, names: Sequence[str]) -> list[int]:
    """The account ids of the desk: those named in the settings, else the operators. Nobody who is frozen."""
    a = account.c
    wanted = a.normalized.in_([name.lower() for name in names]) if names else a.site_role == "operator"
    alive = (a.frozen_at.is_(None), a.closed_at.is_(None))
    return list(sql.execute(sa.select(a.id).where(wanted, *alive).order_by(a.id)).scalars())


def add_member(tx: Tx, case: Case, new: Newcomer) -> Member:
    """Write the row of a member."""
    if len(members_of(tx.sql, case.id)) >= MOST_MEMBERS:
        raise Refused("too-many-members", f"{MOST_MEMBERS} people belong to this case already.", status=409)
    number = tx.sql.execute(
        disclosure_member.insert().returning(disclosure_member.c.id).values(
            case_id=case.id, public_id=new_id(), role=new.role, account_id=new.account_id, email=new.email,
            name=new.name, project=new.project, by_mail=new.by_mail, since=tx.now(), silent_until=new.silent_until,
        )
    ).scalar_one()  # fmt: skip
    member = find_member(tx.sql, number)
    if member is None:
        raise Broken("A member who was written just now is not there.")
    return member


def invite(command: Invite, tx: Tx) -> Member:
    """Put somebody into the case: an owner or maintainer of its project as owner, anybody else as one of the team.

    Owners put in none but owners and maintainers.
    """
    found = enter(tx, command.knock)
    refuse_unless_handles(found)
    row = tx.sql.execute(
        sa.select(account.c.id, account.c.name, account.c.frozen_at).where(
            account.c.normalized == command.user.lower(), account.c.closed_at.is_(None)
        )
    ).one_or_none()
    if row is None or row.frozen_at is not None:
        raise Rejected("unknown-user", "user", f"there is no account {command.user[:50]!r}", "a user name")
    there = member_of_account(tx.sql, found.case.id, row.id)
    if there is not None and there.handles:
        return there
    role: Role = "owner" if _acts_for(tx.sql, found.case, row.id) else "team"
    if role == "team":
        refuse_unless_leads(found)
    member = add_member(tx, found.case, Newcomer(role, row.id))
    tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step="invited"))
    tell_one(tx, found.case, member, "invited")
    return member


def take(knock: Knock, tx: Tx) -> Member:
    """Coordinate it oneself; an operator who does not belong to the case does from then on."""
    found = enter(tx, knock)
    refuse_unless_leads(found)
    member = found.member
    if member is None or not member.handles:
        if knock.by.account_id is None:
            raise Refused("not-a-person", "Only a person with an account coordinates a case.", "Sign in.")
        member = add_member(tx, found.case, Newcomer("team", knock.by.account_id))
    appoint(tx, found.case, member)
    tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step="coordinator"))
    return member


def appoint(tx: Tx, case: Case, member: Member) -> None:
    """Let one coordinate, and nobody else."""
    role_of = disclosure_member.c.role
    same = (disclosure_member.c.case_id == case.id, role_of == "coordinator")
    tx.sql.execute(disclosure_member.update().where(*same).values(role="team"))
    tx.sql.execute(disclosure_member.update().where(disclosure_member.c.id == member.id).values(role="coordinator"))
    tell_one(tx, case, member, "coordinates")


def appoint_least_busy(tx: Tx, case: Case) -> Member | None:
    """Appoint whoever of the desk coordinates the fewest cases, unless somebody has taken it; None if there is none."""
    members = members_of(tx.sql, case.id)
    if any(one.role == "coordinator" for one in members):
        return None
    team = [one for one in members if one.role == "team" and one.account_id is not None]
    busy = busy_with(tx.sql, [one.account_id for one in team if one.account_id is not None])
    chosen = min(team, key=lambda one: (busy.get(one.account_id or 0, 0), one.id), default=None)
    if chosen is not None:
        appoint(tx, case, chosen)
    return chosen


def remove(command: AboutMember, tx: Tx) -> None:
    """Take somebody out of the case. His link, his mail address and his stage end at once."""
    found = enter(tx, command.knock)
    refuse_unless_leads(found)
    member = find_member(tx.sql, command.member_id)
    if member is None or member.case_id != found.case.id or member.left_at is not None:
        raise Refused("unknown-member", "No such person belongs to this case.", status=404)
    if member.role == "reporter":
        raise Refused("reporter-stays", "The reporter stays in the case.", "Refuse the report instead.", status=409)
    tx.sql.execute(disclosure_member.update().where(disclosure_member.c.id == member.id).values(left_at=tx.now()))
    tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step="removed"))


def answer(command: Answer, tx: Tx) -> Member:
    """Agree to keep silent until the day that was named; said again with another status, the status changes."""
    found = enter(tx, command.knock)
    member = found.member
    if member is None or member.role != "downstream":
        raise Refused("not-a-downstream", "Only those who bundle it answer this.", status=409)
    if command.status not in STATUSES:
        raise Rejected("bad-status", "status", f"{command.status[:20]!r}", ", ".join(STATUSES))
    agreed = member.agreed_at or tx.now()
    tx.sql.execute(
        disclosure_member.update()
        .where(disclosure_member.c.id == member.id)
        .values(agreed_at=agreed, status=command.status)
    )  # fmt: skip
    step = "agreed" if member.agreed_at is None else "answered"
    tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step=step))
    changed = find_member(tx.sql, member.id)
    return changed or member


@dataclass(frozen=True, slots=True)
class Assign:
    """A wish that a case is about a project of this index."""

    knock: Knock
    project: str


def assign_project(command: Assign, tx: Tx) -> None:
    """Say which project it is about, while nothing was decided for another one; of those that he may know of."""
    found = enter(tx, command.knock)
    refuse_unless_leads(found)
    wanted = queries.find_project(tx.sql, normalize(command.project))
    readable = wanted is not None and rights.standing(tx.sql, wanted, command.knock.by).reads
    if wanted is None or wanted.deleted_at is not None or not readable:
        raise Rejected("unknown-project", "project", f"there is no project {command.project[:100]!r}", "a name")
    if found.case.session_id is not None or not found.case.open:
        raise Refused("project-fixed", "This case has a release, or is over.", status=409)
    tx.sql.execute(
        disclosure_case.update().where(disclosure_case.c.id == found.case.id).values(project_id=wanted.id)
    )  # fmt: skip
    tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step="project"))


def owners_to_invite(sql: Connection, case: Case) -> list[str]:
    """The names of the project's owners and maintainers who do not belong to the case."""
    if case.project_id is None:
        return []
    there = {one.account_id for one in members_of(sql, case.id) if one.handles}
    ids = [account_id for account_id, _role in rights.people_of(sql, case.project_id) if account_id not in there]
    rows = sql.execute(sa.select(account.c.name).where(account.c.id.in_(ids)).order_by(account.c.name))
    return [str(name) for name in rows.scalars()]


def display_of(sql: Connection, case: Case) -> tuple[str, str]:
    """The project of a case as it is spelled, and normalised; empty if there is none."""
    row = sql.execute(
        sa.select(project.c.display, project.c.normalized).where(project.c.id == (case.project_id or 0))
    ).one_or_none()
    return (row.display, row.normalized) if row is not None else ("", "")


def _acts_for(sql: Connection, case: Case, account_id: int) -> bool:
    return case.project_id is not None and rights.role_of(sql, case.project_id, account_id) is not None
