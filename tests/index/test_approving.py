"""Who may approve a release that waits, what voids an approval, and what a project may ask of its releases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
import sqlalchemy as sa

from customhouse.accounts.tables import account
from customhouse.accounts.users import find_user
from customhouse.catalog.staged_tables import approval, release_rule, upload_session
from customhouse.catalog.tables import critical_mark
from customhouse.index.approving.approve import Approve, approve
from customhouse.index.approving.rule import NO_RULE, ReleaseRule, is_lowered, rule_of
from customhouse.index.approving.set_rule import SetRule, in_words, set_rule
from customhouse.index.change_role import ChangeRole, RemoveRole, change_role, remove_role
from customhouse.index.recovery.tables import recovery_case
from customhouse.index.slow.model import PendingChange
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
from customhouse.index.waited.apply import apply_due
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE
from customhouse.trust.tables import trusted_publisher
from neighbours import actor, enlist, events, found_organization, found_project, join, refused, user
from releases import begin, clearance, forget_rows, manifest, say_yes, send, take_back, take_out, what_is_missing
from world import World

HOUR = timedelta(hours=1)


@pytest.fixture
def demo(broken_world: World) -> World:
    """A project that alice and owen own and bob and carol maintain. Its releases have rows and no bytes."""
    found_project(broken_world)
    join(broken_world, "owen", "owner")
    for name in ("bob", "carol"):
        join(broken_world, name)
    user(broken_world, "mallory")
    return broken_world


def ask(world: World, **rule: object) -> None:
    outcome = world.app.do(set_rule, SetRule("demo", **rule))  # type: ignore[arg-type] # by name, as a person says it
    assert not isinstance(outcome, PendingChange)


def mark(world: World) -> None:
    with world.app.database.write() as sql:
        values = {"normalized": "demo", "reason": "", "marked_at": world.clock.now()}
        sql.execute(critical_mark.insert().values(**values))


# The rule, field by field.

EVERYBODY = ("alice", "owen", "bob", "carol")
TABLE: list[tuple[str, ReleaseRule, tuple[str, ...], tuple[tuple[str, str], ...], int, tuple[str, ...]]] = [
    ("nothing is asked", NO_RULE, ("alice",), (), 0, ()),
    ("one of all", ReleaseRule(1), ("alice",), (), 1, ("owen", "bob", "carol")),
    ("the uploader too", ReleaseRule(1, not_uploader=False), ("alice",), (), 1, EVERYBODY),
    ("none of two uploaders", ReleaseRule(1), ("alice", "bob"), (), 1, ("owen", "carol")),
    ("two, one has", ReleaseRule(2), ("alice",), (("bob", "totp"),), 1, ("owen", "carol")),
    ("two have", ReleaseRule(2), ("alice",), (("bob", "totp"), ("owen", "webauthn")), 0, ()),
    ("by key", ReleaseRule(1, "webauthn"), ("alice",), (("bob", "webauthn"),), 0, ()),
    ("more than is wanted", ReleaseRule(1), ("alice",), (("bob", "totp"), ("carol", "totp")), 0, ()),
]


@pytest.mark.parametrize(("what", "rule", "by", "given", "wanted", "who"), TABLE, ids=[row[0] for row in TABLE])
def test_a_rule_says_how_many_of_whom(
    demo: World, what: str, rule: ReleaseRule, by: tuple[str, ...], given: tuple[tuple[str, str], ...], wanted: int,
    who: tuple[str, ...],
) -> None:  # fmt: skip
    ask(demo, approvals=rule.approvals, method=rule.method, not_uploader=rule.not_uploader)
    session = begin(demo, by=by)
    for name, method in given:
        say_yes(demo, name, session, method)  # type: ignore[arg-type]
    found = clearance(demo, session)
    assert (found.wanted, tuple(one.name for one in found.who)) == (wanted, who), what
    lacking = what_is_missing(demo, session, "alice")
    assert (lacking is None) == (wanted == 0)
    if lacking is not None:
        assert (lacking.approvals, lacking.who) == (wanted, who)


def test_any_change_of_the_files_voids_an_approval_even_one_that_is_taken_back(demo: World) -> None:
    ask(demo, approvals=1)
    session = begin(demo)
    before = manifest(demo, session)
    assert say_yes(demo, "bob", session).wanted == 0
    extra = send(demo, session, "alice", tag="py39")
    assert clearance(demo, session).wanted == 1
    take_out(demo, extra)
    assert manifest(demo, session) == before
    assert clearance(demo, session).wanted == 1
    assert say_yes(demo, "bob", session).wanted == 0  # once more, for the same files
    with demo.app.database.read() as sql:
        assert len(sql.execute(sa.select(approval.c.id)).all()) == 1


def test_what_was_shown_is_what_is_approved(demo: World) -> None:
    ask(demo, approvals=1)
    session = begin(demo)
    shown = manifest(demo, session)
    send(demo, session, "alice", tag="py39")
    with refused("manifest-changed"):
        demo.app.do(approve, Approve("demo", session, shown, "webauthn", {}, actor(demo, "bob")))


def test_the_same_person_counts_once(demo: World) -> None:
    ask(demo, approvals=2)
    session = begin(demo)
    say_yes(demo, "bob", session)
    with refused("approved-already"):
        say_yes(demo, "bob", session, "totp")
    assert clearance(demo, session).wanted == 1
    assert len(events(demo, "release-approved")) == 1


def test_an_approval_can_be_taken_back_and_given_again(demo: World) -> None:
    ask(demo, approvals=1)
    session = begin(demo)
    say_yes(demo, "bob", session)
    assert take_back(demo, "bob", session).wanted == 1
    with refused("not-approved"):
        take_back(demo, "bob", session)
    assert say_yes(demo, "bob", session).wanted == 0
    assert [one.kind for one in events(demo, "release-approved", "approval-withdrawn")] == [
        "release-approved", "approval-withdrawn", "release-approved",
    ]  # fmt: skip


@pytest.mark.parametrize("who", ["removed", "frozen", "recovering"])
def test_who_may_no_longer_act_for_the_project_counts_no_more(demo: World, who: str) -> None:
    ask(demo, approvals=1)
    session = begin(demo)
    say_yes(demo, "bob", session)
    now = demo.clock.now()
    if who == "removed":
        demo.app.do(remove_role, RemoveRole("demo", "bob", actor(demo, "alice")))
    with demo.app.database.write() as sql:
        if who == "frozen":
            sql.execute(account.update().where(account.c.normalized == "bob").values(frozen_at=now))
        if who == "recovering":
            sql.execute(
                recovery_case.insert().values(
                    public_id="p", account_id=find_user(sql, "bob").id, sent=True, email="", opened_at=now,
                    expires_at=now + HOUR, new_email="", held_at=now, outcome="", closed_by="", note="",
                )
            )  # fmt: skip
    assert clearance(demo, session).wanted == 1
    with refused("may-not-approve"):
        say_yes(demo, "bob", session)


@pytest.mark.parametrize(
    ("who", "code"), [("alice", "own-upload"), ("mallory", "may-not-approve"), ("bob", ""), ("owen", "")]
)
def test_strangers_and_uploaders_approve_nothing(demo: World, who: str, code: str) -> None:
    ask(demo, approvals=1)
    session = begin(demo)
    if code:
        with refused(code):
            say_yes(demo, who, session)
    else:
        assert say_yes(demo, who, session).wanted == 0


def test_a_rule_for_keys_takes_no_code_and_one_made_later_counts_no_code(demo: World) -> None:
    ask(demo, approvals=1)
    session = begin(demo)
    say_yes(demo, "bob", session, "totp")
    ask(demo, approvals=1, method="webauthn")
    assert clearance(demo, session).wanted == 1
    with refused("needs-key"):
        say_yes(demo, "carol", session, "totp")
    assert say_yes(demo, "carol", session, "webauthn").wanted == 0


def test_a_release_waits_as_long_as_the_rule_says_after_its_last_change(demo: World) -> None:
    ask(demo, minimum_age=2 * HOUR)
    session = begin(demo)
    demo.clock.turn(HOUR)
    send(demo, session, "alice", tag="py39")
    demo.clock.turn(HOUR + timedelta(minutes=30))
    lacking = what_is_missing(demo, session, "alice")
    assert lacking is not None
    assert lacking.not_before is not None
    assert timedelta(minutes=29) < lacking.not_before - demo.clock.now() < timedelta(minutes=31)
    assert lacking.approvals == 0
    demo.clock.turn(timedelta(minutes=30))
    assert what_is_missing(demo, session, "alice") is None


def test_only_the_team_of_the_rule_approves_and_only_who_is_in_it_now(broken_world: World) -> None:
    world = broken_world
    found_organization(world)
    found_project(world, organization="acme")
    alice = actor(world, "alice")
    for name in ("bob", "carol"):
        enlist(world, name, "manager")
    world.app.do(create_team, AboutTeam("acme", "keepers", alice))
    for name in ("bob", "carol"):
        world.app.do(add_team_member, AboutTeamMember("acme", "keepers", name, alice))
    ask(world, approvals=1, team="keepers")
    session = begin(world, by=("carol",))
    found = clearance(world, session)
    assert [one.name for one in found.who] == ["bob"]
    with refused("may-not-approve"):
        say_yes(world, "alice", session)
    say_yes(world, "bob", session)
    world.app.do(remove_team_member, AboutTeamMember("acme", "keepers", "bob", alice))
    assert clearance(world, session).wanted == 1
    with refused("team-approves"):
        world.app.do(remove_team, AboutTeam("acme", "keepers", alice))
    ask(world, approvals=1)
    world.app.do(remove_team, AboutTeam("acme", "keepers", alice))


@pytest.mark.parametrize("state", ["published", "canceled"])
def test_what_is_over_takes_no_approval(demo: World, state: str) -> None:
    ask(demo, approvals=1)
    session = begin(demo)
    with demo.app.database.write() as sql:
        sql.execute(upload_session.update().values(state=state))
    with refused("session-over"):
        say_yes(demo, "bob", session)


def test_nobody_approves_what_nothing_asks_for_and_no_other_projects_release(demo: World) -> None:
    session = begin(demo)
    with refused("not-wanted"):
        say_yes(demo, "bob", session)
    found_project(demo, "other")
    with refused("unknown-session"):
        demo.app.do(approve, Approve("other", session, manifest(demo, session), "totp", {}, actor(demo, "alice")))
    with refused("not-a-person"):
        demo.app.do(approve, Approve("demo", session, manifest(demo, session), "totp", {}, COMMAND_LINE))
    token = replace(actor(demo, "bob"), token_id="t")
    with refused("not-a-person"):
        demo.app.do(approve, Approve("demo", session, manifest(demo, session), "totp", {}, token))


# Holds.

HELD = (("new-startup-file", "No earlier release has evil.pth, which runs whenever Python starts."),)


def test_a_hold_asks_an_owner_and_a_maintainer_cannot_answer(demo: World) -> None:
    session = begin(demo, by=("alice",), reasons=HELD)
    found = clearance(demo, session)
    assert (found.is_held, found.wanted, [one.name for one in found.who]) == (True, 1, ["owen"])
    with refused("may-not-approve"):
        say_yes(demo, "bob", session)
    with refused("own-upload"):
        say_yes(demo, "alice", session)
    lacking = what_is_missing(demo, session)
    assert lacking is not None
    assert "evil.pth" in lacking.sentence
    after = say_yes(demo, "owen", session, "totp")
    assert (after.is_held, after.wanted) == (False, 0)


def test_the_only_owner_answers_a_hold_on_what_she_has_sent(demo: World) -> None:
    demo.app.do(remove_role, RemoveRole("demo", "owen", actor(demo, "alice")))
    session = begin(demo, by=("alice",), reasons=HELD)
    assert [one.name for one in clearance(demo, session).who] == ["alice"]
    assert say_yes(demo, "alice", session).wanted == 0


@pytest.mark.parametrize("how", ["frozen", "recovering"])
def test_who_has_sent_a_release_does_not_answer_its_hold_while_the_other_owner_cannot(demo: World, how: str) -> None:
    demo.clock.turn(timedelta(days=30))
    mark(demo)
    session = begin(demo, by=("alice",), reasons=HELD)
    now = demo.clock.now()
    with demo.app.database.write() as sql:
        if how == "frozen":
            sql.execute(account.update().where(account.c.normalized == "owen").values(frozen_at=now))
        else:
            sql.execute(
                recovery_case.insert().values(
                    public_id="p", account_id=find_user(sql, "owen").id, sent=True, email="", opened_at=now,
                    expires_at=now + HOUR, new_email="", held_at=now, outcome="", closed_by="", note="",
                )
            )  # fmt: skip
    found = clearance(demo, session)
    assert (found.wanted, found.who) == (1, ())
    with refused("own-upload"):
        say_yes(demo, "alice", session)
    lacking = what_is_missing(demo, session, "alice")
    assert lacking is not None
    assert "The other owners cannot act now: their accounts are frozen or being recovered" in lacking.sentence


def test_a_new_owner_who_does_not_count_yet_takes_nothing_from_the_only_old_one(demo: World) -> None:
    demo.app.do(remove_role, RemoveRole("demo", "owen", actor(demo, "alice")))
    demo.clock.turn(timedelta(days=30))
    join(demo, "eve", "owner")
    mark(demo)
    session = begin(demo, by=("alice",), reasons=HELD)
    assert [one.name for one in clearance(demo, session).who] == ["alice"]


def test_a_hold_and_a_rule_are_both_kept(demo: World) -> None:
    ask(demo, approvals=2)
    session = begin(demo, reasons=HELD)
    say_yes(demo, "bob", session)
    assert say_yes(demo, "carol", session).wanted == 1  # two people, and no owner
    assert [one.name for one in clearance(demo, session).who] == ["owen"]
    assert say_yes(demo, "owen", session).wanted == 0


# Recoveries.


@pytest.mark.parametrize("by", ["uploader", "publisher of it"])
def test_nothing_appears_while_somebody_who_takes_part_is_being_recovered(demo: World, by: str) -> None:
    session = begin(demo, by=("alice",))
    held = "alice" if by == "uploader" else "owen"
    now = demo.clock.now()
    with demo.app.database.write() as sql:
        sql.execute(
            recovery_case.insert().values(
                public_id="p", account_id=find_user(sql, held).id, sent=True, email="", opened_at=now,
                expires_at=now + HOUR, new_email="", held_at=now, outcome="", closed_by="", note="",
            )
        )  # fmt: skip
    lacking = what_is_missing(demo, session, "owen")
    assert lacking is not None
    assert "being recovered" in lacking.sentence
    assert lacking.not_before == now + HOUR
    others = what_is_missing(demo, session, "bob")
    assert (others is None) == (by == "publisher of it")


# The rule itself.


@pytest.mark.parametrize(
    ("before", "after", "lower"),
    [
        (NO_RULE, ReleaseRule(1), False),
        (ReleaseRule(2), ReleaseRule(1), True),
        (ReleaseRule(1), ReleaseRule(2, "webauthn"), False),
        (ReleaseRule(1, "webauthn"), ReleaseRule(3), True),
        (ReleaseRule(1), ReleaseRule(1, not_uploader=False), True),
        (NO_RULE, ReleaseRule(0, not_uploader=False), False),
        (ReleaseRule(minimum_age=HOUR), ReleaseRule(minimum_age=HOUR / 2), True),
        (ReleaseRule(minimum_age=HOUR), ReleaseRule(minimum_age=2 * HOUR), False),
        (ReleaseRule(1), ReleaseRule(1, team_id=7), True),
        (ReleaseRule(1, team_id=7), ReleaseRule(1), True),
        (NO_RULE, ReleaseRule(1, team_id=7), False),
    ],
)
def test_asking_for_less_is_told_apart(before: ReleaseRule, after: ReleaseRule, *, lower: bool) -> None:
    assert is_lowered(before, after) is lower


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (NO_RULE, "nothing is asked"),
        (ReleaseRule(1, not_uploader=False), "1 person approves"),
        (
            ReleaseRule(2, "webauthn", minimum_age=timedelta(days=2)),
            "2 people approve with a security key or passkey, none of them an uploader; 2 days must pass",
        ),
        (ReleaseRule(minimum_age=timedelta(minutes=90)), "90 minutes must pass"),
    ],
)
def test_a_rule_is_told_in_words(rule: ReleaseRule, words: str) -> None:
    assert in_words(rule) == words


@pytest.mark.parametrize(
    "rule", [{"approvals": -1}, {"approvals": 11}, {"minimum_age": -HOUR}, {"minimum_age": timedelta(days=31)},
             {"method": "password"}],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(demo: World, rule: dict[str, object]) -> None:
    with pytest.raises(Rejected):
        ask(demo, **rule)


def test_a_rule_that_nobody_could_keep_is_refused_and_maintainers_set_none(demo: World) -> None:
    with refused("too-few-people"):
        ask(demo, approvals=5)
    with refused("unknown-team"):
        ask(demo, approvals=1, team="keepers")
    with refused("not-an-owner"):
        demo.app.do(set_rule, SetRule("demo", 1, by=actor(demo, "bob")))
    with refused("unknown"):
        demo.app.do(set_rule, SetRule("nothing", 1, by=actor(demo, "bob")))


def test_who_sends_the_files_is_not_counted_among_those_who_approve_them(broken_world: World) -> None:
    world = broken_world
    project = found_project(world)
    with refused("too-few-people"):
        ask(world, approvals=1)
    ask(world, approvals=1, not_uploader=False)
    a_publisher(world, project.id, "builder", {"attests_only": "true"})
    with refused("too-few-people"):  # who only says how files were built sends none
        ask(world, approvals=1)
    a_publisher(world, project.id, "build", {})
    ask(world, approvals=1)


def a_publisher(world: World, project_id: int, key: str, asked: dict[str, str]) -> None:
    with world.app.database.write() as sql:
        sql.execute(
            trusted_publisher.insert().values(
                project_id=project_id, kind="github", issuer="https://forge.example", place="r", settings={},
                rules=asked, learned={}, title=key, key=key, created_at=world.clock.now(),
            )
        )  # fmt: skip


def test_asking_for_less_waits_on_a_critical_project_and_asking_for_more_does_not(demo: World) -> None:
    mark(demo)
    alice = actor(demo, "alice")
    demo.app.do(set_rule, SetRule("demo", 2, "webauthn", by=alice))
    with demo.app.database.write() as sql:  # what the other switch has set stays
        sql.execute(release_rule.update().values(publishers_only=True))
    waits = demo.app.do(set_rule, SetRule("demo", 1, "webauthn", by=alice))
    assert isinstance(waits, PendingChange)
    assert waits.sentence.startswith("demo asks for less before a release appears: 1 person approves")
    with demo.app.database.read() as sql:
        assert rule_of(sql, waits.project_id).approvals == 2
    demo.clock.turn(timedelta(hours=72))
    assert apply_due(demo.app.deeds, waits.id)
    with demo.app.database.read() as sql:
        assert rule_of(sql, waits.project_id) == ReleaseRule(1, "webauthn")
        assert sql.execute(sa.select(release_rule.c.publishers_only)).scalar_one()
    assert len(events(demo, "release-rule-changed")) == 2


def test_a_rule_that_is_set_again_changes_nothing(demo: World) -> None:
    ask(demo, approvals=1)
    ask(demo, approvals=1)
    assert len(events(demo, "release-rule-changed")) == 1


@pytest.mark.slow
def test_of_many_approvals_of_one_person_at_once_one_counts(world: World) -> None:
    found_project(world)
    for name in ("bob", "carol"):
        join(world, name)
    ask(world, approvals=2)
    session = begin(world)
    wish = Approve("demo", session, manifest(world, session), "webauthn", {}, actor(world, "bob"))

    def attempt(_number: int) -> str:
        try:
            world.app.do(approve, wish)
        except Refused as refusal:
            return refusal.code
        return "approved"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(attempt, range(16)))
    assert outcomes == ["approved"] + ["approved-already"] * 15
    assert clearance(world, session).wanted == 1
    forget_rows(world)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_a_release_may_appear_only_when_enough_others_have_approved_it_as_it_is(
    demo: World, seed: int
) -> None:
    """A model of five sentences beside the real thing, through everything that people do in any order."""
    chance = Random(seed)  # noqa: S311 - a reproducible order
    people = ("alice", "owen", "bob", "carol")
    wanted, session, files = 2, begin(demo, by=("alice",)), {"": "alice"}
    approved: set[str] = set()
    frozen: set[str] = set()
    ask(demo, approvals=wanted)
    for step in range(40):
        who = chance.choice(people)
        match chance.choice(("yes", "yes", "yes", "back", "add", "remove", "freeze", "thaw")):
            case "yes":
                may = who not in approved and who not in files.values() and who not in frozen
                with nullcontext() if may else pytest.raises(Refused):
                    say_yes(demo, who, session)
                approved |= {who} if may else set()
            case "back":
                with nullcontext() if who in approved else pytest.raises(Refused):
                    take_back(demo, who, session)
                approved -= {who}
            case "add" if len(files) < 3:
                files[send(demo, session, who, tag=f"t{step}")] = who
                approved.clear()
            case "remove" if len(files) > 1:
                gone = chance.choice([one for one in files if one])
                take_out(demo, gone)
                del files[gone]
                approved.clear()
            case "freeze" | "thaw" as what:
                frozen = frozen | {who} if what == "freeze" else frozen - {who}
                at = demo.clock.now() if what == "freeze" else None
                with demo.app.database.write() as sql:
                    sql.execute(account.update().where(account.c.normalized == who).values(frozen_at=at))
        counting = approved - frozen - set(files.values())
        lacking = what_is_missing(demo, session)
        assert (lacking is None) == (len(counting) >= wanted), (step, approved, frozen, files)
        assert (lacking.approvals if lacking else 0) == max(0, wanted - len(counting))


def test_accomplices_who_were_just_invited_approve_nothing_on_a_protected_project(demo: World) -> None:
    """Who has stolen alice's session invites two accounts of his own, and makes bob an owner."""
    ask(demo, approvals=1)
    demo.clock.turn(timedelta(days=30))
    for name in ("eve", "ivan"):
        join(demo, name)
    demo.app.do(change_role, ChangeRole("demo", "bob", "owner", actor(demo, "alice")))
    mark(demo)
    session = begin(demo, by=("alice",), reasons=HELD)
    assert [one.name for one in clearance(demo, session).who] == ["owen", "bob", "carol"]
    with refused("may-not-approve"):
        say_yes(demo, "eve", session)
    after = say_yes(demo, "bob", session)  # he counts as a maintainer of long standing, and not yet as an owner
    assert (len(after.by_rule), after.is_held) == (1, True)
    demo.clock.turn(timedelta(hours=72))
    assert not clearance(demo, session).is_held
    assert say_yes(demo, "eve", session).wanted == 0


def test_who_comes_by_a_team_of_a_protected_project_waits_too(broken_world: World) -> None:
    world = broken_world
    found_organization(world)
    found_project(world, organization="acme")
    alice = actor(world, "alice")
    enlist(world, "bob", "manager")
    world.clock.turn(timedelta(days=30))
    mark(world)
    ask(world, approvals=1, not_uploader=False)
    enlist(world, "eve", "member")
    world.app.do(create_team, AboutTeam("acme", "crew", alice))
    world.app.do(add_team_member, AboutTeamMember("acme", "crew", "eve", alice))
    world.app.do(set_team_role, AboutTeamRole("acme", "crew", "demo", "maintainer", alice))
    session = begin(world, by=("alice",))
    assert [one.name for one in clearance(world, session).who] == ["alice", "bob"]
    world.clock.turn(timedelta(hours=73))
    assert [one.name for one in clearance(world, session).who] == ["alice", "bob", "eve"]
