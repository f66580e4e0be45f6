"""Every sentence of the rules that says no, at the moment of a real release when somebody could try."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from customhouse.release import events as e
from customhouse.release import rules
from customhouse.release.events import Event
from customhouse.release.journal import Head
from customhouse.release.machine_key import MachineKey
from customhouse.release.moves import question
from customhouse.release.question import idempotency_key, proof_by_key
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import say, seal, verify_lines
from customhouse.release.standing import flat, inputs_of, keys_wanted
from customhouse.release.state import State
from customhouse.release.things import Thing
from customhouse.terms.errors import Refused, Rejected
from toy_release import ENGINE_KEY, OTHER, PEOPLE, VERSION, approve, conductor, created, first_line, join

Where = Callable[[Sealed], bool]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> list[Sealed]:
    """The lines of a whole toy release."""
    made = conductor(tmp_path_factory.mktemp("released"))
    assert made.conduct().status == "released"
    return list(made.lines)


def before(lines: list[Sealed], where: Where) -> State:
    """The state just before the first such line."""
    place = next(number for number, line in enumerate(lines) if where(line))
    return rules.replay(lines[:place])


def line_of(
    state: State, event: Event, by: str = "engine", key: MachineKey | None = None, later: timedelta = timedelta()
) -> Sealed:
    said = say(event, run=state.run, by=by, key=key) if key is not None else None
    assert state.at is not None
    return seal(
        event, run=state.run, head=Head(state.seq, state.head), at=state.at + later, by=by, key=ENGINE_KEY, said=said
    )


def refused(state: State, event: Event, by: str = "engine", key: MachineKey | None = None, **more: Any) -> str:
    refusal = rules.may(state, line_of(state, event, by, key, **more))
    assert refusal is None or refusal.sentence.endswith("."), "a sentence"
    return "" if refusal is None else refusal.code


def told(state: State, event: Event, by: str = "engine", key: MachineKey | None = None, **more: Any) -> State:
    return rules.apply(state, line_of(state, event, by, key, **more))


def is_(kind: type[Event], **fields: object) -> Where:
    return lambda line: (
        isinstance(line.event, kind) and all(getattr(line.event, name) == value for name, value in fields.items())
    )


def the(lines: list[Sealed], where: Where) -> Any:
    return next(line.event for line in lines if where(line))


# Rows: when, what is tried (made of the event that really came, where there is one), by whom, and the refusal.


@dataclass(frozen=True)
class Try:
    when: Where
    change: Callable[[State, Any], Event]
    code: str
    by: str = "engine"
    key: MachineKey | None = None
    later: timedelta = timedelta()


def same(_state: State, event: Any) -> Event:
    return event  # type: ignore[no-any-return]


def put(**fields: Any) -> Callable[[State, Any], Event]:
    return lambda _state, event: replace(event, **fields)


def asking(**fields: Any) -> Callable[[State, Any], Event]:
    return lambda state, event: replace(event, expires_at=state.at + timedelta(minutes=1), **fields)  # type: ignore[operator]


def other(event: Event) -> Callable[[State, Any], Event]:
    return lambda _state, _event: event


def start_of(step: str, **fields: Any) -> Callable[[State, Any], Event]:
    def make(state: State, _event: Any) -> Event:
        assert state.at is not None
        attempt = state.steps[step].attempt
        event = e.StepStarted(
            step, attempt, "here", state.at + timedelta(minutes=1), idempotency_key(state.run, step, attempt),
            inputs_of(state, state.pipeline.step(step)),
        )  # fmt: skip
        return replace(event, **fields)

    return make


STARTED = is_(e.StepStarted, step="build")
DONE = is_(e.StepDone, step="build")
STOP_ASKED = is_(e.Approved, step="stop")
SIGN_ASKED = is_(e.Approved, step="sign")
GRANTED = is_(e.KeyGranted)
SIGNED = is_(e.SignedThing)
PUBLISHED = is_(e.Published)
WHL = Thing("toy-1.2.3-py3-none-any.whl", "sha256", "a" * 64, 3)
RM, WINDOWS, MACOS = (PEOPLE[name] for name in ("rm", "windows", "macos"))

TABLE = {
    # Gathering.
    "an identity that the pipeline does not name": Try(
        is_(e.Joined, actor="rm"), put(identity="user:mallory"), "wrong-identity", "rm", RM
    ),
    "a key that is not the one that the pipeline names": Try(
        is_(e.Joined, actor="rm"), put(machine_key=OTHER.public), "wrong-identity", "rm", OTHER
    ),
    "a key that speaks for another": Try(
        is_(e.Confirmed, actor="rm"),
        other(e.Joined("windows", f"key:{RM.public}", RM.public)),
        "wrong-identity",
        "windows",
        RM,
    ),
    "an actor joined by somebody else": Try(is_(e.Joined, actor="rm"), same, "wrong-speaker", "windows", WINDOWS),
    "an actor whom nobody names": Try(is_(e.Joined, actor="rm"), put(actor="eve"), "unknown-actor", "eve", OTHER),
    "a confirmation by a wrong actor": Try(is_(e.Confirmed, actor="rm"), same, "wrong-speaker", "windows", WINDOWS),
    "a confirmation by the engine": Try(is_(e.Confirmed, actor="rm"), same, "wrong-speaker"),
    "a confirmation by a machine": Try(is_(e.Confirmed, actor="rm"), put(actor="ci-a"), "no-person", "ci-a"),
    "a confirmation that nobody waits for": Try(
        is_(e.OpenedRun), other(e.Confirmed("macos", "macos")), "not-asked", "macos", MACOS
    ),
    "a confirmation that nothing proves": Try(is_(e.Confirmed, actor="rm"), same, "no-proof", "rm"),
    "one person as two experts": Try(
        is_(e.Confirmed, actor="windows"), put(person="rm"), "same-person", "windows", WINDOWS
    ),
    "opening before everybody is around": Try(
        is_(e.Confirmed, actor="windows"), other(e.OpenedRun()), "experts-missing"
    ),
    "opening by an actor": Try(is_(e.OpenedRun), same, "wrong-speaker", "rm", RM),
    "a start before the run is open": Try(is_(e.OpenedRun), start_of("freeze"), "gathering"),
    "opening twice": Try(is_(e.StepStarted, step="freeze"), other(e.OpenedRun()), "not-now"),
    "a second beginning": Try(is_(e.OpenedRun), other(created()), "not-now"),
    # Steps.
    "a start before what it waits for": Try(is_(e.StepStarted, step="push"), start_of("build"), "too-early"),
    "a start of nothing": Try(STARTED, put(step="deploy"), "unknown-step"),
    "another attempt": Try(STARTED, put(attempt=2), "other-attempt"),
    "a start by the machine of another step": Try(STARTED, same, "wrong-speaker", "rm", RM),
    "a start with another key than the attempt's": Try(STARTED, put(idempotency_key="0" * 32), "wrong-key"),
    "a lease that is over": Try(STARTED, lambda s, ev: replace(ev, lease_until=s.at), "no-lease"),
    "inputs that nobody made": Try(
        STARTED, put(inputs={"commit": (Thing("main", "gitCommit", "0" * 40),)}), "other-inputs"
    ),
    "inputs that are fewer": Try(STARTED, put(inputs={"commit": ()}), "other-inputs"),
    "another machine within the lease": Try(DONE, start_of("build", machine="there"), "leased"),
    "a step twice": Try(is_(e.StepStarted, step="stage"), start_of("build"), "twice"),
    "skipping what nothing leaves out": Try(
        is_(e.StepStarted, step="docs"), other(e.StepSkipped("docs", "no time")), "not-skipped"
    ),
    "skipping by an actor": Try(
        is_(e.StepStarted, step="docs"), other(e.StepSkipped("docs", "no")), "wrong-speaker", "rm", RM
    ),
    "the end of what has not begun": Try(STARTED, other(e.StepDone("build", 1, {}, {})), "not-running"),
    "an end without its checks": Try(
        is_(e.Checked, step="build", check="version-everywhere"),
        lambda s, _: e.StepDone("build", 1, {"dists": s.steps["build"].rebuilds[0].outputs["dists"]}, {}),
        "not-checked",
    ),
    "an output that is not declared": Try(
        DONE, lambda _s, ev: replace(ev, outputs={**ev.outputs, "docs": (WHL,)}), "other-outputs"
    ),
    "an output that is missing": Try(DONE, put(outputs={}), "other-outputs"),
    "a file that is not declared": Try(
        DONE,
        lambda _s, ev: replace(ev, outputs={"dists": (*ev.outputs["dists"], replace(WHL, name="evil.pth"))}),
        "other-outputs",
    ),
    "a file that leads out of its folder": Try(
        DONE,
        lambda _s, ev: replace(ev, outputs={"dists": (*ev.outputs["dists"], replace(WHL, name="../toy-1.2.3-x.whl"))}),
        "other-outputs",
    ),
    "a build that is not the one that was built again": Try(
        DONE,
        lambda _s, ev: replace(
            ev, outputs={"dists": (ev.outputs["dists"][1], replace(ev.outputs["dists"][0], digest="0" * 64))}
        ),
        "not-equal",
    ),
    "a rebuild by somebody who is not to": Try(is_(e.Rebuilt), put(by="ci-a"), "wrong-speaker"),
    "a rebuild in the name of another": Try(is_(e.Rebuilt), same, "wrong-speaker", "rm", RM),
    "a check that nobody knows": Try(is_(e.Checked, step="build"), put(check="looks-fine"), "unknown-check"),
    "a check by somebody else": Try(is_(e.Checked, step="build"), same, "wrong-speaker", "macos", MACOS),
    # Gates.
    "a question that the pipeline does not ask": Try(is_(e.Asked, step="stop"), put(ask="Lunch?"), "other-question"),
    "a question to fewer people": Try(is_(e.Asked, step="stop"), put(need=("rm",)), "other-question"),
    "a question with a smaller quorum": Try(is_(e.Asked, step="stop"), put(quorum=1), "other-question"),
    "a question about other files": Try(is_(e.Asked, step="sign"), asking(things=(WHL,)), "other-things"),
    "a question with another digest": Try(is_(e.Asked, step="stop"), asking(question="0" * 64), "other-question"),
    "a question that never ends": Try(
        is_(e.Asked, step="stop"),
        lambda _s, ev: replace(ev, expires_at=ev.expires_at + timedelta(hours=1)),
        "wrong-end",
    ),
    "a question before a step that asks nothing": Try(
        is_(e.Asked, step="stop"), lambda _s, ev: replace(ev, step="announce"), "no-gate"
    ),
    "a question that stands already": Try(STOP_ASKED, lambda s, _: s.steps["stop"].asked, "not-now"),  # type: ignore[arg-type,return-value]
    "an approval by a machine": Try(STOP_ASKED, put(actor="ci-a", person="ci-a"), "no-person", "ci-a"),
    "an approval in the name of another": Try(STOP_ASKED, same, "wrong-speaker", "macos", MACOS),
    "an approval by the engine": Try(STOP_ASKED, same, "wrong-speaker"),
    "an approval of another question": Try(STOP_ASKED, put(question="0" * 64), "other-question", "rm", RM),
    "an approval by somebody who is not asked": Try(
        SIGN_ASKED, lambda s, _: approve(s, "sign", "windows"), "not-needed", "windows", WINDOWS
    ),
    "an approval after its end": Try(STOP_ASKED, same, "expired", "rm", RM, timedelta(hours=25)),
    "an approval that nothing proves": Try(STOP_ASKED, put(proof=""), "no-proof", "rm"),
    "an approval with a false signature": Try(
        STOP_ASKED,
        lambda _s, ev: replace(ev, proof=proof_by_key("0" * 64, actor="rm", key=RM)),
        "false-proof",
        "rm",
        RM,
    ),
    "an approval with the key of a stranger": Try(
        STOP_ASKED,
        lambda _s, ev: replace(ev, proof=proof_by_key(ev.question, actor="rm", key=OTHER)),
        "wrong-identity",
        "rm",
        RM,
    ),
    "an approval signed for somebody else": Try(
        STOP_ASKED,
        lambda _s, ev: replace(ev, proof=proof_by_key(ev.question, actor="windows", key=RM)),
        "false-proof",
        "rm",
        RM,
    ),
    "an approval of what nobody asks": Try(STOP_ASKED, put(step="sign"), "not-asked", "rm", RM),
    "a gate without its quorum": Try(STOP_ASKED, start_of("stop"), "gate-closed"),
    "a refusal by somebody who is not asked": Try(
        SIGN_ASKED,
        lambda _s, ev: e.DeclinedGate("sign", 1, ev.question, "macos", "macos", "no"),
        "not-needed",
        "macos",
        MACOS,
    ),
    # Keys.
    "a key before the people": Try(SIGN_ASKED, lambda s, _: grant(s), "gate-closed"),
    "a key by an actor": Try(GRANTED, same, "wrong-speaker", "rm", RM),
    "a key for other files": Try(GRANTED, put(things=(WHL,)), "other-things"),
    "a key for fewer files": Try(GRANTED, lambda _s, ev: replace(ev, things=ev.things[:1]), "other-things"),
    "a key of somebody else": Try(GRANTED, put(key="gpg:" + "0" * 40), "wrong-key"),
    "a key that nobody approved": Try(GRANTED, put(approvals=()), "not-approved"),
    "a key by approvals of another gate": Try(
        GRANTED, lambda s, ev: replace(ev, approvals=stop_places(s)), "not-approved"
    ),
    "a key for a step that signs nothing": Try(
        is_(e.StepStarted, step="publish"), lambda _s, _: e.KeyGranted("publish", 1, "x", (), ()), "wrong-step"
    ),
    "signing without a key": Try(GRANTED, start_of("sign"), "no-grant"),
    "a signature of another file": Try(SIGNED, put(thing=WHL), "not-granted"),
    "a signature of another kind": Try(SIGNED, put(how="pgp"), "unknown-signature"),
    "a signature by somebody else": Try(SIGNED, same, "wrong-speaker", "macos", MACOS),
    "the end of signing without all signatures": Try(
        SIGNED, lambda _s, _: e.StepDone("sign", 1, {}, {}), "not-checked"
    ),
    # Publication.
    "publishing by another step": Try(PUBLISHED, put(step="fetch-back"), "wrong-step"),
    "publishing what was not made here": Try(PUBLISHED, put(things=(WHL,)), "other-things"),
    "the tag before publication": Try(PUBLISHED, start_of("push-last"), "too-early"),
    # Refs.
    "a tag that is elsewhere": Try(
        is_(e.StepStarted, step="build"), other(e.TagSeen("fork", "refs/tags/v1.2.3", "0" * 40, "0" * 40)), "tag-moved"
    ),
    "a foreign tag where there was none": Try(
        is_(e.StepStarted, step="build"),
        other(e.TagSeen("upstream", "refs/tags/v1.2.3", "0" * 40, "0" * 40)),
        "tag-moved",
    ),
    # The run.
    "resuming what does not stand still": Try(STARTED, other(e.Resumed("rm", "on")), "not-stopped", "rm", RM),
    "resuming by the engine": Try(STARTED, other(e.Resumed("rm", "on")), "wrong-speaker"),
    "abandoning by a machine": Try(STARTED, other(e.Aborting("ci", "no")), "no-person", "ci-a"),
    "abandoning what is public": Try(
        is_(e.StepStarted, step="push-last"), other(e.Aborting("rm", "no")), "published", "rm", RM
    ),
    "a restart by the engine that nobody asked for": Try(STARTED, other(e.Restarted("commit", "x")), "not-restarted"),
    "a restart from before publication": Try(
        is_(e.StepStarted, step="push-last"), other(e.Restarted("build", "x", "rm")), "public", "rm", RM
    ),
    "a restart after the tag is upstream": Try(
        is_(e.StepStarted, step="announce"), other(e.Restarted("push-last", "x", "rm")), "public", "rm", RM
    ),
    "undoing what is to stay": Try(
        is_(e.StepStarted, step="build"), other(e.Undone("push", 1, "undone")), "nothing-to-undo"
    ),
    "the end before everything is done": Try(
        is_(e.StepStarted, step="announce"), other(e.Finished("released")), "not-done"
    ),
    "the end by an actor": Try(is_(e.Finished), same, "wrong-speaker", "rm", RM),
    "an end that is none": Try(is_(e.Finished), put(outcome="fine"), "no-outcome"),
    "abandoning without taking back": Try(is_(e.Finished), put(outcome="abandoned"), "not-now"),
    "time that goes back": Try(STARTED, same, "time-goes-back", later=timedelta(seconds=-1)),
}


def grant(state: State) -> Event:
    step = state.pipeline.step("sign")
    return e.KeyGranted("sign", 1, keys_wanted(state, step)[0], flat(inputs_of(state, step)), ())


def stop_places(state: State) -> tuple[int, ...]:
    return tuple(place for place, _, _ in state.steps["stop"].approvals)


@pytest.mark.parametrize("name", TABLE)
def test_the_rules_refuse(name: str, released: list[Sealed]) -> None:
    row = TABLE[name]
    state = before(released, row.when)
    event = row.change(state, the(released, row.when))
    assert refused(state, event, row.by, row.key, later=row.later) == row.code


def test_a_journal_that_was_written_replays(released: list[Sealed]) -> None:
    verify_lines(released)
    assert rules.replay(released).status == "released"


def test_nothing_happens_after_the_end(released: list[Sealed]) -> None:
    state = rules.replay(released)
    assert refused(state, e.Noted("late")) == "finished"


def test_a_release_is_published_once(released: list[Sealed]) -> None:
    state = before(released, is_(e.StepDone, step="publish"))
    assert refused(state, the(released, PUBLISHED)) == "published"


def test_a_line_that_does_not_follow_is_refused(released: list[Sealed]) -> None:
    state = rules.replay(released[:10])
    for line in (released[9], released[11], replace(released[10], previous="0" * 64), replace(released[10], run="x")):
        with pytest.raises(Refused):
            rules.apply(state, line)


def test_an_approval_that_has_expired_opens_no_gate(released: list[Sealed]) -> None:
    state = before(released, is_(e.StepStarted, step="stop"))
    start = start_of("stop", lease_until=state.at + timedelta(days=9))(state, None)  # type: ignore[operator]
    assert refused(state, start, later=timedelta(hours=23)) == ""
    assert refused(state, start, later=timedelta(hours=25)) == "gate-closed"


def test_one_person_approving_twice_by_two_accounts_counts_once(released: list[Sealed]) -> None:
    state = before(released, STOP_ASKED)
    state = told(state, approve(state, "stop", "rm"), "rm", RM)
    assert refused(state, approve(state, "stop", "rm"), "rm", RM) == "said-already"
    assert refused(state, approve(state, "stop", "windows", person="rm"), "windows", WINDOWS) == "same-person"
    stolen = replace(
        approve(state, "stop", "windows"), proof=proof_by_key(the_question(state), actor="windows", key=RM)
    )
    assert refused(state, stolen, "windows", WINDOWS) in ("same-key", "wrong-identity")


def the_question(state: State) -> str:
    asked = state.steps["stop"].asked
    assert asked is not None
    return asked.question


def test_two_actors_with_one_identity_are_one_person() -> None:
    text = created().pipeline.replace(
        f'identities = ["key:{WINDOWS.public}"]', f'identities = ["key:{WINDOWS.public}", "key:{RM.public.upper()}"]'
    )
    state = rules.begin(first_line(created(text=text)))
    state = told(state, join("rm"), "rm", RM)
    state = told(state, join("windows"), "windows", WINDOWS)
    state = told(state, e.Confirmed("rm", "rosa"), "rm", RM)
    assert refused(state, e.Confirmed("windows", "somebody else"), "windows", WINDOWS) == "same-person"


def test_a_factor_that_is_too_weak_is_refused(released: list[Sealed]) -> None:
    text = created().pipeline.replace('title = "Release manager"', 'title = "Release manager"\nfactor = "webauthn"')
    state = rules.begin(first_line(created(text=text)))
    for line in released[1:]:
        if isinstance(line.event, e.Asked):
            break
        state = told(state, line.event, line.by, PEOPLE.get(line.by))
    assert state.at is not None
    asked = question(state, state.pipeline.step("stop"), state.at)
    state = told(state, asked)
    assert refused(state, approve(state, "stop", "rm"), "rm", RM) == "weak-factor"
    strong = replace(approve(state, "stop", "rm"), factor="webauthn")
    assert refused(state, strong, "rm", RM) == "needs-room", "one machine alone verifies none"
    assert refused(replace(state, rehearsal=True), strong, "rm", RM) == ""


def test_a_failed_check_stops_and_is_never_followed_by_the_end_of_the_step(released: list[Sealed]) -> None:
    state = before(released, DONE)
    done = the(released, DONE)
    state = told(state, e.Checked("build", 1, "version-everywhere", False, "1.2.3", "1.2.4", "PKG-INFO"))
    assert state.status == "stopped"
    assert state.stop is not None
    assert (state.stop.code, state.stop.saw, state.stop.place) == ("check:version-everywhere", "1.2.4", "PKG-INFO")
    assert refused(state, done) == "check-failed"
    assert refused(state, start_of("docs", attempt=1)(state, None)) in ("stopped", "leased", "twice")


def test_a_tag_moved_and_put_back_stops_until_it_is_made_anew(released: list[Sealed]) -> None:
    state = before(released, is_(e.StepStarted, step="test"))
    tag = state.refs["fork", "refs/tags/v1.2.3"]
    state = told(state, e.TagMoved("fork", "refs/tags/v1.2.3", tag, "0" * 40, "poll"))
    state = told(state, e.TagSeen("fork", "refs/tags/v1.2.3", tag, "0" * 40))
    assert refused(state, start_of("test")(state, None)) == "stopped"
    assert refused(state, e.Resumed("rm", "it is back"), "rm", RM) == "not-resumed"
    assert refused(state, e.Restarted("build", "it is back", "rm"), "rm", RM) == "too-late"
    state = told(state, e.Restarted("commit", "a new tag", "rm"), "rm", RM)
    assert state.status == "open"
    assert ("fork", "refs/tags/v1.2.3") not in state.refs
    assert state.refs["upstream", "refs/tags/v1.2.3"] == ""


def test_tampering_between_steps_needs_a_restart_from_an_earlier_step(released: list[Sealed]) -> None:
    state = before(released, is_(e.StepDone, step="test"))
    state = told(state, e.Checked("test", 1, "tested-as-staged", False, "as staged", "another whl"))
    assert refused(state, e.Resumed("rm", "never mind"), "rm", RM) == "not-resumed"
    assert refused(state, e.Restarted("test", "again", "rm"), "rm", RM) == "too-late"
    state = told(state, e.Restarted("build", "again", "rm"), "rm", RM)
    assert state.steps["build"].attempt == 2
    assert state.artifacts.get("dists", ()) == ()


def test_another_attempt_first_takes_back_the_last_one(released: list[Sealed]) -> None:
    state = before(released, is_(e.StepStarted, step="test"))
    state = told(state, e.Restarted("commit", "again", "rm"), "rm", RM)
    assert [one for one, each in state.steps.items() if each.owed] == ["push", "stage"]
    assert refused(state, e.Undone("push", 1, "undone")) == "newest-first"
    state = told(state, e.Undone("stage", 1, "undone"))
    state = told(state, e.Undone("push", 1, "undone"))
    assert refused(state, e.Undone("push", 1, "undone")) == "nothing-to-undo"


def test_attempts_count_up_and_the_engine_gives_up_after_three(released: list[Sealed]) -> None:
    state = before(released, is_(e.StepDone, step="test"))
    for attempt in (1, 2, 3):
        running = replace(state.steps["test"], status="running", attempt=attempt)
        commit = replace(state.steps["commit"], attempt=attempt)
        now = replace(state, steps={**state.steps, "test": running, "commit": commit})
        now = told(now, e.StepFailed("test", attempt, "tests", "1 of 79 failed"))
        code = refused(now, e.Restarted("commit", "tests failed"))
        assert code == ("too-often" if attempt == 3 else "")


def test_in_a_room_the_engine_speaks_for_nobody() -> None:
    state = rules.begin(first_line(created(places={"room": {"url": "https://index.example"}})))
    for name in ("rm", "windows"):
        state = told(state, e.Confirmed(name, name), name)
    state = told(state, e.OpenedRun())
    start = start_of("freeze")(state, None)
    assert refused(state, start) == "wrong-speaker"
    assert refused(state, start, "rm") == "unsigned"
    state = told(state, join("rm"), "rm", RM)
    assert refused(state, start, "rm", RM) == ""


def test_a_beginning_must_be_of_its_own_pipeline() -> None:
    for event, code in (
        (replace(created(), pipeline_sha256="0" * 64), "other-pipeline"),
        (replace(created(), pipeline_version=4), "other-pipeline"),
        (replace(created(), project="other"), "other-pipeline"),
    ):
        with pytest.raises(Refused) as refusal:
            rules.begin(first_line(event))
        assert refusal.value.code == code
    for params in ({}, {"version": "1.2.3; rm -rf /"}, {**VERSION, "extra": "1"}):
        with pytest.raises(Rejected):
            rules.begin(first_line(created(params)))
