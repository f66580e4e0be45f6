"""Handing a project over. A transfer clears grants: afterwards only the new holder has rights (TOB-PYPI26-13)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.engine import Connection

from customhouse.accounts.users import User, find_user_by_id
from customhouse.catalog import invitations, namespaces, rights, teams
from customhouse.catalog.model import Project
from customhouse.catalog.organizations import Organization, find_organization
from customhouse.catalog.people_events import ProjectTransferred, RoleChanged, RoleRemoved, TeamRoleRemoved
from customhouse.catalog.rights import MANAGING
from customhouse.catalog.roles import Invitee, is_typed, may_receive, may_transfer
from customhouse.catalog.staged import ongoing_sessions
from customhouse.catalog.tables import project, project_role, team_role
from customhouse.hooks import queries as hook_queries
from customhouse.hooks.events import WebhookSwitchedOff
from customhouse.hooks.model import Scope
from customhouse.hooks.tables import webhook
from customhouse.index import people
from customhouse.index.invite import WEEK, take_back, write_invitation
from customhouse.index.organization_subject import lock_holder, lock_in_order, lock_organization
from customhouse.index.people import PersonRow
from customhouse.index.publishing.add import remove_all_publishers
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.put_off import put_off
from customhouse.index.staging.end import end_session
from customhouse.index.subject import lock_subject, refuse_if
from customhouse.index.webhooks.holder import traits
from customhouse.index.webhooks.outcome import give_up_waiting
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity

TRANSFERRED = "The project was transferred."


@dataclass(frozen=True, slots=True)
class TransferToOrganization:
    """A wish that an organization hold a project from now on. ``typed`` is the project's name, typed again."""

    project: str
    organization: str
    typed: str
    seen: str | None = None
    """What `fingerprint` said of those who lose access when the wish was written; None does not compare."""
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class OfferTransfer:
    """A wish that another person take a project over, if he accepts."""

    project: str
    who: str
    typed: str
    life: timedelta = WEEK
    by: Actor = COMMAND_LINE


def losing(
    sql: Connection, found: Project, *, organization: Organization | None = None, user_id: int | None = None
) -> list[PersonRow]:
    """Who can act for a project or read it now, and could not after a transfer to that organization or person."""
    staying = {user_id}
    if organization is not None:
        staying = {member.account_id for member in people.members_of(sql, organization.id)}
    return [row for row in people.people_rows(sql, found) if row.account_id not in staying]


def fingerprint(rows: Iterable[PersonRow]) -> str:
    """These people as a text that a form can carry and a deed compare."""
    return ",".join(str(number) for number in sorted(row.account_id for row in rows))


def transfer_to_organization(command: TransferToOrganization, tx: Tx) -> Organization | PendingChange:
    """Hand a project to an organization that the actor manages; returns the organization, or what waits.

    Every role of its own that the project has given, every team's role and every open invitation is gone.
    """
    subject = lock_subject(tx, command.project, "", "", command.by)
    found, role = subject.project, subject.standing.role
    lock_in_order(tx, (found.organization_id, find_organization(tx.sql, command.organization).id))
    refuse_if(_may_transfer(tx, found, command.by))
    target, target_role = lock_organization(tx, command.organization, command.by)
    if target_role not in MANAGING and not command.by.operator:
        raise Refused(
            "not-a-manager", f"You do not manage {target.name!r}.", "Ask one of its owners to take the project over."
        )
    if target.id == found.organization_id:
        raise Refused("same-holder", f"{target.name!r} holds {found.display!r} already.", status=409)
    refuse_if(is_typed(found, command.typed))
    lost = losing(tx.sql, found, organization=target)
    if command.seen is not None and command.seen != fingerprint(lost):
        raise Refused(
            "people-changed", "Who loses access has changed since you looked.", "Look again, and confirm again.",
            status=409,
        )  # fmt: skip
    waits = put_off(
        tx, "transfer", project=found, by=command.by,
        arguments={
            "deed": "transfer-to-organization", "project": found.normalized, "organization": target.name,
            "typed": command.typed,
        },
        sentence=f"{found.display} goes to the organization {target.name}",
    )  # fmt: skip
    if waits is not None:
        return waits
    by = people.acting(command.by, by_right=role == "owner")
    before = _clear(tx, found, by, keep=None)
    tx.sql.execute(project.update().where(project.c.id == found.id).values(organization_id=target.id))
    tx.record(
        ProjectTransferred(
            by, found.normalized, organization=target.name, user_id="", name="", before=before,
            lost=tuple(str(row.account_id) for row in lost),
        )
    )  # fmt: skip
    return target


def offer_transfer(command: OfferTransfer, tx: Tx) -> User:
    """Offer a project to another person, who takes it over when he accepts; returns whom."""
    subject = lock_subject(tx, command.project, "", "", command.by)
    found, role = subject.project, subject.standing.role
    refuse_if(_may_transfer(tx, found, command.by))
    refuse_if(is_typed(found, command.typed))
    user = people.find_person(tx.sql, command.who)
    if user.id == command.by.account_id and found.organization_id is None:
        raise Refused("same-holder", "That is you.", "Remove the others instead.", status=409)
    waiting = invitations.is_waiting(tx.sql, "transfer", found.id, user.id, tx.now())
    refuse_if(may_receive(Invitee(user.id, user.name, user.frozen, "", waiting), "owner", ("owner",), found.display))
    by = people.acting(command.by, by_right=role == "owner")
    write_invitation(tx, "transfer", user, "owner", command.by, by, command.life, project=found)
    return user


def may_still_offer(tx: Tx, found: Project, inviter_id: int | None) -> bool:
    """Whether whoever has offered a project could offer it again now; None is an operator on the command line."""
    inviter = find_user_by_id(tx.sql, inviter_id).actor if inviter_id is not None else COMMAND_LINE
    frozen = inviter_id is not None and find_user_by_id(tx.sql, inviter_id).frozen
    return not frozen and _may_transfer(tx, found, inviter) is None


def take_over(tx: Tx, found: Project, user: User, held: str) -> None:
    """Make a person the only owner of a project, when he has accepted. The project's row is locked."""
    lost = losing(tx.sql, found, user_id=user.id)
    before = _clear(tx, found, user.identity, keep=user.id)
    tx.sql.execute(project.update().where(project.c.id == found.id).values(organization_id=None))
    if held:
        mine = (project_role.c.project_id == found.id, project_role.c.account_id == user.id)
        tx.sql.execute(project_role.update().where(*mine).values(role="owner"))
    else:
        tx.sql.execute(project_role.insert().values(project_id=found.id, account_id=user.id, role="owner"))
    if held != "owner":
        tx.record(
            RoleChanged(
                user.identity, found.normalized, user_id=str(user.id), name=user.name, role="owner", before=held
            )
        )
    tx.record(
        ProjectTransferred(
            user.identity, found.normalized, organization="", user_id=str(user.id), name=user.name, before=before,
            lost=tuple(str(row.account_id) for row in lost),
        )
    )  # fmt: skip


def _may_transfer(tx: Tx, found: Project, by: Actor) -> Refused | None:
    role = rights.standing(tx.sql, found, by).role
    owns_holder, namespace = False, ""
    if found.organization_id is not None:
        _, their_role = lock_holder(tx, found.organization_id, by.account_id)
        owns_holder = their_role == "owner"
        covering = namespaces.grants_covering(tx.sql, found.normalized)
        namespace = next((one.prefix for one in covering if one.organization_id == found.organization_id), "")
    return may_transfer(found, role, owns_holder=owns_holder, namespace=namespace, operator=by.operator)


def _clear(tx: Tx, found: Project, by: Identity, *, keep: int | None) -> str:
    """Remove every grant but that of one account; returns the name of the organization that held the project."""
    before = ""
    if found.organization_id is not None:
        before = lock_holder(tx, found.organization_id, None)[0].name
    roles = {user_id: role for user_id, role in people.direct_roles(tx.sql, found.id).items() if user_id != keep}
    users = people.users_by_id(tx.sql, roles)
    for user_id, role in sorted(roles.items()):
        tx.record(
            RoleRemoved(by, found.normalized, user_id=str(user_id), name=users[user_id].name, role=role, left=False)
        )
    tx.sql.execute(
        project_role.delete().where(project_role.c.project_id == found.id, project_role.c.account_id != (keep or 0))
    )
    for grant in teams.roles_in_project(tx.sql, found.id):
        tx.record(TeamRoleRemoved(by, found.normalized, organization=before, team=grant.team.name, role=grant.role))
    tx.sql.execute(team_role.delete().where(team_role.c.project_id == found.id))
    take_back(tx, invitations.unanswered_of_project(tx.sql, found.id), by)
    remove_all_publishers(tx, found, by)
    for session in ongoing_sessions(tx.sql, found.normalized, embargoed=True):
        end_session(tx, session, found, by, why="canceled")
    _silence_webhooks(tx, found, by)
    return before


def _silence_webhooks(tx: Tx, found: Project, by: Identity) -> None:
    """Switch the project's webhooks off: they tell receivers of the old owners. The new holder may switch them on."""
    for hook in hook_queries.hooks_of(tx.sql, scope := Scope("project", found.id, found.normalized)):
        tx.sql.execute(webhook.update().where(webhook.c.id == hook.id).values(active=False, why_off=TRANSFERRED))
        give_up_waiting(tx.sql, hook.id, TRANSFERRED)
        tx.record(WebhookSwitchedOff(by, found.normalized, **traits(scope, hook), why=TRANSFERRED))
