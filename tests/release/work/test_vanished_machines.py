"""A machine at a room vanishes inside a step that strangers see: the run comes to its end, and nothing is done twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from clock import TurnableClock
from customhouse.release.actions import Check, Look, Outcome, StepRun, Tampered
from customhouse.release.engine.perform import Words
from customhouse.release.events import Event, Noted, Published, StepDone, StepFailed, StepStarted, Undone
from customhouse.release.standing import flat
from customhouse.release.state import State
from customhouse.release.work.http_journal import HttpJournal
from customhouse.release.work.http_store import HttpStore
from customhouse.release.work.room_door import Place, RoomDoor
from customhouse.release.work.worker import LEFT_FOR, Worker
from meeting import Machine, Meeting, meeting

pytestmark = pytest.mark.slow
E = TypeVar("E", bound=Event)
WAIT_SECONDS = 30
LEASE, PATIENCE = timedelta(minutes=5, seconds=1), timedelta(minutes=16)
STEPS = """\
[environments.upstream]
title = "Upstream"
kind = "forge"
writers = ["ci-a"]
[[steps]]
id = "build"
title = "Build"
actor = "ci-a"
env = "ci"
uses = "exec"
run = ["make"]
out = ["dists"]
[[steps]]
id = "stage"
title = "Stage"
actor = "ci-a"
env = "index"
uses = "index.stage"
in = ["dists"]
[[steps]]
id = "publish"
title = "Publish"
actor = "ci-a"
env = "index"
uses = "index.publish"
in = ["dists"]
after = ["stage"]
no_return = true
[[steps]]
id = "push-last"
title = "Push the tag, last"
actor = "ci-a"
env = "upstream"
uses = "git.push_last"
after = ["publish"]
"""


IN_THE_CLONE = """\
[[steps]]
id = "polish"
title = "Change what was cloned"
actor = "ci-a"
env = "ci"
uses = "exec"
run = ["true"]
after = ["build"]
"""


class Gone(BaseException):
    """The power is off: nothing catches it."""


@dataclass
class Outside:
    """An index and a forge. The same bytes once more are no other release."""

    deeds: list[str] = field(default_factory=list)
    public: dict[str, str] = field(default_factory=dict)
    staged: bool = False
    keys: set[str] = field(default_factory=set)
    """By which it was told to publish: the same for one attempt, whoever acts."""

    def publish(self, run: StepRun) -> None:
        wanted = {thing.name: thing.digest for thing in flat(run.inputs)}
        self.keys.add(run.idempotency_key)
        if self.public != wanted:
            assert not self.public, "other bytes"
            self.public = wanted
            self.deeds.append("published")


@dataclass
class Deed:
    """One word, done outside."""

    outside: Outside
    meanwhile: Callable[[StepRun], None] = lambda _run: None
    """Called between the last question and the deed."""

    def do(self, run: StepRun) -> Outcome:
        match run.step.uses:
            case "exec" if run.step.outputs:
                path = run.folder / f"demo-{run.params['version']}.tar.gz"
                path.write_text("what was built")
                return Outcome({"dists": run.put(path)})
            case "index.stage":
                self.outside.staged = True
            case "index.publish":
                run.held()
                self.meanwhile(run)
                self.outside.publish(run)
            case "git.push_last":
                self.outside.deeds.append("tagged")
        return self._found(run)

    def probe(self, run: StepRun) -> Outcome | None:
        if run.step.uses == "index.publish":
            wanted = {thing.name: thing.digest for thing in flat(run.inputs)}
            if self.outside.public and self.outside.public != wanted:
                raise Tampered("published-others", "other bytes", "what was tested", place="index")
            return self._found(run) if self.outside.public else None
        if run.step.uses == "git.push_last" and "tagged" in self.outside.deeds:
            return self._found(run)
        return None

    def undo(self, _run: StepRun) -> str:
        self.outside.staged = False
        return "undone"

    @staticmethod
    def _found(run: StepRun) -> Outcome:
        if run.step.uses != "index.publish":
            return Outcome()
        return Outcome(events=(Published(run.step.id, run.attempt, "https://index.example", flat(run.inputs)),))


class Fine:
    """A check that holds."""

    def look(self, _run: StepRun, _outcome: Outcome | None) -> Look:
        return Look("handover", True, "", "")


@dataclass
class Acts(Words):
    """What the words mean to one machine."""

    deed: Deed

    def action(self, _name: str) -> Deed:
        return self.deed

    def check(self, _name: str) -> Check:
        return Fine()


@dataclass
class Yard:
    """A room, and one run of it."""

    here: Meeting
    clock: TurnableClock
    folder: Path
    number: int = 0
    outside: Outside = field(default_factory=Outside)

    def open(self, steps: str = STEPS) -> Outside:
        """A fresh run with a fresh world outside."""
        self.number += 1
        self.outside = Outside()
        head = self.here.pipeline(number=self.number).partition("[[steps]]")[0]
        opened = self.here.open(text=head + steps, number=self.number, version=f"{self.number}.0")
        assert opened.status_code == 201, opened.text
        assert self.here.decide("rosa", "confirm").is_success
        return self.outside

    def machine(self) -> Machine:
        return self.here.machine("ci-a")

    def worker(self, machine: Machine, **more: Callable[[StepRun], None]) -> Worker:
        """The machine's program, started or started again."""
        folder = self.folder / f"{self.number}-{machine.key.public[:8]}"
        door = RoomDoor(Place(str(self.here.client.base_url).rstrip("/"), self.here.run), token=machine.token)
        door.close()
        door._client = self.here.client
        journal = HttpJournal(door, machine.actor, machine.key)
        return Worker(
            journal=journal, room=journal, store=HttpStore(door, folder / "objects"), key=machine.key,
            work=folder / "work", machine=f"ci-a@{machine.key.public[:8]}", actor=machine.actor, clock=self.clock,
            words=Acts(Deed(self.outside, **more)), watch=False, engine_key=self.here.state.engine_key,
        )  # fmt: skip

    def vanishes(self, machine: Machine, place: str) -> None:
        """The machine works until it comes to this place, and is gone."""
        worker = self.worker(machine)

        def off(where: str) -> None:
            if where == place:
                raise Gone(where)

        worker.at = off
        with pytest.raises(Gone):
            worker.conduct(until=ended)
        assert self.here.state.steps["publish"].status == "running"

    def later(self, by: timedelta) -> State:
        self.clock.turn(by)
        self.here.world.app.room.wake()
        return self.here.state

    def lines(self, kind: type[E]) -> list[E]:
        return [line.event for line in self.here.lines if isinstance(line.event, kind)]


@pytest.fixture(scope="module")
def stood(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder, clock = tmp_path_factory.mktemp("vanished"), TurnableClock()
    with meeting(request, folder, clock) as made:
        yield Yard(made, clock, folder)


@pytest.fixture
def yard(stood: Yard) -> Yard:
    return stood


def ended(state: State) -> bool:
    return state.status in ("released", "abandoned") or (
        state.status == "stopped" and state.stop is not None and state.stop.code != "machine-gone"
    )


BEFORE, AFTER = "before do: publish", "after do: publish"
CASES = (
    (BEFORE, "1 minute", False), (AFTER, "1 minute", False), (AFTER, "lease", False), (BEFORE, "lease", True),
    (BEFORE, "given up", False), (AFTER, "given up", True),
)  # fmt: skip
"""Where it vanishes, when somebody comes, and whether that is another machine of its actor."""


def released_once(yard: Yard, state: State) -> None:
    assert state.status == "released", state.stop
    assert yard.outside.deeds == ["published", "tagged"]
    assert {name: one.attempt for name, one in state.steps.items()} == dict.fromkeys(state.steps, 1)
    assert yard.outside.keys == {state.steps["publish"].idempotency_key}
    assert len(yard.lines(Published)) == 1
    assert [one.step for one in yard.lines(StepDone)] == ["build", "stage", "publish", "push-last"]
    assert not yard.lines(StepFailed)


def test_whoever_comes_after_a_machine_that_vanished_asks_first_and_the_release_ends_as_if_nothing_had_been(
    yard: Yard,
) -> None:
    for place, away, other in CASES:
        yard.open()
        first = yard.machine()
        yard.vanishes(first, place)
        assert yard.outside.deeds == (["published"] if place == AFTER else [])
        by = {"1 minute": timedelta(minutes=1), "lease": LEASE, "given up": PATIENCE}[away]
        state = yard.later(by)
        assert (state.status == "stopped") == (away == "given up")
        if away == "given up":
            assert state.stop is not None
            assert (state.stop.code, state.stop.step) == ("machine-gone", "publish")
            assert state.steps["publish"].status == "running"
        second = yard.machine() if other else first
        state = yard.worker(second).conduct(until=ended)
        released_once(yard, state)
        assert state.steps["publish"].recovered == (place == AFTER)
        assert state.steps["publish"].machine == f"ci-a@{second.key.public[:8]}"


def test_no_other_machine_begins_before_the_lease_is_over(yard: Yard) -> None:
    yard.open()
    yard.vanishes(yard.machine(), BEFORE)
    yard.later(timedelta(minutes=4))
    other = yard.worker(yard.machine())
    other.wait = False
    assert other.conduct().steps["publish"].status == "running"
    assert not yard.outside.deeds
    yard.later(LEASE)
    released_once(yard, other.conduct(until=ended))


def test_what_is_done_in_a_clone_goes_on_where_the_clone_is_unless_that_machine_says_nothing_more(yard: Yard) -> None:
    for gone in (False, True):
        yard.open(STEPS + IN_THE_CLONE)
        first, second = yard.machine(), yard.machine()
        yard.worker(first).conduct(until=lambda state: state.steps["build"].status == "done")
        other = yard.worker(second)
        other.wait = False
        state = other.conduct(until=ended)
        # Nothing keeps it from what needs no clone.
        assert state.steps["stage"].machine.endswith(second.key.public[:8])
        assert state.steps["polish"].status == "waiting"
        if gone:
            yard.later(LEFT_FOR)
        state = (other if gone else yard.worker(first)).conduct(until=lambda at: at.steps["polish"].status == "done")
        assert state.steps["polish"].machine.endswith((second if gone else first).key.public[:8])


def test_a_machine_that_wakes_up_late_does_nothing_and_its_word_is_not_taken(yard: Yard) -> None:
    yard.open()
    for passed in (False, True):
        # Asleep before it asks whether the attempt is still its own; and, the worst case, right after it was told so.
        if passed:
            yard.open()
        asleep, awake = threading.Event(), threading.Event()

        def sleeps(_of: object, asleep: threading.Event = asleep, awake: threading.Event = awake) -> None:
            asleep.set()
            assert awake.wait(WAIT_SECONDS)

        first, second = yard.machine(), yard.machine()
        late = yard.worker(first, **({"meanwhile": sleeps} if passed else {}))
        if not passed:
            late.at = lambda where, sleeps=sleeps: sleeps(where) if where == BEFORE else None  # type: ignore[misc]
        renew, late._renew = late._renew, lambda now: None  # type: ignore[method-assign] # noqa: ARG005 - the whole machine sleeps
        ends: list[State] = []
        thread = threading.Thread(target=lambda late=late, ends=ends: ends.append(late.conduct(until=ended)))
        thread.start()
        assert asleep.wait(WAIT_SECONDS)
        yard.later(LEASE)
        held = yard.worker(second)
        held.conduct(until=lambda state: state.steps["publish"].status == "done")
        late._renew = renew  # type: ignore[method-assign]
        awake.set()
        held.conduct(until=ended)
        thread.join(WAIT_SECONDS)
        assert [one.status for one in ends] == ["released"]
        released_once(yard, yard.here.state)
        taken = next(
            number for number, line in enumerate(yard.here.lines)
            if isinstance(line.event, StepStarted) and line.said and line.said.key == second.key.public
        )  # fmt: skip
        assert not [
            line.event for line in yard.here.lines[taken:]
            if line.said and line.said.key == first.key.public and getattr(line.event, "step", "") == "publish"
        ]  # fmt: skip


def test_where_other_bytes_are_public_the_run_stops_and_goes_on_for_nobody(yard: Yard) -> None:
    yard.open()
    yard.vanishes(yard.machine(), BEFORE)
    yard.outside.public = {f"demo-{yard.number}.0.tar.gz": "0" * 64}
    yard.later(LEASE)
    state = yard.worker(yard.machine()).conduct(until=ended)
    assert state.stop is not None
    assert (state.stop.code, state.stop.step) == ("tampered:published-others", "publish")
    assert state.published_at is None
    assert yard.here.decide("rosa", "resume", why="never mind").status_code == 403


def test_nothing_else_is_built_before_somebody_has_looked_whether_it_is_public(yard: Yard) -> None:
    yard.open()
    yard.vanishes(yard.machine(), AFTER)
    assert yard.later(PATIENCE).status == "stopped"
    answer = yard.here.decide("rosa", "restart", step="build", why="the machine is burnt")
    assert answer.status_code == 409
    assert "Start a machine of ci-a" in answer.text
    # Whoever lets it go on waits once more.
    assert yard.here.decide("rosa", "resume", why="it will be repaired").is_success
    assert yard.later(timedelta(minutes=9)).status == "open"
    assert yard.later(timedelta(minutes=2)).status == "stopped"
    released_once(yard, yard.worker(yard.machine()).conduct(until=ended))


def test_who_abandons_a_run_whose_machine_vanished_hears_whether_it_is_public(yard: Yard) -> None:
    for place in (BEFORE, AFTER):
        outside = yard.open()
        yard.vanishes(yard.machine(), place)
        yard.later(PATIENCE)
        assert yard.here.decide("rosa", "abort", why="not today").is_success
        state = yard.later(timedelta(hours=1))
        assert state.status == "aborting", "nobody has looked"
        assert "Start one if none runs" in str(yard.lines(Noted)[-1])
        assert outside.staged
        state = yard.worker(yard.machine()).conduct(until=ended)
        assert (state.status, outside.staged) == ("abandoned", False)
        kinds = [line.event.kind for line in yard.here.lines]
        looked = kinds.index("published" if place == AFTER else "step-failed")
        assert looked < kinds.index(Undone.kind), "it is looked at before anything is taken back"
        if place == AFTER:
            assert state.published_at is not None
            assert "It is public since" in str(yard.lines(Noted)[-1])
            assert outside.deeds == ["published"]
        else:
            assert [(one.step, one.code) for one in yard.lines(StepFailed)] == [("publish", "interrupted")]
            assert state.published_at is None
            assert "It is public" not in str(yard.lines(Noted)[-1])
            assert not outside.deeds


def test_a_vanished_builder_of_what_nobody_sees_is_taken_up_too(yard: Yard) -> None:
    yard.open()
    worker = yard.worker(yard.machine())

    def off(where: str) -> None:
        if where == "before do: build":
            raise Gone

    worker.at = off
    with pytest.raises(Gone):
        worker.conduct()
    assert yard.later(PATIENCE).status == "stopped"
    released_once(yard, yard.worker(yard.machine()).conduct(until=ended))


def test_a_step_that_was_given_up_by_a_restart_ends_no_machine(yard: Yard) -> None:
    yard.open()
    working, restarted = threading.Event(), threading.Event()
    worker = yard.worker(yard.machine())
    deed = worker.words.action("exec").do

    def slow(run: StepRun) -> Outcome:
        if run.step.id == "build" and run.attempt == 1:
            working.set()
            assert restarted.wait(WAIT_SECONDS)
        return deed(run)

    worker.words.action("exec").do = slow  # type: ignore[method-assign]
    ends: list[State] = []
    thread = threading.Thread(target=lambda: ends.append(worker.conduct(until=ended)))
    thread.start()
    assert working.wait(WAIT_SECONDS)
    assert yard.here.decide("rosa", "restart", step="build", why="another commit").is_success
    restarted.set()
    thread.join(WAIT_SECONDS)
    assert [one.status for one in ends] == ["released"]
    assert ends[0].steps["build"].attempt == 2
