"""People for tests who found projects and organizations and invite each other, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.engine import Connection

from customhouse.accounts.users import User, find_user
from customhouse.catalog import invitations, queries, rights
from customhouse.catalog.model import Project
from customhouse.index.answer_invitation import Answer, answer_invitation
from customhouse.index.change_role import LeaveProject, leave_project
from customhouse.index.invite import InviteToOrganization, InviteToProject, invite_to_organization, invite_to_project
from customhouse.index.new_project import CreateProject, new_project
from customhouse.index.organizations import CreateOrganization, create_organization
from customhouse.ledger import queries as ledger
from customhouse.ledger.chain import Entry
from customhouse.terms.errors import CustomhouseError
from customhouse.terms.identity import Actor
from world import World


def user(world: World, name: str) -> User:
    """The account of that name, made if need be."""
    world.user(name)
    with world.app.database.read() as sql:
        return find_user(sql, name)


def actor(world: World, name: str) -> Actor:
    """The same as somebody who wants something done."""
    return user(world, name).actor


def found_project(
    world: World, name: str = "demo", owner: str = "alice", *, visibility: str = "public", organization: str = ""
) -> Project:
    """A project without files."""
    command = CreateProject(name, actor(world, owner), visibility, organization)
    return new_project(world.app.deeds, command)


def found_organization(world: World, name: str = "acme", owner: str = "alice") -> None:
    """An organization with one owner."""
    world.app.do(create_organization, CreateOrganization(name, by=actor(world, owner)))


def invite(world: World, who: str, role: str = "maintainer", *, project: str = "demo", by: str = "alice") -> str:
    """Invite somebody into a project; returns the invitation's number."""
    user(world, who)
    world.app.do(invite_to_project, InviteToProject(project, who, role, by=actor(world, by)))
    return newest_invitation(world, who)


def invite_member(world: World, who: str, role: str = "member", *, to: str = "acme", by: str = "alice") -> str:
    """Invite somebody into an organization; returns the invitation's number."""
    user(world, who)
    world.app.do(invite_to_organization, InviteToOrganization(to, who, role, by=actor(world, by)))
    return newest_invitation(world, who)


def answer(world: World, who: str, number: str, *, accept: bool = True) -> None:
    """Answer an invitation."""
    world.app.do(answer_invitation, Answer(number, accept, actor(world, who)))


def join(world: World, who: str, role: str = "maintainer", *, project: str = "demo", by: str = "alice") -> None:
    """Invite somebody into a project, who accepts."""
    answer(world, who, invite(world, who, role, project=project, by=by))


def enlist(world: World, who: str, role: str = "member", *, to: str = "acme", by: str = "alice") -> None:
    """Invite somebody into an organization, who accepts."""
    answer(world, who, invite_member(world, who, role, to=to, by=by))


def leave(world: World, who: str, project: str = "demo") -> None:
    """Give up one's role."""
    world.app.do(leave_project, LeaveProject(project, actor(world, who)))


def newest_invitation(world: World, who: str) -> str:
    """The number of the invitation that somebody received last."""
    with world.app.database.read() as sql:
        rows = invitations.open_for_account(sql, find_user(sql, who).id, world.clock.now())
    return str(rows[0].invitation.id)


def roles(world: World, project: str = "demo") -> dict[str, str]:
    """Who has which role, however he came by it."""
    with world.app.database.read() as sql:
        found = queries.find_project(sql, project)
        assert found is not None
        held = dict(rights.people_of(sql, found.id))
        return {name: held[account_id] for name, account_id in _names(sql, world).items() if account_id in held}


def may_read(world: World, who: str, project: str = "demo") -> bool:
    """Whether somebody may read a project."""
    with world.app.database.read() as sql:
        found = queries.find_project(sql, project)
        return found is not None and rights.standing(sql, found, find_user(sql, who).actor).reads


def events(world: World, *beginnings: str) -> list[Entry]:
    """The events whose kinds begin so."""
    with world.app.database.read() as sql:
        return [entry for entry in ledger.entries(sql) if entry.kind.startswith(beginnings)]


@contextmanager
def refused(code: str) -> Iterator[None]:
    """What happens inside is refused or rejected with that code."""
    with pytest.raises(CustomhouseError) as caught:
        yield
    assert caught.value.code == code, str(caught.value)


def _names(sql: Connection, world: World) -> dict[str, int]:
    return {name: find_user(sql, name).id for name in sorted(world.tokens)}
