"""Ways round the rules that somebody could try when a run stands still, has not opened, or is just being published."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from customhouse.release import events as e
from customhouse.release import rules
from customhouse.release.events import Event
from customhouse.release.journal import Head
from customhouse.release.machine_key import MachineKey
from customhouse.release.moves import question
from customhouse.release.question import idempotency_key
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import say, seal
from customhouse.release.standing import inputs_of
from customhouse.release.state import State
from customhouse.terms.errors import Refused
from toy_release import ENGINE_KEY, OTHER, PEOPLE, PIPELINE, approve, conductor, created, first_line, join

ROOM = {"room": {"url": "https://index.example"}}
RM = PEOPLE["rm"]
TAG = "refs/tags/v1.2.3"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> list[Sealed]:
    """The lines of a whole toy release."""
    made = conductor(tmp_path_factory.mktemp("released"))
    assert made.conduct().status == "released"
    return list(made.lines)


def before(lines: list[Sealed], kind: type[Event], step: str) -> State:
    """The state just before the first such line."""
    for number, line in enumerate(lines):
        if isinstance(line.event, kind) and getattr(line.event, "step", "") == step:
            return rules.replay(lines[:number])
    raise LookupError(step)


def line_of(state: State, event: Event, by: str, key: MachineKey | None, later: timedelta) -> Sealed:
    said = say(event, run=state.run, by=by, key=key) if key is not None else None
    assert state.at is not None
    return seal(
        event, run=state.run, head=Head(state.seq, state.head), at=state.at + later, by=by, key=ENGINE_KEY, said=said
    )


def refused(
    state: State, event: Event, by: str = "engine", key: MachineKey | None = None, later: timedelta = timedelta()
) -> str:
    refusal = rules.may(state, line_of(state, event, by, key, later))
    return "" if refusal is None else refusal.code


def told(state: State, event: Event, by: str = "engine", key: MachineKey | None = None) -> State:
    return rules.apply(state, line_of(state, event, by, key, timedelta()))


def started(state: State, step: str) -> e.StepStarted:
    assert state.at is not None
    attempt = state.steps[step].attempt
    return e.StepStarted(
        step, attempt, "here", state.at + timedelta(minutes=10), idempotency_key(state.run, step, attempt),
        inputs_of(state, state.pipeline.step(step)),
    )  # fmt: skip


def test_a_moved_tag_is_not_forgotten_because_another_check_failed_first(released: list[Sealed]) -> None:
    state = before(released, e.StepDone, "test")
    tag = state.refs["fork", TAG]
    state = told(state, e.Checked("test", 1, "tested-as-staged", False, "as staged", "another whl"))
    state = told(state, e.TagMoved("fork", TAG, tag, "0" * 40, "reflog (mallory)"))
    assert refused(state, e.Restarted("build", "the stage is right again", "rm"), "rm", RM) == "too-late"
    assert refused(state, e.Restarted("commit", "a new tag", "rm"), "rm", RM) == ""


def test_tampering_is_not_forgotten_because_a_tag_was_moved_first(released: list[Sealed]) -> None:
    state = before(released, e.StepDone, "commit")
    state = told(state, e.TagMoved("upstream", TAG, "", "0" * 40, "poll"))
    state = told(state, e.Stopped("tampered:frozen", "another commit", "the frozen one", "commit"))
    assert refused(state, e.Restarted("commit", "a new tag", "rm"), "rm", RM) == "too-late"


def test_a_run_that_was_stopped_before_it_opened_still_waits_for_its_experts() -> None:
    state = told(rules.begin(first_line()), join("rm"), "rm", RM)
    state = told(state, e.TagSeen("upstream", TAG, "", ""))
    state = told(state, e.TagMoved("upstream", TAG, "", "0" * 40, "poll"))
    state = told(state, e.Restarted("freeze", "it is gone again", "rm"), "rm", RM)
    assert state.status == "gathering"
    assert refused(state, started(state, "freeze")) == "gathering"
    assert refused(state, e.OpenedRun()) == "experts-missing"


def test_nobody_restarts_or_abandons_a_run_while_it_is_being_published(released: list[Sealed]) -> None:
    state = before(released, e.Published, "publish")
    assert state.steps["publish"].status == "running"
    again, enough = e.Restarted("build", "hurry", "rm"), e.Aborting("rm", "enough")
    for event in (again, enough):
        assert refused(state, event, "rm", RM) == "publishing"
    assert refused(state, e.Restarted("docs", "hurry", "rm"), "rm", RM) == "publishing"
    # Its machine is gone.
    assert refused(state, again, "rm", RM, HOUR) == "unsettled"
    assert refused(state, enough, "rm", RM, HOUR) == ""


def test_what_may_be_public_is_looked_at_before_an_abandoned_run_takes_anything_back(released: list[Sealed]) -> None:
    state = before(released, e.Published, "publish")
    state = rules.apply(state, line_of(state, e.Aborting("rm", "enough"), "rm", RM, HOUR))
    assert refused(state, e.Undone("stage", 1, "undone")) == "unsettled"
    assert refused(state, e.Finished("abandoned")) == "not-done"
    seen = before(released, e.StepDone, "publish")
    things = e.Published("publish", 1, "https://index.example/toy/", seen.artifacts["dists"])
    assert told(state, things).published_at is not None
    state = told(state, e.StepFailed("publish", 1, "interrupted", "it was begun, and was not done"))
    assert refused(state, e.Undone("stage", 1, "undone")) == ""


def test_a_journal_of_before_is_judged_as_it_was_then(released: list[Sealed]) -> None:
    """There a run whose publishing machine was gone could be restarted, or abandoned, without a look."""
    old = replace(before(released, e.Published, "publish"), rules=1)
    assert refused(old, e.Restarted("build", "hurry", "rm"), "rm", RM, HOUR) == ""
    old = rules.apply(old, line_of(old, e.Aborting("rm", "enough"), "rm", RM, HOUR))
    assert refused(old, e.Undone("stage", 1, "undone")) == ""
    assert refused(old, e.StepFailed("publish", 1, "machine-gone", "it is away")) == ""


def test_a_journal_of_rules_to_come_is_not_judged_by_those_of_today() -> None:
    with pytest.raises(Refused, match="edition 3 of the rules"):
        rules.begin(first_line(created(rules=3)))


def at_a_room(state: State, step: str, key: MachineKey) -> State:
    """The step runs at a room, on the machine with this key."""
    found = replace(state.steps[step], machine=f"rm@{key.public[:8]}", key=key.public)
    keys = {**state.keys, "rm": (RM.public, OTHER.public)}
    places = {**state.places, **ROOM}
    return replace(state, places=places, keys=keys, steps={**state.steps, step: found})


def test_a_machine_that_slept_until_another_took_its_step_over_has_nothing_more_to_say(released: list[Sealed]) -> None:
    state = at_a_room(before(released, e.Published, "publish"), "publish", RM)
    public = e.Published("publish", 1, "https://index.example/toy/", state.artifacts["dists"])
    assert refused(state, public, "rm", RM) == ""
    taken = replace(started(state, "publish"), machine="rm@other")
    assert refused(state, taken, "rm", OTHER) == "leased"
    assert refused(state, replace(taken, machine="rm@" + RM.public[:8]), "rm", OTHER) == "leased", "by its name alone"
    later = rules.apply(state, line_of(state, replace(taken, lease_until=taken.lease_until + HOUR), "rm", OTHER, HOUR))
    assert later.steps["publish"].idempotency_key == state.steps["publish"].idempotency_key
    for event in (
        public, e.Checked("publish", 1, "handover", True, "", ""), e.StepFailed("publish", 1, "away", "no answer"),
        e.StepDone("publish", 1, {}, {}),
    ):  # fmt: skip
        assert refused(later, event, "rm", RM) == "lease-lost"
    assert refused(later, public, "rm", OTHER) == ""


def test_at_a_room_nobody_supposes_that_what_strangers_may_have_seen_was_not_done(released: list[Sealed]) -> None:
    state = at_a_room(before(released, e.Published, "publish"), "publish", RM)
    assert refused(state, e.StepFailed("publish", 1, "machine-gone", "it is away"), later=HOUR) == "wrong-speaker"


def test_a_run_that_waits_for_a_machine_goes_on_with_it_unless_something_else_has_stopped_it(
    released: list[Sealed],
) -> None:
    state = at_a_room(before(released, e.Published, "publish"), "publish", RM)
    gone = e.Stopped(rules.MACHINE_GONE, "it is away", "a machine of rm", "publish")
    state = rules.apply(state, line_of(state, gone, "engine", None, HOUR))
    back = replace(started(state, "publish"), machine="rm@other")
    assert told(state, back, "rm", OTHER).status == "open"
    other = told(state, e.Stopped("rebuild-failed", "the disk is full", "the same bit for bit", "docs"), "rm", RM)
    assert other.stop is not None
    assert other.stop.code == "rebuild-failed"
    settled = told(other, back, "rm", OTHER)
    assert (settled.status, settled.stop) == ("stopped", other.stop)
    assert settled.steps["publish"].key == OTHER.public


def test_a_disputed_build_is_not_passed_by_a_restart_from_a_step_behind_it(released: list[Sealed]) -> None:
    state = before(released, e.StepStarted, "test")
    build = state.steps["build"]
    other = e.Rebuilt("build", 1, "ci-b", build.outputs, False, {}, "one wheel is another")
    state = told(replace(state, steps={**state.steps, "build": replace(build, rebuilds=())}), other)
    assert state.status == "stopped"
    assert refused(state, e.Restarted("stage", "never mind", "rm"), "rm", RM) == "too-late"
    assert refused(state, e.Restarted("build", "again", "rm"), "rm", RM) == ""


def test_a_key_that_was_granted_for_an_earlier_attempt_is_not_used_in_the_next(released: list[Sealed]) -> None:
    state = before(released, e.StepStarted, "sign")
    waiting = replace(state.steps["sign"], status="waiting")
    assert waiting.grants
    state = replace(state, steps={**state.steps, "sign": waiting})
    state = told(state, e.Restarted("build", "again", "rm"), "rm", RM)
    assert (state.steps["sign"].grants, state.steps["sign"].attempt) == ((), 2)


def test_one_machine_alone_believes_no_security_key(released: list[Sealed]) -> None:
    state = before(released, e.Approved, "stop")
    assert refused(state, replace(approve(state, "stop", "rm"), factor="webauthn"), "rm", RM) == "needs-room"


def test_one_machine_alone_believes_no_account() -> None:
    text = PIPELINE.replace(
        'title = "macOS expert"\nidentities = [', 'title = "macOS expert"\nidentities = ["user:mac", '
    )
    event = e.Joined("macos", "user:mac", OTHER.public)
    alone = rules.begin(first_line(created(text=text)))
    assert refused(alone, event, "macos", OTHER) == "needs-room"
    assert refused(rules.begin(first_line(created(text=text, places=ROOM))), event, "macos", OTHER) == ""


def test_a_yes_given_in_one_run_answers_nothing_in_a_run_of_the_same_name_at_other_places(
    released: list[Sealed],
) -> None:
    """Whoever keeps a run's folder could ask about a harmless index first, and carry the answer over."""
    assert isinstance(released[0].event, e.Created)
    state = before(released, e.Asked, "stop")
    elsewhere = first_line(replace(released[0].event, places={"index": {"url": "https://evil.example"}}))
    assert state.at is not None
    other = replace(state, first=elsewhere.hash)
    step = state.pipeline.step("stop")
    assert question(state, step, state.at).question != question(other, step, state.at).question
    assert refused(state, question(other, step, state.at)) == "other-question"
