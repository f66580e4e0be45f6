"""Races of people as named interleavings, on both databases: whoever comes second sees what the first has done.

The first deed has done everything but its commit when the second begins; the second must be seen waiting before the
first may end. Then both run, and the outcome is looked at.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from customhouse.catalog import namespaces, queries
from customhouse.catalog.tables import team_role
from customhouse.formats.negotiate import JSON
from customhouse.index.answer_invitation import Answer, answer_invitation
from customhouse.index.change_role import ChangeRole, LeaveProject, RemoveRole, change_role, leave_project, remove_role
from customhouse.index.invite import Withdraw, withdraw
from customhouse.index.names import Claim, claim_project, look_again
from customhouse.index.namespaces import GrantNamespace, grant_namespace
from customhouse.index.organizations import ChangeMember, RemoveMember, change_member, remove_member
from customhouse.index.teams import AboutTeam, AboutTeamRole, create_team, set_team_role
from customhouse.index.transfer import OfferTransfer, TransferToOrganization, offer_transfer, transfer_to_organization
from customhouse.ledger.tx import Tx
from customhouse.terms.names import ProjectName
from interleaving import WAIT_SECONDS, Deed, one_after_the_other, said, somebody_waits
from neighbours import (
    actor,
    answer,
    enlist,
    events,
    found_organization,
    found_project,
    invite,
    join,
    newest_invitation,
    roles,
    user,
)
from packages import wheel
from patience import until
from world import World


@pytest.fixture
def demo(world: World) -> World:
    found_project(world)
    join(world, "bob", "owner")
    return world


def test_of_two_owners_who_remove_each_other_one_stays(demo: World) -> None:
    outcome = one_after_the_other(
        demo,
        (remove_role, RemoveRole("demo", "bob", actor(demo, "alice"))),
        (remove_role, RemoveRole("demo", "alice", actor(demo, "bob"))),
    )
    assert outcome == ("done", "not-an-owner")
    assert roles(demo) == {"alice": "owner"}


def test_of_two_owners_who_leave_one_stays(demo: World) -> None:
    outcome = one_after_the_other(
        demo,
        (leave_project, LeaveProject("demo", actor(demo, "alice"))),
        (leave_project, LeaveProject("demo", actor(demo, "bob"))),
    )
    assert outcome == ("done", "last-owner")
    assert roles(demo) == {"bob": "owner"}


def test_of_two_owners_who_demote_each_other_one_stays(demo: World) -> None:
    outcome = one_after_the_other(
        demo,
        (change_role, ChangeRole("demo", "bob", "maintainer", actor(demo, "alice"))),
        (change_role, ChangeRole("demo", "alice", "maintainer", actor(demo, "bob"))),
    )
    assert outcome == ("done", "not-an-owner")
    assert roles(demo) == {"alice": "owner", "bob": "maintainer"}


def test_of_two_owners_of_an_organization_who_remove_each_other_one_stays(world: World) -> None:
    found_organization(world)
    enlist(world, "bob", "owner")
    outcome = one_after_the_other(
        world,
        (change_member, ChangeMember("acme", "bob", "member", actor(world, "alice"))),
        (remove_member, RemoveMember("acme", "alice", actor(world, "bob"))),
    )
    assert outcome == ("done", "not-a-manager")
    outcome = one_after_the_other(
        world,
        (change_member, ChangeMember("acme", "bob", "owner", actor(world, "alice"))),
        (remove_member, RemoveMember("acme", by=actor(world, "alice"))),
    )
    assert outcome == ("done", "done")
    assert said(world, remove_member, RemoveMember("acme", by=actor(world, "bob"))) == "last-owner"


def test_an_invitation_is_answered_once(demo: World) -> None:
    number = invite(demo, "carol")
    accept = (answer_invitation, Answer(number, accept=True, by=actor(demo, "carol")))
    decline = (answer_invitation, Answer(number, accept=False, by=actor(demo, "carol")))
    assert one_after_the_other(demo, decline, accept) == ("done", "invitation-answered")
    assert "carol" not in roles(demo)
    number = invite(demo, "carol")
    accept = (answer_invitation, Answer(number, accept=True, by=actor(demo, "carol")))
    assert one_after_the_other(demo, accept, accept) == ("done", "invitation-answered")
    assert [event.kind for event in events(demo, "role-changed") if "carol" in event.body] == ["role-changed"]


def test_an_invitation_that_is_withdrawn_first_gives_nothing(demo: World) -> None:
    number = invite(demo, "carol")
    outcome = one_after_the_other(
        demo,
        (withdraw, Withdraw(number, project="demo", by=actor(demo, "alice"))),
        (answer_invitation, Answer(number, accept=True, by=actor(demo, "carol"))),
    )
    assert outcome == ("done", "invitation-answered")
    assert "carol" not in roles(demo)


def test_an_invitation_whose_maker_is_removed_first_gives_nothing(demo: World) -> None:
    """The removed owner's accomplice gets in only if he was quicker, and then the event stands before the removal."""
    number = invite(demo, "carol", by="bob")
    outcome = one_after_the_other(
        demo,
        (remove_role, RemoveRole("demo", "bob", actor(demo, "alice"))),
        (answer_invitation, Answer(number, accept=True, by=actor(demo, "carol"))),
    )
    assert outcome == ("done", "invitation-dead")
    assert roles(demo) == {"alice": "owner"}


def test_an_invitation_accepted_during_a_transfer_gives_nothing(demo: World) -> None:
    found_organization(demo)
    number = invite(demo, "carol", "owner")
    outcome = one_after_the_other(
        demo,
        (transfer_to_organization, TransferToOrganization("demo", "acme", "demo", by=actor(demo, "alice"))),
        (answer_invitation, Answer(number, accept=True, by=actor(demo, "carol"))),
    )
    assert outcome == ("done", "invitation-answered")
    assert roles(demo) == {"alice": "owner"}


def test_tob13_a_team_that_gets_a_role_during_a_transfer_has_none_after_it(world: World) -> None:
    found_organization(world)
    found_project(world, organization="acme")
    world.app.do(create_team, AboutTeam("acme", "builders", actor(world, "alice")))
    user(world, "bob")
    world.app.do(offer_transfer, OfferTransfer("demo", "bob", "demo", by=actor(world, "alice")))
    number = newest_invitation(world, "bob")
    outcome = one_after_the_other(
        world,
        (answer_invitation, Answer(number, accept=True, by=actor(world, "bob"))),
        (set_team_role, AboutTeamRole("acme", "builders", "demo", "owner", actor(world, "alice"))),
    )
    assert outcome == ("done", "unknown")
    with world.app.database.read() as sql:
        assert sql.execute(sa.select(team_role)).all() == []


def test_two_transfers_in_opposite_directions_do_not_wait_for_each_other(world: World) -> None:
    for name in ("acme", "beta"):
        found_organization(world, name)
    found_project(world, "one", organization="acme")
    found_project(world, "two", organization="beta")
    alice = actor(world, "alice")
    outcome = one_after_the_other(
        world,
        (transfer_to_organization, TransferToOrganization("one", "beta", "one", by=alice)),
        (transfer_to_organization, TransferToOrganization("two", "acme", "two", by=alice)),
    )
    assert outcome == ("done", "done")


def test_of_two_grants_that_overlap_one_is_made(world: World) -> None:
    found_organization(world, "acme")
    found_organization(world, "beta", "bob")
    outcome = one_after_the_other(
        world,
        (grant_namespace, GrantNamespace("foo", "acme")),
        (grant_namespace, GrantNamespace("foo-bar", "beta")),
    )
    assert outcome == ("done", "namespace-overlaps")
    with world.app.database.read() as sql:
        assert [grant.prefix for grant in namespaces.all_grants(sql)] == ["foo"]


def test_a_name_that_is_claimed_while_its_namespace_is_granted_is_before_or_refused(world: World) -> None:
    """Never a new project of somebody else that the ledger shows after the grant."""
    found_organization(world, "acme", "carol")
    by = actor(world, "bob")
    claimed, granted = threading.Event(), threading.Event()

    def claim(wanted: str, tx: Tx) -> None:
        made = claim_project(Claim(ProjectName(wanted), by), tx)
        claimed.set()
        if world.app.database.dialect == "postgresql":
            assert granted.wait(WAIT_SECONDS), "the grant need not wait for us"
        tx.serialize()
        look_again(made, by, tx)

    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(said, world, claim, "acme-tool")
        assert claimed.wait(WAIT_SECONDS)
        assert said(world, grant_namespace, GrantNamespace("acme", "acme")) == "done"
        granted.set()
        outcome = one.result()
    kinds = [event.kind for event in events(world, "project-created", "namespace-granted")]
    if outcome == "done":
        assert kinds == ["project-created", "namespace-granted"]
        page = world.client.get("/simple/acme-tool/", headers={"accept": JSON}).json()
        assert page["namespaces"] == [{"name": "acme", "owned": False}]
    else:
        assert (outcome, kinds) == ("namespace-reserved", ["namespace-granted"])
        with world.app.database.read() as sql:
            assert queries.find_project(sql, "acme-tool") is None


@pytest.mark.parametrize("way", ["direct", "team", "manager"])
def test_p8_who_loses_his_right_while_his_file_is_read_uploads_nothing(world: World, way: str) -> None:
    found_organization(world)
    found_project(world, organization="acme")
    if way == "direct":
        join(world, "bob")
        end: tuple[Deed, object] = (remove_role, RemoveRole("demo", "bob", actor(world, "alice")))
    else:
        enlist(world, "bob", "manager" if way == "manager" else "member")
        end = (remove_member, RemoveMember("acme", "bob", actor(world, "alice")))
    if way == "team":
        from customhouse.index.teams import AboutTeamMember, add_team_member  # noqa: PLC0415 - beside its only use

        alice = actor(world, "alice")
        world.app.do(create_team, AboutTeam("acme", "builders", alice))
        world.app.do(add_team_member, AboutTeamMember("acme", "builders", "bob", alice))
        world.app.do(set_team_role, AboutTeamRole("acme", "builders", "demo", "maintainer", alice))
    assert roles(world)["bob"]
    read = world.app.reception._examine

    def examine(path: Any, filename: str) -> Any:
        found = read(path, filename)
        assert said(world, *end) == "done"
        return found

    world.app.reception._examine = examine
    answered = world.upload(wheel(), user="bob")
    world.app.reception._examine = read
    assert answered.status == 403
    assert world.client.get("/simple/demo/", headers={"accept": JSON}).json()["files"] == []
    world.app.sweep()


def test_an_upload_holds_the_project_until_its_end_and_the_removal_comes_after(demo: World) -> None:
    answer(demo, "carol", invite(demo, "carol"))
    ready, go = threading.Event(), threading.Event()

    def hold(_command: object, tx: Tx) -> None:
        queries.find_project(tx.sql, "demo", lock=True)
        ready.set()
        assert go.wait(WAIT_SECONDS)

    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(said, demo, hold, None)
        assert ready.wait(WAIT_SECONDS)
        two = threads.submit(said, demo, remove_role, RemoveRole("demo", "carol", actor(demo, "alice")))
        until(lambda: somebody_waits(demo), why="nobody waits")
        assert "carol" in roles(demo)
        go.set()
        assert (one.result(), two.result()) == ("done", "done")
    assert "carol" not in roles(demo)
