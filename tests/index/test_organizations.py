"""Organizations and their teams, done against both databases; leaving leaves no way back."""

from __future__ import annotations

import json
from functools import partial
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customhouse.accounts.index_flags import SetFlag, set_flag
from customhouse.accounts.users import Freeze, freeze
from customhouse.catalog import queries, rights
from customhouse.index.change_role import RemoveRole, remove_role
from customhouse.index.invite import InviteToOrganization, Withdraw, invite_to_organization, withdraw
from customhouse.index.organizations import (
    ChangeMember,
    ChangeOrganization,
    CreateOrganization,
    RemoveMember,
    change_member,
    change_organization,
    create_organization,
    remove_member,
)
from customhouse.index.teams import (
    AboutTeam,
    AboutTeamMember,
    AboutTeamRole,
    add_team_member,
    create_team,
    remove_team,
    remove_team_member,
    set_team_role,
)
from customhouse.terms.errors import CustomhouseError
from neighbours import (
    actor,
    answer,
    enlist,
    events,
    found_organization,
    found_project,
    invite,
    invite_member,
    join,
    may_read,
    newest_invitation,
    refused,
    roles,
    user,
)
from world import World


@pytest.fixture
def acme(world: World) -> World:
    found_organization(world)
    return world


def drop(world: World, who: str, *, by: str = "alice", of: str = "acme") -> None:
    world.app.do(remove_member, RemoveMember(of, "" if by == who else who, actor(world, by)))


def test_whoever_makes_an_organization_owns_it_and_names_differ_in_more_than_case(acme: World) -> None:
    with refused("organization-exists"):
        found_organization(acme, "ACME", "bob")
    with refused("bad-name"):
        found_organization(acme, "no name", "bob")
    (event,) = events(acme, "organization-created")
    assert json.loads(event.body) == {"organization": "acme", "owner_id": str(user(acme, "alice").id), "owner": "alice"}
    acme.app.do(change_organization, ChangeOrganization("ACME", "Acme Works", actor(acme, "alice")))
    with refused("unknown-organization"):
        acme.app.do(change_organization, ChangeOrganization("acme", "Mine", actor(acme, "bob")))


def test_operators_can_switch_off_new_organizations_and_projects(world: World) -> None:
    world.app.do(set_flag, SetFlag("no-new-projects", on=True, reason="we are moving"))
    with refused("flag-no-new-projects"):
        found_organization(world)
    with refused("flag-no-new-projects"):
        found_project(world)
    user(world, "alice")
    world.app.do(create_organization, CreateOrganization("acme", owner="alice"))
    with refused("no-owner"):
        world.app.do(create_organization, CreateOrganization("other"))


def test_tob8_a_member_cannot_invite_and_a_manager_only_members(acme: World) -> None:
    """TOB-PYPI26-8, in the deed as well as at the door."""
    enlist(acme, "mark", "member")
    enlist(acme, "max", "manager")
    user(acme, "bob")
    for who, role in (("mark", "owner"), ("mark", "member"), ("max", "owner"), ("max", "manager")):
        with pytest.raises(CustomhouseError):
            acme.app.do(invite_to_organization, InviteToOrganization("acme", "bob", role, by=actor(acme, who)))
    answer(acme, "bob", invite_member(acme, "bob", by="max"))
    number = invite_member(acme, "carol", "owner")
    with refused("not-yours-to-withdraw"):
        acme.app.do(withdraw, Withdraw(number, organization="acme", by=actor(acme, "max")))
    acme.app.do(withdraw, Withdraw(number, organization="acme", by=actor(acme, "alice")))


def test_an_invitation_dies_when_its_maker_can_invite_no_more(acme: World) -> None:
    enlist(acme, "max", "manager")
    number = invite_member(acme, "bob", by="max")
    acme.app.do(change_member, ChangeMember("acme", "max", "member", actor(acme, "alice")))
    with refused("invitation-dead"):
        answer(acme, "bob", number)
    assert not [event for event in events(acme, "organization-member-changed") if "bob" in event.body]


def test_the_last_owner_of_an_organization_stays(acme: World) -> None:
    enlist(acme, "bob", "owner")
    acme.app.do(freeze, Freeze("bob", "a test"))
    with refused("last-owner"):
        drop(acme, "alice", by="alice")
    with refused("last-owner"):
        acme.app.do(change_member, ChangeMember("acme", "alice", "member", actor(acme, "alice")))
    acme.app.do(freeze, Freeze("bob", "over", thaw=True))
    drop(acme, "alice", by="alice")
    with refused("unknown-organization"):
        acme.app.do(change_organization, ChangeOrganization("acme", "Mine", actor(acme, "alice")))


def test_rights_follow_current_membership(acme: World) -> None:
    found_project(acme, "demo", "alice", visibility="private", organization="acme")
    enlist(acme, "mark")
    assert (roles(acme), may_read(acme, "mark")) == ({"alice": "owner"}, True)
    acme.app.do(change_member, ChangeMember("acme", "mark", "manager", actor(acme, "alice")))
    assert roles(acme) == {"alice": "owner", "mark": "owner"}
    acme.app.do(change_member, ChangeMember("acme", "mark", "member", actor(acme, "alice")))
    assert roles(acme) == {"alice": "owner"}
    make_team(acme, "mark", "maintainer")
    assert roles(acme) == {"alice": "owner", "mark": "maintainer"}
    acme.app.do(remove_team_member, AboutTeamMember("acme", "builders", "mark", actor(acme, "alice")))
    assert roles(acme) == {"alice": "owner"}


def make_team(world: World, who: str, role: str, project: str = "demo", team: str = "builders") -> None:
    by = actor(world, "alice")
    world.app.do(create_team, AboutTeam("acme", team, by))
    world.app.do(add_team_member, AboutTeamMember("acme", team, who, by))
    world.app.do(set_team_role, AboutTeamRole("acme", team, project, role, by))


def test_a_team_holds_members_of_its_organization_and_its_projects_alone(acme: World) -> None:
    found_project(acme, "demo", organization="acme")
    found_project(acme, "mine", "alice")
    alice = actor(acme, "alice")
    acme.app.do(create_team, AboutTeam("acme", "Builders", alice))
    with refused("team-exists"):
        acme.app.do(create_team, AboutTeam("acme", "BUILDERS", alice))
    user(acme, "bob")
    with refused("no-member"):
        acme.app.do(add_team_member, AboutTeamMember("acme", "builders", "bob", alice))
    with refused("unknown"):
        acme.app.do(set_team_role, AboutTeamRole("acme", "builders", "mine", "owner", alice))
    with refused("bad-role"):
        acme.app.do(set_team_role, AboutTeamRole("acme", "builders", "demo", "king", alice))
    with refused("unknown-team"):
        acme.app.do(set_team_role, AboutTeamRole("acme", "nobodies", "demo", "owner", alice))
    with refused("no-role"):
        acme.app.do(set_team_role, AboutTeamRole("acme", "builders", "demo", "", alice))
    enlist(acme, "mark")
    with refused("not-a-manager"):
        acme.app.do(set_team_role, AboutTeamRole("acme", "builders", "demo", "owner", actor(acme, "mark")))
    acme.app.do(set_team_role, AboutTeamRole("acme", "builders", "demo", "owner", alice))
    with refused("has-role"):
        acme.app.do(set_team_role, AboutTeamRole("acme", "builders", "demo", "owner", alice))
    acme.app.do(remove_team, AboutTeam("acme", "builders", alice))
    assert [event.kind for event in events(acme, "team-")] == [
        "team-created", "team-role-changed", "team-role-removed", "team-removed",
    ]  # fmt: skip
    assert [event.project for event in events(acme, "team-role")] == ["demo", "demo"]


def test_another_organizations_team_is_out_of_reach(acme: World) -> None:
    found_organization(acme, "evil", "mallory")
    acme.app.do(create_team, AboutTeam("acme", "builders", actor(acme, "alice")))
    mallory = actor(acme, "mallory")
    with refused("unknown-organization"):
        acme.app.do(remove_team, AboutTeam("acme", "builders", mallory))
    with refused("unknown-team"):
        acme.app.do(remove_team, AboutTeam("evil", "builders", mallory))


def test_leaving_takes_teams_direct_roles_and_invitations_along(acme: World) -> None:
    found_project(acme, "demo", visibility="private", organization="acme")
    found_project(acme, "outside", "alice")
    enlist(acme, "bob", "manager")
    make_team(acme, "bob", "owner")
    join(acme, "bob", "maintainer", project="demo")
    join(acme, "bob", "maintainer", project="outside")
    waiting = invite(acme, "bob", "owner", project="demo")
    drop(acme, "bob", by="bob")
    assert (roles(acme), may_read(acme, "bob")) == ({"alice": "owner"}, False)
    assert roles(acme, "outside") == {"alice": "owner", "bob": "maintainer"}, "that is none of the organization's"
    with refused("invitation-answered"):
        answer(acme, "bob", waiting)
    enlist(acme, "bob")
    assert roles(acme) == {"alice": "owner"}, "coming back brings no old rights"


NUMBERS = count()
GRANTS = st.sets(
    st.sampled_from(["owner", "manager", "member", "team-owner", "team-maintainer", "direct-owner", "direct-maintainer",
                     "invited", "invited-member"]),
    min_size=1,
)  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(GRANTS, st.booleans())
def test_after_leaving_no_route_allows(small_world: World, grants: set[str], itself: bool) -> None:
    """Whatever way somebody had into an organization's private project, after he has left none is open."""
    number = next(NUMBERS)  # each example has an organization of its own in one world
    of, name = f"org{number}", f"secret-{number}-project"
    world, by = small_world, partial(actor, small_world)
    found_organization(world, of, "alice")
    found_project(world, name, "alice", visibility="private", organization=of)
    role = next((one for one in ("owner", "manager", "member") if one in grants), "member")
    enlist(world, "bob", role, to=of)
    for one in sorted(grants):
        kind, _, what = one.partition("-")
        if kind == "team":
            world.app.do(create_team, AboutTeam(of, what, by("alice")))
            world.app.do(add_team_member, AboutTeamMember(of, what, "bob", by("alice")))
            world.app.do(set_team_role, AboutTeamRole(of, what, name, what, by("alice")))
    direct = "maintainer" if "direct-maintainer" in grants else "owner" if "direct-owner" in grants else ""
    if direct:
        join(world, "bob", direct, project=name)
    waiting = []
    if "invited" in grants and direct != "owner":
        waiting.append(invite(world, "bob", "owner", project=name))
    if "invited-member" in grants and role != "owner":
        waiting.append(invite_member(world, "bob", "owner", to=of))
    drop(world, "bob", by="bob" if itself else "alice", of=of)
    assert roles(world, name) == {"alice": "owner"}
    assert not may_read(world, "bob", name)
    for invitation in waiting:
        with refused("invitation-answered"):
            answer(world, "bob", invitation)
    with world.app.database.read() as sql:
        found = queries.find_project(sql, name)
        assert found is not None
        assert rights.role_of(sql, found.id, user(world, "bob").id) is None
        assert name not in rights.projects_of(sql, user(world, "bob").id)
    token = {"authorization": f"Bearer {world.tokens['bob']}"}
    assert world.client.get(f"/simple/{name}/", headers=token).status_code == 404
    person = by("bob")
    for deed, command in (
        (create_team, AboutTeam(of, "again", person)),
        (remove_role, RemoveRole(name, "alice", person)),
        (change_member, ChangeMember(of, "bob", "owner", person)),
    ):
        with pytest.raises(CustomhouseError, match="There is no"):
            world.app.do(deed, command)  # type: ignore[arg-type]


def test_an_operator_who_belongs_to_nothing_acts_in_the_operators_chair(acme: World) -> None:
    user(acme, "bob")
    acme.app.do(invite_to_organization, InviteToOrganization("acme", "bob", "owner"))
    answer(acme, "bob", newest_invitation(acme, "bob"))
    (made,) = events(acme, "invitation-made")
    assert made.actor_kind == "operator"
