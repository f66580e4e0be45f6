"""A run on one machine: how it goes on, stands still, begins again and is abandoned."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clock import TurnableClock
from customhouse.release.actions import Problem, StepRun
from customhouse.release.engine.conduct import Conductor
from customhouse.release.engine.forecast import forecast, times_of
from customhouse.release.events import (
    Aborting,
    Anchored,
    Asked,
    Checked,
    Noted,
    Published,
    Rebuilt,
    Restarted,
    Resumed,
    StepDone,
    StepFailed,
    StepStarted,
    TagMoved,
    TagSeen,
    Undone,
)
from customhouse.release.journal import Head
from customhouse.release.journal_file import FileJournal
from customhouse.release.rules import replay
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import verify_lines
from customhouse.terms.errors import Refused
from toy_release import (
    START,
    Crowd,
    Outside,
    ToyWords,
    conductor,
    created,
    open_journal,
    speak,
)


def words(folder: Path, **more: Any) -> ToyWords:
    return ToyWords(Outside(folder / "outside"), **more)


def decide(made: Conductor, event: Any) -> None:
    speak(made, "rm", event)


def kinds(made: Conductor, kind: type) -> list[Any]:
    return [line.event for line in made.lines if isinstance(line.event, kind)]


def test_a_release_runs_from_freeze_to_tag_last(tmp_path: Path) -> None:
    made = conductor(tmp_path)
    state = made.conduct()
    assert state.status == "released"
    order = [event.step for event in kinds(made, StepDone)]
    assert order.index("test") < order.index("stop") < order.index("sign") < order.index("publish")
    assert order.index("fetch-back") < order.index("push-last")
    assert replay(made.lines) == state
    assert not (tmp_path / "work" / "steps" / "build.1").exists()


def test_what_a_step_takes_is_what_the_steps_before_it_made(tmp_path: Path) -> None:
    made = conductor(tmp_path)
    made.conduct()
    outputs = {name: things for event in kinds(made, StepDone) for name, things in event.outputs.items()}
    for event in kinds(made, StepStarted):
        for name, things in event.inputs.items():
            assert set(things) == set(outputs[name]), (event.step, name)
    published = kinds(made, Published)[0]
    assert set(published.things) == {*outputs["dists"], *outputs["sigs"]}


def test_two_builders_build_at_once(tmp_path: Path) -> None:
    meet = threading.Barrier(2, timeout=20)
    made = conductor(tmp_path, words(tmp_path, before={"build": lambda _run: meet.wait() and None}))
    assert made.conduct().status == "released"
    rebuilt = kinds(made, Rebuilt)
    assert [(one.by, one.agrees) for one in rebuilt] == [("ci-b", True)]


def test_a_poisoned_builder_stops_the_release(tmp_path: Path) -> None:
    made = conductor(tmp_path, words(tmp_path, poisoned=True))
    state = made.conduct()
    assert state.status == "stopped"
    assert state.stop is not None
    assert (state.stop.code, state.stop.step) == ("check:rebuilds-agree", "build")
    assert "toy-1.2.3.tar.gz" in state.stop.saw
    assert not Outside(tmp_path / "outside").times("stage")


def test_a_step_that_fails_begins_again_from_where_the_pipeline_says(tmp_path: Path) -> None:
    made = conductor(tmp_path, words(tmp_path, failures={"test": 1}))
    state = made.conduct()
    assert state.status == "released"
    assert [event.step for event in kinds(made, Restarted)] == ["commit"]
    assert [(one.step, one.found) for one in kinds(made, Undone)] == [("stage", "undone"), ("push", "undone")]
    assert {name: one.attempt for name, one in state.steps.items() if one.attempt > 1} == dict.fromkeys(
        ("commit", "push", "build", "docs", "stage", "test"), 2
    )
    assert len(kinds(made, Published)) == 1


def test_after_three_attempts_a_person_has_to_look(tmp_path: Path) -> None:
    made = conductor(tmp_path, words(tmp_path, failures={"test": 3}))
    state = made.conduct()
    assert state.status == "stopped"
    assert state.stop is not None
    assert state.stop.code == "not-well"
    assert "attempt 3" in state.stop.saw
    decide(made, Resumed("rm", "it was the network"))
    assert made.conduct().status == "released"


def test_a_step_that_fails_without_another_way_stops_the_run(tmp_path: Path) -> None:
    made = conductor(tmp_path, words(tmp_path, failures={"stage": 1}))
    assert made.conduct().status == "stopped"
    decide(made, Resumed("rm", "the index is back"))
    state = made.conduct()
    assert state.status == "released"
    assert state.steps["stage"].attempt == 2


def test_a_failed_check_stops_the_run_and_names_what_was_seen(tmp_path: Path) -> None:
    toy = words(tmp_path, faults={"staged-as-built": "evil.whl is there, too"})
    made = conductor(tmp_path, toy)
    state = made.conduct()
    assert state.stop is not None
    assert (state.status, state.stop.code, state.stop.saw) == (
        "stopped", "check:staged-as-built", "evil.whl is there, too",
    )  # fmt: skip
    assert not [event for event in kinds(made, StepDone) if event.step == "stage"]
    toy.faults.clear()
    decide(made, Restarted("build", "the stage was cleaned", "rm"))
    assert made.conduct().status == "released"


@pytest.mark.parametrize(
    "victim", ["toy-1.2.3.tar.gz", "toy-1.2.3-py3-none-any.whl"]
)  # fmt: skip
@pytest.mark.parametrize("step", ["stage", "test", "sign", "publish", "fetch-back"])
def test_a_byte_flipped_at_any_hand_over_stops_the_release(tmp_path: Path, step: str, victim: str) -> None:
    done: list[str] = []

    def flip(where: str) -> None:
        if where == f"before do: {step}" and not done:
            done.append(where)
            thing = next(one for one in made.state.artifacts["dists"] if one.name == victim)
            path = tmp_path / "objects" / "sha256" / thing.digest[:2] / thing.digest[2:]
            path.chmod(0o600)
            path.write_bytes(path.read_bytes()[:-1] + b"!")

    made = conductor(tmp_path, at=flip)
    state = made.conduct()
    assert state.status == "stopped"
    assert state.stop is not None
    assert (state.stop.code, state.stop.step) == ("check:handover", step)
    assert victim in state.stop.place
    with pytest.raises(Refused, match="Restart from an earlier step"):
        decide(made, Resumed("rm", "never mind"))


def test_a_tag_moved_and_put_back_stops_the_release(tmp_path: Path) -> None:
    def move(where: str) -> None:
        if where == "before do: test" and made.state.status == "open":
            tag = made.state.refs["fork", "refs/tags/v1.2.3"]
            made._seen.put([TagMoved("fork", "refs/tags/v1.2.3", tag, "0" * 40, "reflog")])
            made._seen.put([TagSeen("fork", "refs/tags/v1.2.3", tag, "0" * 40)])

    made = conductor(tmp_path, at=move)
    state = made.conduct()
    assert state.status == "stopped"
    assert state.stop is not None
    assert (state.stop.code, state.stop.place) == ("tag-moved", "fork refs/tags/v1.2.3")
    assert "reflog" in state.stop.saw


def test_an_abandoned_run_takes_back_what_it_did_newest_first(tmp_path: Path) -> None:
    made = conductor(tmp_path, words(tmp_path, failures={"test": 3}), answer=Crowd())
    assert made.conduct().status == "stopped"
    decide(made, Aborting("rm", "not today"))
    state = made.conduct()
    assert state.status == "abandoned"
    undone = [event.step for event in kinds(made, Undone)]
    assert undone[-3:] == ["stage", "push", "freeze"]
    outside = Outside(tmp_path / "outside").read()
    assert (outside["locked"], outside["fork_tag"], outside["stage"]) == (False, "", {})


def test_a_no_stops_the_run_until_somebody_looks(tmp_path: Path) -> None:
    made = conductor(tmp_path, answer=Crowd(declines=("windows",)))
    state = made.conduct()
    assert state.stop is not None
    assert (state.stop.code, state.stop.by) == ("declined", "windows")
    made.answer = Crowd()
    decide(made, Resumed("rm", "the bug was none"))
    assert made.conduct().status == "released"
    assert len([event for event in kinds(made, Asked) if event.step == "stop"]) == 2


def test_people_are_asked_again_when_their_yes_has_expired(tmp_path: Path) -> None:
    clock = TurnableClock(START)
    made = conductor(tmp_path, clock=clock)
    made.conduct(until=lambda state: len(state.steps["stop"].approvals) == 1)
    clock.turn(timedelta(hours=25))
    assert made.conduct().status == "released"
    asked = [event for event in kinds(made, Asked) if event.step == "stop"]
    assert len({event.question for event in asked}) == 2


def test_a_run_waits_for_its_experts(tmp_path: Path) -> None:
    made = conductor(tmp_path, answer=Crowd(silent=("windows",)))
    assert made.conduct().status == "gathering"
    made.answer = Crowd()
    assert made.conduct().status == "released"


def test_a_step_that_its_parameters_leave_out_is_skipped(tmp_path: Path) -> None:
    event = created({"version": "1.2.3", "kind": "security"})
    made = conductor(tmp_path, journal=open_journal(tmp_path / "journal.jsonl", event))
    state = made.conduct()
    assert state.status == "released"
    assert state.steps["docs"].status == "skipped"


def test_two_operators_pressing_go_together_release_once(tmp_path: Path) -> None:
    first, second = (conductor(tmp_path, machine=name) for name in ("here", "there"))
    first.wait = second.wait = True
    ends: list[str] = []
    threads = [threading.Thread(target=lambda one=one: ends.append(one.conduct().status)) for one in (first, second)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert ends == ["released", "released"]
    outside = Outside(tmp_path / "outside")
    assert [outside.times(what) for what in ("public", "letters", "tag")] == [1, 1, 1]
    verify_lines(first.lines)
    starts = [(event.step, event.attempt) for event in kinds(first, StepStarted)]
    assert len(starts) == len(set(starts))


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    def sleep(run: StepRun) -> None:
        run.children.run(["sleep", "60"])
        raise Problem("ended", "it was ended")

    made = conductor(tmp_path, words(tmp_path, before={"stage": sleep}))
    short = replace_timeout(made, "stage", timedelta(milliseconds=200))
    state = short.conduct()
    assert state.status == "stopped"
    assert state.stop is not None
    assert state.stop.code == "timeout"


def replace_timeout(made: Conductor, step: str, timeout: timedelta) -> Conductor:
    """The pipeline's times are in minutes; a test has none."""
    original: Any = made.step_run

    def step_run(*arguments: Any) -> Any:
        run = original(*arguments)
        return replace(run, step=replace(run.step, timeout=timeout)) if run.step.id == step else run

    made.step_run = step_run  # type: ignore[method-assign,assignment]
    return made


def test_a_fault_of_an_action_is_a_failed_step_and_no_traceback(tmp_path: Path) -> None:
    def fault(_run: StepRun) -> None:
        raise ZeroDivisionError("by nothing")

    made = conductor(tmp_path, words(tmp_path, before={"stage": fault}))
    assert made.conduct().status == "stopped"
    assert [event.code for event in kinds(made, StepFailed)] == ["fault"]


def test_a_journal_that_takes_nothing_more_ends_the_conductor_with_its_reason(tmp_path: Path) -> None:
    class Full(FileJournal):
        def append(self, lines: Sequence[Sealed], expected: Head) -> None:
            if any(isinstance(line.event, StepDone | StepFailed) for line in lines):
                raise Refused("journal-full", "A journal takes no more lines.", status=409)
            super().append(lines, expected)

    journal = Full(open_journal(tmp_path / "journal.jsonl").path)
    made = conductor(tmp_path, journal=journal)
    with pytest.raises(Refused, match="takes no more lines"):
        made.conduct()
    assert made.state.steps["freeze"].status == "running"


def test_long_steps_keep_their_lease(tmp_path: Path) -> None:
    clock = TurnableClock(START)
    seen: list[int] = []

    def long(_run: StepRun) -> None:
        clock.turn(timedelta(minutes=6))
        while len([one for one in kinds(made, StepStarted) if one.step == "stage"]) < 2:
            seen.append(1)
            threading.Event().wait(0.01)

    made = conductor(tmp_path, words(tmp_path, before={"stage": long}), clock=clock)
    assert made.conduct().status == "released"
    assert seen


def test_the_head_is_logged_at_each_gate_and_when_it_is_public(tmp_path: Path) -> None:
    logged: list[str] = []

    def anchor(_pipeline: Any, lines: Any) -> Anchored:
        logged.append(lines[-1].hash)
        return Anchored(lines[-1].hash, "log.example", len(logged), "{}")

    made = conductor(tmp_path, anchor=anchor)
    made.conduct()
    assert len(logged) >= 4
    verify_lines(made.lines)
    last = max(place for place, line in enumerate(made.lines) if isinstance(line.event, Published))
    assert any(isinstance(line.event, Anchored) for line in made.lines[last:])


def test_a_log_that_is_away_does_not_stop_a_release(tmp_path: Path) -> None:
    def anchor(_pipeline: Any, _lines: Any) -> Anchored:
        raise Problem("away", "nobody answers")

    made = conductor(tmp_path, anchor=anchor)
    assert made.conduct().status == "released"
    assert [note for note in kinds(made, Noted) if "could not be logged" in note.text]


def test_a_log_that_answers_again_gets_the_heads_that_it_has_missed(tmp_path: Path) -> None:
    """Whoever signs has the log again: nothing of the journal stays without it because it refused for a while."""
    away = [True]

    def anchor(_pipeline: Any, lines: Any) -> Anchored:
        if away[0]:
            raise Problem("log-rolled-back", "the database was put back")
        return Anchored(lines[-1].hash, "log.example", 1, "{}")

    def attest(_state: Any, lines: Any) -> list[Any]:
        if not any(isinstance(line.event, Published) for line in lines):
            raise Problem("log-rolled-back", "the database was put back")
        away[0] = False
        signed = any(isinstance(line.event, Noted) and line.event.text == "signed" for line in lines)
        return [] if signed else [Noted("signed")]

    made = conductor(tmp_path, anchor=anchor, attest=attest)
    assert made.conduct().status == "released"
    assert len([note for note in kinds(made, Noted) if "could not be logged" in note.text]) == 1
    assert kinds(made, Anchored)


def test_a_release_does_not_end_before_everything_is_signed(tmp_path: Path) -> None:
    away = [True]

    def attest(_state: Any, _lines: Any) -> list[Any]:
        if away[0]:
            raise Problem("away", "nobody answers")
        return []

    made = conductor(tmp_path, attest=attest)
    assert made.conduct().status == "open"
    away[0] = False
    again = conductor(tmp_path, attest=attest)
    assert again.conduct().status == "released"


def test_whoever_came_for_one_step_signs_what_he_did_before_he_goes(tmp_path: Path) -> None:
    signed: list[int] = []

    def attest(state: Any, _lines: Any) -> list[Any]:
        signed.append(state.seq)
        return []

    made = conductor(tmp_path, attest=attest)
    state = made.conduct(until=lambda state: state.steps["freeze"].status == "done")
    assert signed[-1:] == [state.seq]


def test_times_of_earlier_runs_forecast_the_next(tmp_path: Path) -> None:
    clock = TurnableClock(START)

    def slow(times: int) -> Callable[[StepRun], None]:
        return lambda _run: clock.turn(timedelta(seconds=30) * times)

    journals = []
    for number, times in enumerate((1, 2, 9)):
        toy = words(tmp_path / str(number), before={"stage": slow(times)})
        made = conductor(tmp_path / str(number), toy, clock=clock)
        made.conduct()
        journals.append(made.lines)
    expected = forecast(journals)
    assert set(expected) == set(made.state.steps)
    assert timedelta(seconds=269) < times_of(made.lines)["stage"] < timedelta(seconds=271)
    assert timedelta(seconds=59) < expected["stage"] < timedelta(seconds=61)


def test_the_checks_of_a_step_are_all_in_the_journal(tmp_path: Path) -> None:
    made = conductor(tmp_path)
    made.conduct()
    for step in made.state.pipeline.steps:
        made_of = {event.check for event in kinds(made, Checked) if event.step == step.id and event.ok}
        assert set(step.checks) <= made_of, step.id
        assert "handover" in made_of, step.id


def test_fifteen_trivial_steps_cost_less_than_a_second_of_the_processor(tmp_path: Path) -> None:
    made = conductor(tmp_path)
    began = time.thread_time()
    made.conduct()
    assert time.thread_time() - began < 1.0


def hangs(toy: ToyWords, step: str, clock: TurnableClock, *, done: bool = False) -> threading.Event:
    """The step does not come back before the event is set; its time is up. ``done``: after it was done."""
    let_go, hung = threading.Event(), threading.Event()

    def hang(run: StepRun) -> None:
        if hung.is_set():
            return
        hung.set()
        if done:
            things = {thing.name: thing.digest for things in run.inputs.values() for thing in things}
            toy.outside.change(public=things)
        clock.turn(run.step.timeout + timedelta(minutes=1))
        assert let_go.wait(30)

    toy.before[step] = hang
    return let_go


def test_a_step_that_hangs_is_given_up_when_its_time_is_up_and_what_it_brings_later_is_nothing(tmp_path: Path) -> None:
    clock, toy = TurnableClock(START), words(tmp_path)
    let_go = hangs(toy, "stage", clock)
    made = conductor(tmp_path, toy, clock=clock)
    state = made.conduct()
    assert state.stop is not None
    assert (state.status, state.stop.code, state.stop.step) == ("stopped", "timeout", "stage")
    let_go.set()
    decide(made, Resumed("rm", "the disk is mended"))
    state = made.conduct()
    assert (state.status, state.steps["stage"].attempt) == ("released", 2)
    assert [event.attempt for event in kinds(made, StepDone) if event.step == "stage"] == [2]


@pytest.mark.parametrize("done", [False, True])
def test_of_a_publication_that_hangs_it_is_asked_whether_it_was_done(tmp_path: Path, done: bool) -> None:
    clock, toy = TurnableClock(START), words(tmp_path)
    let_go = hangs(toy, "publish", clock, done=done)
    made = conductor(tmp_path, toy, clock=clock)
    state = made.conduct()
    if not done:
        assert state.stop is not None
        assert (state.status, state.stop.code, state.published_at) == ("stopped", "interrupted", None)
        let_go.set()
        decide(made, Resumed("rm", "the index is back"))
        state = made.conduct()
    let_go.set()
    assert state.status == "released"
    assert (len(kinds(made, Published)), Outside(tmp_path / "outside").times("public")) == (1, 1)


def test_a_step_that_hangs_keeps_its_lease_no_longer_than_its_time(tmp_path: Path) -> None:
    """Else no other machine of its actor could take it up."""
    clock, toy = TurnableClock(START), words(tmp_path)
    let_go, looked, renewed = threading.Event(), threading.Event(), threading.Semaphore(0)

    def hang(run: StepRun) -> None:
        for _ in range(5):
            clock.turn(timedelta(minutes=6))
            assert renewed.acquire(timeout=30)
        clock.turn(run.step.timeout - timedelta(minutes=30) + timedelta(seconds=5))
        for _ in range(2):  # it may have looked just before the clock was turned
            looked.clear()
            assert looked.wait(30)
        clock.turn(timedelta(minutes=1))
        assert let_go.wait(30)

    def changed(_state: object) -> None:
        event = made.lines[-1].event
        if isinstance(event, StepStarted) and event.step == "stage" and len(starts()) > 1:
            renewed.release()

    def starts() -> list[StepStarted]:
        return [one for one in kinds(made, StepStarted) if one.step == "stage"]

    toy.before["stage"] = hang
    made = conductor(tmp_path, toy, clock=clock, changed=changed)
    wait: Callable[[float], None] = made._wait

    def look(seconds: float) -> None:
        wait(seconds)
        looked.set()

    made._wait = look  # type: ignore[method-assign]
    assert made.conduct().status == "stopped"
    let_go.set()
    began = next(line.at for line in made.lines if line.event == starts()[0])
    assert len(starts()) == 6
    assert max(one.lease_until for one in starts()) < began + made.state.pipeline.step("stage").timeout
