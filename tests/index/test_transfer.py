"""Handing projects over: at once to an organization, by an offer to a person; grants never survive it."""

from __future__ import annotations

import json

import pytest

from customhouse.accounts.users import SetSiteRole, set_site_role
from customhouse.catalog import queries
from customhouse.index.delete import Delete, delete
from customhouse.index.invite import Withdraw, withdraw
from customhouse.index.namespaces import GrantNamespace, RevokeNamespace, grant_namespace, revoke_namespace
from customhouse.index.quarantine_by_hand import QuarantineProject, order_project_quarantine
from customhouse.index.teams import (
    AboutTeam,
    AboutTeamMember,
    AboutTeamRole,
    add_team_member,
    create_team,
    set_team_role,
)
from customhouse.index.transfer import (
    OfferTransfer,
    TransferToOrganization,
    fingerprint,
    losing,
    offer_transfer,
    transfer_to_organization,
)
from neighbours import (
    actor,
    answer,
    enlist,
    events,
    found_organization,
    found_project,
    invite,
    join,
    leave,
    may_read,
    newest_invitation,
    refused,
    roles,
    user,
)
from packages import wheel
from world import World


@pytest.fixture
def demo(world: World) -> World:
    found_project(world)
    return world


def give(world: World, to: str, *, by: str = "alice", typed: str = "demo", seen: str | None = None) -> None:
    world.app.do(transfer_to_organization, TransferToOrganization("demo", to, typed, seen, actor(world, by)))


def offer(world: World, who: str, *, by: str = "alice", typed: str = "demo") -> str:
    user(world, who)
    world.app.do(offer_transfer, OfferTransfer("demo", who, typed, by=actor(world, by)))
    return newest_invitation(world, who)


def make_team(world: World, who: str, role: str = "owner", *, by: str = "alice", of: str = "acme") -> None:
    world.app.do(create_team, AboutTeam(of, "builders", actor(world, by)))
    world.app.do(add_team_member, AboutTeamMember(of, "builders", who, actor(world, by)))
    world.app.do(set_team_role, AboutTeamRole(of, "builders", "demo", role, actor(world, by)))


def test_tob13_a_transfer_clears_grants(world: World) -> None:
    """TOB-PYPI26-13, incident of 2025-04-14: team grants survived a transfer."""
    found_organization(world, "acme", "alice")
    enlist(world, "tim")
    enlist(world, "mark")
    found_project(world, "demo", "alice", visibility="private", organization="acme")
    make_team(world, "tim")
    join(world, "bob", "maintainer")
    late = invite(world, "carol", "owner")
    assert roles(world) == {"alice": "owner", "bob": "maintainer", "tim": "owner"}
    answer(world, "dora", offer(world, "dora"))
    assert roles(world) == {"dora": "owner"}
    assert not any(may_read(world, name) for name in ("alice", "bob", "tim", "mark", "carol"))
    for name in ("alice", "bob", "tim"):
        assert world.upload(wheel(), user=name).status == 403
    with refused("invitation-answered"):
        answer(world, "carol", late)
    # Nothing is left that would come to life again when the project comes back.
    found_organization(world, "other", "dora")
    give(world, "other", by="dora")
    assert roles(world) == {"dora": "owner"}
    enlist(world, "alice", "owner", to="other", by="dora")
    answer(world, "alice", offer(world, "alice", by="dora"))
    give(world, "acme", by="alice")
    assert roles(world) == {"alice": "owner"}, "tim's team is still there, its role is not"
    assert may_read(world, "tim"), "as a member"
    kinds = [event.kind for event in events(world, "role-removed", "team-role-removed", "project-transferred")]
    assert kinds.count("team-role-removed") == 1
    assert kinds.count("project-transferred") == 4


def test_an_organization_gets_it_at_once_and_the_event_names_who_lost_access(demo: World) -> None:
    found_organization(demo)
    enlist(demo, "mark")
    join(demo, "bob")
    with demo.app.database.read() as sql:
        found = queries.find_project(sql, "demo")
        assert found is not None
        before = [row.name for row in losing(sql, found, user_id=None)]
    assert before == ["alice", "bob"]
    give(demo, "acme")
    assert roles(demo) == {"alice": "owner"}
    (event,) = events(demo, "project-transferred")
    assert json.loads(event.body) == {
        "organization": "acme", "user_id": "", "name": "", "before": "", "lost": [str(user(demo, "bob").id)],
    }  # fmt: skip


def test_who_loses_access_must_be_those_that_were_shown(demo: World) -> None:
    found_organization(demo)
    with demo.app.database.read() as sql:
        found = queries.find_project(sql, "demo")
        assert found is not None
        seen = fingerprint(losing(sql, found, user_id=user(demo, "alice").id))
    join(demo, "bob")
    with refused("people-changed"):
        give(demo, "acme", seen=seen)
    give(demo, "acme", seen=str(user(demo, "bob").id))


def test_only_an_owner_who_manages_the_organization_gives_it_there(demo: World) -> None:
    found_organization(demo, "acme", "carol")
    with refused("unknown-organization"):
        give(demo, "acme")
    with refused("unknown-organization"):
        give(demo, "nowhere")
    enlist(demo, "alice", by="carol")
    with refused("not-a-manager"):
        give(demo, "acme")
    with refused("not-an-owner"):
        give(demo, "acme", by="carol")
    enlist(demo, "alice", "manager", by="carol")
    with refused("not-typed"):
        give(demo, "acme", typed="demi")
    give(demo, "acme")
    with refused("same-holder"):
        give(demo, "acme", by="carol")
    assert roles(demo) == {"alice": "owner", "carol": "owner"}


def test_only_an_owner_of_the_organization_gives_its_project_away(demo: World) -> None:
    """Neither a manager nor a direct owner nor a team takes a project out of an organization."""
    found_organization(demo)
    give(demo, "acme")
    enlist(demo, "max", "manager")
    enlist(demo, "tim")
    make_team(demo, "tim", "owner")
    join(demo, "dan", "owner")
    found_organization(demo, "loot", "max")
    for thief in ("max", "tim", "dan"):
        assert roles(demo)[thief] == "owner"
        with refused("not-the-holder"):
            offer(demo, "mallory", by=thief)
    with refused("not-the-holder"):
        give(demo, "loot", by="max")
    answer(demo, "bob", offer(demo, "bob"))
    assert roles(demo) == {"bob": "owner"}


def test_an_offer_dies_with_the_right_of_whoever_made_it(demo: World) -> None:
    join(demo, "bob", "owner")
    number = offer(demo, "carol", by="bob")
    leave(demo, "bob")
    with refused("invitation-dead"):
        answer(demo, "carol", number)
    answer(demo, "carol", number, accept=False)
    number = offer(demo, "carol", by="alice")
    found_organization(demo, "acme", "alice")
    give(demo, "acme")
    with refused("invitation-answered"):
        answer(demo, "carol", number)


def test_a_maintainer_who_takes_over_is_the_only_owner(demo: World) -> None:
    join(demo, "bob", "maintainer")
    answer(demo, "bob", offer(demo, "bob"))
    assert roles(demo) == {"bob": "owner"}
    join(demo, "alice", "owner", by="bob")
    answer(demo, "alice", offer(demo, "alice", by="bob"))
    assert roles(demo) == {"alice": "owner"}
    with refused("same-holder"):
        offer(demo, "alice")
    with refused("not-typed"):
        offer(demo, "bob", typed="")


def test_an_offer_can_be_withdrawn_and_stands_once(demo: World) -> None:
    number = offer(demo, "bob")
    with refused("invited-already"):
        offer(demo, "bob")
    demo.app.do(withdraw, Withdraw(number, project="demo", by=actor(demo, "alice")))
    with refused("invitation-answered"):
        answer(demo, "bob", number)
    assert roles(demo) == {"alice": "owner"}


def test_what_is_deleted_or_looked_into_changes_no_hands(demo: World) -> None:
    found_organization(demo)
    number = offer(demo, "bob")
    demo.app.do(order_project_quarantine, QuarantineProject("demo", "a test"))
    with refused("quarantined"):
        give(demo, "acme")
    with refused("invitation-dead"):
        answer(demo, "bob", number)
    user(demo, "olga")
    demo.app.do(set_site_role, SetSiteRole("olga", "operator"))
    give(demo, "acme", by="olga")
    assert events(demo, "project-transferred")[0].actor_kind == "operator"
    found_project(demo, "gone")
    demo.app.do(delete, Delete("gone", typed="gone", by=actor(demo, "alice")))
    with refused("project-deleted"):
        demo.app.do(offer_transfer, OfferTransfer("gone", "bob", "gone", by=actor(demo, "alice")))


def test_a_project_inside_a_namespace_stays_with_its_organization(world: World) -> None:
    found_organization(world)
    found_organization(world, "other")
    world.app.do(grant_namespace, GrantNamespace("demo", "acme"))
    found_project(world, "demo")
    with refused("in-namespace"):
        give(world, "other")
    with refused("in-namespace"):
        offer(world, "bob")
    world.app.do(revoke_namespace, RevokeNamespace("demo"))
    give(world, "other")


def test_a_transfer_switches_the_webhooks_off(demo: World) -> None:
    """They would tell the old owners' receivers what happens to a project that is no longer theirs."""
    from customhouse.hooks import queries as hooks  # noqa: PLC0415 - beside its only use
    from customhouse.hooks.model import Patterns, Scope  # noqa: PLC0415 - as above
    from customhouse.index.webhooks.add import AddWebhook, add_webhook  # noqa: PLC0415 - as above
    from customhouse.index.webhooks.holder import Holder  # noqa: PLC0415 - as above
    from customhouse.infra.targets import Target  # noqa: PLC0415 - as above

    command = AddWebhook(
        Holder("project", "demo"), Target.parse("https://ci.example.org/x"), Patterns(), actor(demo, "alice")
    )
    demo.app.do(lambda wish, tx: add_webhook(demo.app.key.secret, wish, tx), command)
    found_organization(demo)
    give(demo, "acme")
    with demo.app.database.read() as sql:
        found = queries.find_project(sql, "demo")
        assert found is not None
        (hook,) = hooks.hooks_of(sql, Scope("project", found.id, "demo"))
    assert (hook.active, hook.why_off) == (False, "The project was transferred.")
    assert [event.project for event in events(demo, "webhook-switched-off")] == ["demo"]
