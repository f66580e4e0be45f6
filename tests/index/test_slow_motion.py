"""Dangerous changes of protected projects wait, are announced, and can be stopped; the rest happens at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.catalog.tables import project as project_table
from customhouse.index.change_role import ChangeRole, LeaveProject, RemoveRole, change_role, leave_project, remove_role
from customhouse.index.delete import Delete
from customhouse.index.invite import InviteToProject, invite_to_project
from customhouse.index.mark_critical import MarkCritical, mark_critical
from customhouse.index.organizations import ChangeMember, RemoveMember, change_member, remove_member
from customhouse.index.slow.model import (
    KINDS,
    Owner,
    PendingChange,
    State,
    contradict,
    may_decide,
    may_veto,
    may_withdraw,
)
from customhouse.index.slow.protect import Protect, protect
from customhouse.index.slow.veto import Veto, veto
from customhouse.index.slow.withdraw import WithdrawChange, withdraw_change
from customhouse.index.teams import (
    AboutTeam,
    AboutTeamMember,
    AboutTeamRole,
    add_team_member,
    create_team,
    remove_team,
    set_team_role,
)
from customhouse.index.transfer import OfferTransfer, TransferToOrganization, offer_transfer, transfer_to_organization
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.index.waited.apply import apply_due
from customhouse.index.waited.decide import DecideChange, decide_change
from customhouse.index.yank import Yank, yank
from customhouse.terms.errors import Refused
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
    refused,
    user,
)
from packages import wheel
from slowly import HOURS_72, change, guard, owners, pass_time, settle, waiting
from world import World

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def demo(small_world: World) -> World:
    """A project of alice and bob, both of them owners for long, that asks for slow motion."""
    found_project(small_world, "demo", "alice")
    join(small_world, "bob", "owner")
    small_world.clock.turn(timedelta(days=30))
    guard(small_world)
    return small_world


def object_to(world: World, who: str, change_id: int) -> None:
    world.app.do(veto, Veto(change_id, user(world, who).id))


# The rules, pure.

accounts = st.one_of(st.none(), st.integers(1, 4))
states: st.SearchStrategy[State] = st.sampled_from(
    ("waiting", "contested", "applied", "lapsed", "refused", "withdrawn")
)
changes = st.builds(
    PendingChange,
    id=st.integers(1, 9), kind=st.sampled_from(sorted(KINDS)), project_id=st.just(1), organization_id=st.none(),
    about=accounts, requested_by=accounts, requested_at=st.just(NOW), effective_at=st.just(NOW + HOURS_72),
    arguments=st.just({}), sentence=st.just("something changes"), state=states, contested_by=accounts,
)  # fmt: skip
since = st.one_of(st.none(), st.integers(-200, 200).map(lambda hours: NOW + timedelta(hours=hours)))


@settings(max_examples=60, deadline=None)
@given(changes, st.integers(1, 4), since, st.booleans())
def test_nobody_vetoes_a_change_about_himself_nor_his_own_nor_as_a_young_owner(
    one: PendingChange, who: int, became: datetime | None, owns: bool
) -> None:
    allowed = may_veto(one, who, Owner(who, became) if owns else None, HOURS_72) is None
    young = became is not None and became > NOW - HOURS_72
    assert allowed == (owns and one.state == "waiting" and who not in (one.about, one.requested_by) and not young)


@settings(max_examples=60, deadline=None)
@given(changes, accounts, st.booleans())
def test_only_whoever_asked_withdraws_and_only_while_it_is_open(
    one: PendingChange, who: int | None, operator: bool
) -> None:
    allowed = may_withdraw(one, who, operator=operator) is None
    own = one.requested_by == who if one.requested_by is not None else operator
    assert allowed == (one.open and own)


@settings(max_examples=60, deadline=None)
@given(changes, accounts, st.booleans(), st.sampled_from(["", "  ", "they are thieves"]))
def test_an_operator_who_is_no_party_decides_what_is_contested_with_a_reason(
    one: PendingChange, who: int | None, operator: bool, reason: str
) -> None:
    allowed = may_decide(one, who, operator=operator, reason=reason) is None
    party = who is not None and who in (one.about, one.requested_by, one.contested_by)
    assert allowed == (operator and one.state == "contested" and not party and bool(reason.strip()))


@settings(max_examples=60, deadline=None)
@given(changes, changes)
def test_two_people_who_turn_on_each_other_contradict_each_other(one: PendingChange, other: PendingChange) -> None:
    assert contradict(one, other) == contradict(other, one)
    if contradict(one, other):
        assert (one.requested_by, one.about) == (other.about, other.requested_by)
        assert one.requested_by != one.about


# What waits.


def test_an_owner_who_is_removed_stays_for_72_hours_and_everybody_is_told(demo: World) -> None:
    outcome = demo.app.do(remove_role, RemoveRole("demo", "bob", actor(demo, "alice")))
    assert isinstance(outcome, PendingChange)
    assert "Until then it can be stopped" in outcome.says_when
    assert owners(demo) == {"alice", "bob"}
    pass_time(demo, HOURS_72 - timedelta(seconds=1))
    assert owners(demo) == {"alice", "bob"}
    pass_time(demo, timedelta(seconds=1))
    assert owners(demo) == {"alice"}
    assert change(demo, outcome.id).state == "applied"
    kinds = [entry.kind for entry in events(demo, "")]
    assert kinds.count("change-put-off") == kinds.count("role-removed") == kinds.count("change-applied") == 1
    demo.check()


def test_every_change_of_owners_waits_and_of_maintainers_none_does(demo: World) -> None:
    alice = actor(demo, "alice")
    join(demo, "mona", "maintainer")
    assert isinstance(demo.app.do(change_role, ChangeRole("demo", "mona", "owner", alice)), PendingChange)
    assert isinstance(demo.app.do(change_role, ChangeRole("demo", "bob", "maintainer", alice)), PendingChange)
    assert isinstance(demo.app.do(leave_project, LeaveProject("demo", alice)), PendingChange)
    join(demo, "carol", "owner")
    assert owners(demo) == {"alice", "bob"}
    assert [one.kind for one in waiting(demo)] == ["owner-added", "owner-removed", "owner-removed", "owner-added"]
    demo.app.do(remove_role, RemoveRole("demo", "mona", alice))
    # What she would have become went with what she was (A35).
    assert [one.kind for one in waiting(demo)] == ["owner-removed", "owner-removed", "owner-added"]


def test_transfer_deletion_hiding_and_the_end_of_slow_motion_wait(demo: World) -> None:
    alice = actor(demo, "alice")
    found_organization(demo, "acme", "alice")
    demo.upload(wheel("demo"), user="alice")
    waits = [
        demo.app.do(transfer_to_organization, TransferToOrganization("demo", "acme", "demo", by=alice)),
        demo.app.remove(Delete("demo", "1.0", typed="demo 1.0", by=alice)),
        demo.app.remove(Delete("demo", typed="demo", by=alice)),
        demo.app.do(change_visibility, ChangeVisibility("demo", "private", "demo", by=alice)),
        demo.app.do(protect, Protect("demo", on=False, by=alice)),
    ]
    assert all(isinstance(one, PendingChange) for one in waits)
    with refused("waits-already"):
        demo.app.remove(Delete("demo", typed="demo", by=alice))
    assert demo.client.get("/simple/demo/").text.count("demo-1.0") >= 1
    pass_time(demo)
    states = [change(demo, one.id).state for one in waits if isinstance(one, PendingChange)]
    # The transfer left alice an owner by way of acme; each of the others found its thing as it was, or lapsed.
    assert states == ["applied", "applied", "applied", "lapsed", "applied"]
    assert demo.client.get("/simple/demo/").status_code == 404
    demo.check()


def test_the_wait_does_not_count_against_free_deletion(demo: World) -> None:
    demo.upload(wheel("demo"), user="alice")
    demo.upload(wheel("other", headers={"Requires-Dist": "demo==1.0"}), user="alice", name="other")
    demo.clock.turn(timedelta(hours=71))
    with refused("has-dependents"):
        demo.clock.turn(timedelta(hours=2))
        demo.app.remove(Delete("demo", "1.0", typed="demo 1.0", by=actor(demo, "alice")))
    demo.clock.turn(-timedelta(hours=2))
    outcome = demo.app.remove(Delete("demo", "1.0", typed="demo 1.0", by=actor(demo, "alice")))
    assert isinstance(outcome, PendingChange)
    pass_time(demo)
    assert change(demo, outcome.id).state == "applied"


def test_an_offer_that_is_accepted_waits(demo: World) -> None:
    user(demo, "carol")
    demo.app.do(offer_transfer, OfferTransfer("demo", "carol", "demo", by=actor(demo, "alice")))
    answer(demo, "carol", newest_invitation(demo, "carol"))
    assert owners(demo) == {"alice", "bob"}
    pass_time(demo)
    assert owners(demo) == {"carol"}


def test_what_an_organization_gives_waits_too(small_world: World) -> None:
    world = small_world
    found_organization(world, "acme", "alice")
    found_project(world, "demo", "alice", organization="acme")
    enlist(world, "bob", "owner")
    enlist(world, "mark")
    alice = actor(world, "alice")
    world.app.do(create_team, AboutTeam("acme", "crew", alice))
    guard(world)
    assert isinstance(world.app.do(change_member, ChangeMember("acme", "mark", "manager", alice)), PendingChange)
    assert isinstance(world.app.do(remove_member, RemoveMember("acme", "bob", alice)), PendingChange)
    waits = world.app.do(set_team_role, AboutTeamRole("acme", "crew", "demo", "owner", alice))
    assert isinstance(waits, PendingChange)
    enlist(world, "eve", "manager")
    assert owners(world) == {"alice", "bob"}
    pass_time(world)
    assert owners(world) == {"alice", "mark", "eve"}
    enlist(world, "mia")
    assert isinstance(world.app.do(add_team_member, AboutTeamMember("acme", "crew", "mia", alice)), PendingChange)
    pass_time(world)
    assert owners(world) == {"alice", "mark", "eve", "mia"}
    world.check()


def test_a_plain_member_who_owns_a_protected_project_leaves_it_after_the_delay(small_world: World) -> None:
    world = small_world
    found_organization(world, "acme", "alice")
    found_project(world, "demo", "alice", organization="acme")
    alice = actor(world, "alice")
    for name in ("bob", "carol", "dora"):
        enlist(world, name)
    world.app.do(create_team, AboutTeam("acme", "crew", alice))
    world.app.do(set_team_role, AboutTeamRole("acme", "crew", "demo", "owner", alice))
    world.app.do(add_team_member, AboutTeamMember("acme", "crew", "carol", alice))
    join(world, "bob", "owner")
    guard(world)
    for who in ("bob", "carol"):
        assert isinstance(world.app.do(remove_member, RemoveMember("acme", who, alice)), PendingChange)
    assert not isinstance(world.app.do(remove_member, RemoveMember("acme", "dora", alice)), PendingChange)
    assert owners(world) == {"alice", "bob", "carol"}
    pass_time(world)
    assert owners(world) == {"alice"}
    world.check()


def test_who_joins_a_team_that_waits_to_own_a_protected_project_waits_too(small_world: World) -> None:
    world = small_world
    found_organization(world, "acme", "alice")
    found_project(world, "demo", "alice", organization="acme")
    alice = actor(world, "alice")
    for name in ("bob", "mallory"):
        enlist(world, name)
    for name in ("crew", "other"):
        world.app.do(create_team, AboutTeam("acme", name, alice))
    world.app.do(add_team_member, AboutTeamMember("acme", "crew", "bob", alice))
    guard(world)
    world.app.do(set_team_role, AboutTeamRole("acme", "crew", "demo", "owner", alice))
    world.clock.turn(timedelta(hours=71))
    joins = world.app.do(add_team_member, AboutTeamMember("acme", "crew", "mallory", alice))
    assert isinstance(joins, PendingChange)
    assert isinstance(world.app.do(remove_team, AboutTeam("acme", "crew", alice)), PendingChange)
    assert world.app.do(add_team_member, AboutTeamMember("acme", "other", "mallory", alice)) == "mallory"
    pass_time(world, timedelta(hours=1))
    assert owners(world) == {"alice", "bob"}


def test_a35_who_is_removed_from_an_organization_gets_nothing_that_waits_in_its_projects(small_world: World) -> None:
    world = small_world
    found_organization(world, "acme", "alice")
    found_project(world, "demo", "alice", organization="acme")
    enlist(world, "bob")
    guard(world)
    join(world, "bob", "owner")
    assert [one.about for one in waiting(world)] == [user(world, "bob").id]
    world.app.do(remove_member, RemoveMember("acme", "bob", actor(world, "alice")))
    assert waiting(world) == []
    pass_time(world)
    assert owners(world) == {"alice"}


def test_yank_and_restoring_stay_instant(demo: World) -> None:
    demo.upload(wheel("demo"), user="alice")
    demo.app.do(yank, Yank("demo", "1.0", reason="broken", by=actor(demo, "alice")))
    assert "data-yanked" in demo.client.get("/simple/demo/", headers={"accept": "text/html"}).text


def test_a_project_that_nothing_protects_changes_at_once(small_world: World) -> None:
    found_project(small_world, "demo", "alice")
    join(small_world, "bob", "owner")
    small_world.app.do(remove_role, RemoveRole("demo", "alice", actor(small_world, "bob")))
    assert owners(small_world) == {"bob"}


def test_a_critical_project_is_protected_without_asking(small_world: World) -> None:
    found_project(small_world, "demo", "alice")
    small_world.app.do(mark_critical, MarkCritical("demo", "half the world"))
    join(small_world, "bob", "owner")
    assert owners(small_world) == {"alice"}


def test_a_delay_of_zero_switches_it_off(small_world: World) -> None:
    small_world.app.deeds.delay = timedelta(0)
    found_project(small_world, "demo", "alice")
    guard(small_world)
    join(small_world, "bob", "owner")
    assert owners(small_world) == {"alice", "bob"}


def test_an_operator_with_a_reason_acts_at_once_and_everybody_is_told(demo: World) -> None:
    olga = demo.operator("olga")
    assert olga is not None
    outcome = demo.app.do(remove_role, RemoveRole("demo", "bob", actor(demo, "olga")))
    assert isinstance(outcome, PendingChange)
    demo.app.do(withdraw_change, WithdrawChange(outcome.id, actor(demo, "olga")))
    demo.app.do(remove_role, RemoveRole("demo", "bob", actor(demo, "olga"), "His laptop was stolen."))
    assert owners(demo) == {"alice"}
    (told,) = [entry for entry in events(demo, "") if entry.kind == "change-made-at-once"]
    assert "His laptop was stolen." in told.body


# Stopping it.


def test_a_veto_makes_it_wait_for_an_operator_for_ever(demo: World) -> None:
    join(demo, "mallory", "owner", by="bob")
    (pending,) = waiting(demo)
    object_to(demo, "alice", pending.id)
    assert change(demo, pending.id).state == "contested"
    with refused("contested-already"):
        object_to(demo, "alice", pending.id)
    pass_time(demo, timedelta(days=30))
    assert owners(demo) == {"alice", "bob"}
    demo.operator("olga")
    with refused("no-reason"):
        demo.app.do(decide_change, DecideChange(pending.id, allow=False, reason=" ", by=actor(demo, "olga")))
    demo.app.do(
        decide_change, DecideChange(pending.id, allow=False, reason="A stolen session.", by=actor(demo, "olga"))
    )
    assert (change(demo, pending.id).state, change(demo, pending.id).ended_why) == ("refused", "A stolen session.")
    assert owners(demo) == {"alice", "bob"}


def test_what_an_operator_allows_happens_at_once_if_it_still_can(demo: World) -> None:
    join(demo, "carol", "owner", by="bob")
    (pending,) = waiting(demo)
    object_to(demo, "alice", pending.id)
    demo.operator("olga")
    demo.app.do(decide_change, DecideChange(pending.id, allow=True, reason="I called them.", by=actor(demo, "olga")))
    assert owners(demo) == {"alice", "bob", "carol"}
    assert change(demo, pending.id).state == "applied"


def test_a_veto_takes_along_what_the_same_person_has_asked_for(demo: World) -> None:
    demo.app.do(remove_role, RemoveRole("demo", "alice", actor(demo, "bob")))
    join(demo, "mallory", "owner", by="bob")
    about_alice, about_mallory = waiting(demo)
    with refused("about-you"):
        object_to(demo, "alice", about_alice.id)
    object_to(demo, "alice", about_mallory.id)
    assert {one.state for one in waiting(demo)} == {"contested"}
    assert [one.contested_by for one in waiting(demo)] == [None, user(demo, "alice").id]
    assert owners(demo) == {"alice", "bob"}


def test_two_owners_who_remove_each_other_both_stay_until_an_operator_decides(demo: World) -> None:
    first = demo.app.do(remove_role, RemoveRole("demo", "alice", actor(demo, "bob")))
    second = demo.app.do(remove_role, RemoveRole("demo", "bob", actor(demo, "alice")))
    assert isinstance(first, PendingChange)
    assert isinstance(second, PendingChange)
    assert {one.state for one in waiting(demo)} == {"contested"}
    pass_time(demo, timedelta(days=9))
    assert owners(demo) == {"alice", "bob"}
    demo.operator("olga")
    by = actor(demo, "olga")
    demo.app.do(decide_change, DecideChange(first.id, allow=True, reason="Alice is the thief.", by=by))
    assert owners(demo) == {"bob"}
    with refused("not-an-owner"):
        demo.app.do(decide_change, DecideChange(second.id, allow=True, reason="And he too.", by=by))
    assert owners(demo) == {"bob"}


def test_who_became_owner_within_the_delay_cannot_veto(demo: World) -> None:
    join(demo, "mallory", "owner", by="bob")
    pass_time(demo)
    assert owners(demo) == {"alice", "bob", "mallory"}
    outcome = demo.app.do(remove_role, RemoveRole("demo", "bob", actor(demo, "alice")))
    assert isinstance(outcome, PendingChange)
    with refused("owner-too-young"):
        object_to(demo, "mallory", outcome.id)
    demo.clock.turn(timedelta(hours=71))
    with refused("owner-too-young"):
        object_to(demo, "mallory", outcome.id)


def test_who_only_waits_to_become_owner_and_who_is_none_cannot_veto(demo: World) -> None:
    join(demo, "mona", "maintainer")
    join(demo, "mallory", "owner", by="bob")
    outcome = demo.app.do(remove_role, RemoveRole("demo", "bob", actor(demo, "alice")))
    assert isinstance(outcome, PendingChange)
    for nobody in ("mona", "mallory", "eve"):
        with refused("not-an-owner"):
            object_to(demo, nobody, outcome.id)


def test_a_new_role_that_an_owner_gets_besides_takes_no_veto_from_him(small_world: World) -> None:
    world = small_world
    found_organization(world, "acme", "alice")
    found_project(world, "demo", "alice", organization="acme")
    enlist(world, "bob", "manager")
    world.clock.turn(timedelta(days=30))
    guard(world)
    world.app.do(invite_to_project, InviteToProject("demo", "bob", "maintainer", by=actor(world, "alice")))
    answer(world, "bob", newest_invitation(world, "bob"))
    outcome = world.app.do(protect, Protect("demo", on=False, by=actor(world, "alice")))
    assert isinstance(outcome, PendingChange)
    object_to(world, "bob", outcome.id)
    assert change(world, outcome.id).state == "contested"


def test_whoever_asked_withdraws_and_nobody_else(demo: World) -> None:
    outcome = demo.app.do(remove_role, RemoveRole("demo", "bob", actor(demo, "alice")))
    assert isinstance(outcome, PendingChange)
    with refused("not-yours"):
        demo.app.do(withdraw_change, WithdrawChange(outcome.id, actor(demo, "bob")))
    demo.app.do(withdraw_change, WithdrawChange(outcome.id, actor(demo, "alice")))
    with refused("change-over"):
        demo.app.do(withdraw_change, WithdrawChange(outcome.id, actor(demo, "alice")))
    pass_time(demo)
    assert owners(demo) == {"alice", "bob"}


# When it is due.


def test_what_the_asker_may_do_no_longer_lapses(demo: World) -> None:
    outcome = demo.app.do(remove_role, RemoveRole("demo", "alice", actor(demo, "bob")))
    assert isinstance(outcome, PendingChange)
    demo.app.do(remove_role, RemoveRole("demo", "bob"))  # by the operator on the command line: at once
    pass_time(demo)
    assert owners(demo) == {"alice"}
    assert change(demo, outcome.id).state == "lapsed"
    assert "change-lapsed" in [entry.kind for entry in events(demo, "")]


def test_the_last_owner_is_looked_for_again_when_it_is_due(demo: World) -> None:
    demo.app.do(leave_project, LeaveProject("demo", actor(demo, "alice")))
    demo.clock.turn(timedelta(hours=1))
    demo.app.do(leave_project, LeaveProject("demo", actor(demo, "bob")))
    pass_time(demo)
    pass_time(demo, timedelta(hours=1))
    assert owners(demo) == {"bob"}
    assert waiting(demo) == []


def test_a_change_is_made_once_however_often_its_job_runs(demo: World) -> None:
    outcome = demo.app.do(remove_role, RemoveRole("demo", "bob", actor(demo, "alice")))
    assert isinstance(outcome, PendingChange)
    assert not apply_due(demo.app.deeds, outcome.id)
    demo.clock.turn(HOURS_72)
    assert apply_due(demo.app.deeds, outcome.id)
    assert not apply_due(demo.app.deeds, outcome.id)
    settle(demo)
    assert [entry.kind for entry in events(demo, "")].count("role-removed") == 1


def test_an_upload_by_whoever_waits_to_become_an_owner_is_refused(demo: World) -> None:
    join(demo, "mallory", "owner", by="bob")
    assert demo.upload(wheel("demo"), user="mallory").status == 403


def test_an_accepted_invitation_lapses_with_the_inviter(demo: World) -> None:
    number = invite(demo, "mallory", "owner", by="bob")
    answer(demo, "mallory", number)
    demo.app.do(remove_role, RemoveRole("demo", "bob"))
    pass_time(demo)
    assert owners(demo) == {"alice"}


def test_lowering_protection_twice_or_what_is_not_there_is_refused(demo: World) -> None:
    with refused("same-protection"):
        guard(demo)
    with refused("not-an-owner"):
        demo.app.do(protect, Protect("demo", on=False, by=actor(demo, "eve")))
    outcome = demo.app.do(protect, Protect("demo", on=False, by=actor(demo, "alice")))
    assert isinstance(outcome, PendingChange)
    pass_time(demo)
    with demo.app.database.read() as sql:
        assert sql.execute(project_table.select()).one().slow_motion is False


def test_refusals_of_the_rules_are_refusals() -> None:
    assert isinstance(may_decide(PENDING, 1, operator=False, reason="x"), Refused)


PENDING = PendingChange(1, "owner-added", 1, None, 2, 3, NOW, NOW + HOURS_72, {}, "x", "contested")
