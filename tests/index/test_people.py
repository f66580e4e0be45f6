"""Invitations, roles and last owners, done against both databases."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from customhouse.accounts.tables import account
from customhouse.accounts.users import Freeze, SetSiteRole, freeze, set_site_role
from customhouse.catalog import invitations
from customhouse.index.change_role import ChangeRole, RemoveRole, change_role, remove_role
from customhouse.index.delete import Delete, delete
from customhouse.index.invite import InviteToProject, Withdraw, invite_to_project, withdraw
from customhouse.index.quarantine_by_hand import QuarantineProject, order_project_quarantine
from customhouse.infra.tables import job
from customhouse.work import run_followers
from neighbours import (
    actor,
    answer,
    events,
    found_organization,
    found_project,
    invite,
    join,
    leave,
    newest_invitation,
    refused,
    roles,
    user,
)
from world import World


@pytest.fixture
def demo(world: World) -> World:
    found_project(world)
    return world


def test_an_invitation_gives_nothing_before_it_is_accepted(demo: World) -> None:
    number = invite(demo, "bob", "owner")
    assert roles(demo) == {"alice": "owner"}
    answer(demo, "bob", number)
    assert roles(demo) == {"alice": "owner", "bob": "owner"}
    made, accepted, changed = events(demo, "invitation-", "role-")
    assert (made.kind, accepted.kind, changed.kind) == ("invitation-made", "invitation-accepted", "role-changed")
    assert made.project == accepted.project == changed.project == "demo"
    assert json.loads(changed.body) == {
        "user_id": str(user(demo, "bob").id), "name": "bob", "role": "owner", "before": "",
    }  # fmt: skip


def test_an_invitation_is_told_by_mail(demo: World) -> None:
    run_followers(demo.app)  # a new follower begins at the head
    with demo.app.database.write() as sql:
        sql.execute(account.insert().values(name="bob", normalized="bob", email="bob@example.org",
                                            email_verified_at=demo.clock.now(), created_at=demo.clock.now()))  # fmt: skip
    demo.tokens["bob"] = ""
    invite(demo, "bob")
    while run_followers(demo.app):
        pass
    with demo.app.database.read() as sql:
        letters = sql.execute(sa.select(job.c.arguments).where(job.c.name == "mail")).scalars().all()
    assert [(one["account_id"], one["template"]) for one in letters if one["account_id"] == user(demo, "bob").id] == [
        (user(demo, "bob").id, "invitation-made")
    ]
    with demo.app.database.write() as sql:
        sql.execute(job.delete().where(job.c.name == "mail"))


def test_a_declined_invitation_gives_nothing_and_cannot_be_accepted(demo: World) -> None:
    number = invite(demo, "bob")
    answer(demo, "bob", number, accept=False)
    with refused("invitation-answered"):
        answer(demo, "bob", number)
    assert roles(demo) == {"alice": "owner"}
    assert [event.kind for event in events(demo, "invitation-")] == ["invitation-made", "invitation-declined"]


def test_a35_somebody_elses_invitation_does_not_exist_and_the_try_leaves_an_event(demo: World) -> None:
    number = invite(demo, "bob")
    user(demo, "mallory")
    for wrong in (number, "999999", "x", "", "-1", "1" * 30, "٣"):
        with refused("unknown-invitation"):
            answer(demo, "mallory", wrong)
    assert [event.actor_name for event in events(demo, "invitation-not-yours")] == ["mallory"] * 7
    answer(demo, "bob", number)


def test_a35_an_invitation_expires(demo: World) -> None:
    number = invite(demo, "bob")
    demo.clock.turn(timedelta(days=7, seconds=1))
    with refused("invitation-expired"):
        answer(demo, "bob", number)
    with demo.app.database.read() as sql:
        assert invitations.open_for_account(sql, user(demo, "bob").id, demo.clock.now()) == []
    answer(demo, "bob", invite(demo, "bob"))


@pytest.mark.parametrize("how", ["removed", "demoted", "frozen"])
def test_a35_an_invitation_dies_with_the_right_of_whoever_made_it(demo: World, how: str) -> None:
    join(demo, "bob", "owner")
    number = invite(demo, "carol", by="bob")
    if how == "removed":
        demo.app.do(remove_role, RemoveRole("demo", "bob", actor(demo, "alice")))
    elif how == "demoted":
        demo.app.do(change_role, ChangeRole("demo", "bob", "maintainer", actor(demo, "alice")))
    else:
        demo.app.do(freeze, Freeze("bob", "a test"))
    with refused("invitation-dead"):
        answer(demo, "carol", number)
    assert "carol" not in roles(demo)


def test_an_invitation_by_an_operator_holds_while_he_is_one(demo: World) -> None:
    user(demo, "olga")
    demo.app.do(set_site_role, SetSiteRole("olga", "operator"))
    first, second = invite(demo, "bob", by="olga"), invite(demo, "carol", by="olga")
    answer(demo, "bob", first)
    demo.app.do(set_site_role, SetSiteRole("olga", ""))
    with refused("invitation-dead"):
        answer(demo, "carol", second)
    assert events(demo, "invitation-made")[0].actor_kind == "operator"
    user(demo, "dave")
    demo.app.do(invite_to_project, InviteToProject("demo", "dave", "owner"))
    answer(demo, "dave", newest_invitation(demo, "dave"))
    assert roles(demo)["dave"] == "owner", "whoever sits at the command line remains one"


def test_an_invitation_dies_with_the_project_and_with_the_role(demo: World) -> None:
    bob, carol = invite(demo, "bob"), invite(demo, "carol", "maintainer")
    demo.app.do(delete, Delete("demo", typed="demo", by=actor(demo, "alice")))
    with refused("invitation-dead"):
        answer(demo, "bob", bob)
    found_project(demo, "other")
    number = invite(demo, "bob", project="other")
    demo.app.do(order_project_quarantine, QuarantineProject("other", "a test"))
    with refused("invitation-dead"):
        answer(demo, "bob", number)
    answer(demo, "carol", carol, accept=False)


def test_a_second_invitation_waits_for_the_first_and_a_withdrawn_one_is_over(demo: World) -> None:
    number = invite(demo, "bob")
    with refused("invited-already"):
        invite(demo, "bob", "owner")
    with refused("unknown-invitation"):
        demo.app.do(withdraw, Withdraw("12345", project="demo", by=actor(demo, "alice")))
    found_project(demo, "other", "mallory")
    with refused("unknown-invitation"):
        demo.app.do(withdraw, Withdraw(number, project="other", by=actor(demo, "mallory")))
    with refused("not-yours-to-withdraw"):
        demo.app.do(withdraw, Withdraw(number, project="demo", by=actor(demo, "mallory")))
    demo.app.do(withdraw, Withdraw(number, project="demo", by=actor(demo, "alice")))
    with refused("invitation-answered"):
        answer(demo, "bob", number)
    with refused("invitation-answered"):
        demo.app.do(withdraw, Withdraw(number, project="demo", by=actor(demo, "alice")))
    answer(demo, "bob", invite(demo, "bob", "owner"))
    assert roles(demo)["bob"] == "owner"


def test_an_address_finds_only_who_has_proved_that_it_is_his(demo: World) -> None:
    for name, verified in (("bob", True), ("mallory", False)):
        with demo.app.database.write() as sql:
            sql.execute(
                account.insert().values(
                    name=name, normalized=name, email="bob@example.org", created_at=demo.clock.now(),
                    email_verified_at=demo.clock.now() if verified else None,
                )
            )  # fmt: skip
    demo.tokens |= {"bob": "", "mallory": ""}
    command = InviteToProject("demo", "BOB@example.org", "maintainer", by=actor(demo, "alice"))
    assert demo.app.do(invite_to_project, command).name == "bob"
    for nobody in ("carol@example.org", "carol", "", "@", "bob@"):
        with refused("no-such-user"):
            demo.app.do(invite_to_project, InviteToProject("demo", nobody, "owner", by=actor(demo, "alice")))
    with demo.app.database.write() as sql:
        sql.execute(account.update().where(account.c.name == "mallory").values(email_verified_at=demo.clock.now()))
    with refused("no-such-user"):
        demo.app.do(invite_to_project, command)


def test_who_may_not_invite_learns_nothing_about_accounts(demo: World) -> None:
    join(demo, "bob")
    for who in ("alice", "nobody-at-all"):
        with refused("not-an-owner"):
            demo.app.do(invite_to_project, InviteToProject("demo", who, "owner", by=actor(demo, "bob")))


def test_the_last_owner_stays_until_another_living_one_is_there(demo: World) -> None:
    with refused("last-owner"):
        leave(demo, "alice")
    with refused("last-owner"):
        demo.app.do(change_role, ChangeRole("demo", "alice", "maintainer", actor(demo, "alice")))
    join(demo, "bob")
    with refused("last-owner"):
        leave(demo, "alice")
    demo.app.do(change_role, ChangeRole("demo", "bob", "owner", actor(demo, "alice")))
    demo.app.do(freeze, Freeze("bob", "a test"))
    with refused("last-owner"):
        leave(demo, "alice")
    demo.app.do(freeze, Freeze("bob", "over", thaw=True))
    leave(demo, "alice")
    assert roles(demo) == {"bob": "owner"}
    (left,) = events(demo, "role-removed")
    assert json.loads(left.body)["left"] is True


def test_an_organization_with_a_living_owner_lets_the_last_direct_owner_leave(demo: World) -> None:
    found_organization(demo, "acme", "carol")
    with demo.app.database.write() as sql:
        sql.execute(sa.text("UPDATE project SET organization_id = (SELECT id FROM organization)"))
    demo.app.do(freeze, Freeze("carol", "a test"))
    with refused("last-owner"):
        leave(demo, "alice")
    demo.app.do(freeze, Freeze("carol", "over", thaw=True))
    leave(demo, "alice")
    assert roles(demo) == {"carol": "owner"}


def test_removing_somebody_takes_his_open_invitations_along(demo: World) -> None:
    """A35: an invitation accepted after a removal would bring him back."""
    join(demo, "bob")
    number = invite(demo, "bob", "owner")
    demo.app.do(remove_role, RemoveRole("demo", "bob", actor(demo, "alice")))
    with refused("invitation-answered"):
        answer(demo, "bob", number)
    assert roles(demo) == {"alice": "owner"}


def test_a_maintainer_changes_nobody_and_a_stranger_hears_of_no_private_project(demo: World) -> None:
    join(demo, "bob")
    with refused("not-an-owner"):
        demo.app.do(change_role, ChangeRole("demo", "bob", "owner", actor(demo, "bob")))
    with refused("not-an-owner"):
        demo.app.do(remove_role, RemoveRole("demo", "alice", actor(demo, "bob")))
    found_project(demo, "secret", visibility="private")
    for deed, command in (
        (change_role, ChangeRole("secret", "alice", "maintainer", actor(demo, "bob"))),
        (remove_role, RemoveRole("secret", "alice", actor(demo, "bob"))),
        (invite_to_project, InviteToProject("secret", "bob", "owner", by=actor(demo, "bob"))),
    ):
        with refused("unknown"):
            demo.app.do(deed, command)  # type: ignore[arg-type]
