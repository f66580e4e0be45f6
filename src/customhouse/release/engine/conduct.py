"""Conducting a run on one machine: what is next, doing it, and writing it down before anybody relies on it.

The journal is all that is kept. `StepStarted` is durable before an action begins; what it made is in the store before
`StepDone` names it; both are appended with the head that was read, so that of two conductors one writes and the other
reads again. Whoever comes after a crash finds steps that have started and not ended, and asks their probes.
"""

from __future__ import annotations

import queue
import shutil
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from customhouse.release import rules
from customhouse.release.actions import Problem, StepRun
from customhouse.release.children import Children
from customhouse.release.engine.anchor import Anchor, is_due
from customhouse.release.engine.halting import StepChildren
from customhouse.release.engine.perform import TIMEOUT, Words, perform
from customhouse.release.events import (
    Anchored,
    Asked,
    Attested,
    Event,
    Finished,
    Noted,
    Published,
    Rebuilt,
    StepDone,
    StepFailed,
    StepStarted,
    Stopped,
    Undone,
)
from customhouse.release.evidence.attest import Attest
from customhouse.release.journal import Journal
from customhouse.release.machine_key import MachineKey
from customhouse.release.moves import Move, Say, Settle, Start, TakeUp, Undo, next_moves, words_at_the_end
from customhouse.release.question import idempotency_key
from customhouse.release.sealed import ENGINE, Said, Sealed
from customhouse.release.sealing import Chain, head_of, seal, verify_lines
from customhouse.release.standing import inputs_of, public
from customhouse.release.state import State, StepState
from customhouse.release.store import Store
from customhouse.terms.clock import Clock, SystemClock
from customhouse.terms.errors import CustomhouseError, Refused

LEASE = timedelta(minutes=10)
POLL_SECONDS = 0.25
MOST_AT_ONCE = 4
HANG_SECONDS = 30.0
"""So long after its time is up a step may take to end what it runs; then nobody waits for it any more."""
_ENDED = ("released", "abandoned")
_TRIES_TO_UNDO = 2


def _nowhere(_where: str) -> None:
    """Tests stop the conductor at places that have names; otherwise it passes them."""


def _silent(_text: str) -> None:
    """Nobody watches."""


def _no_secrets(name: str) -> str:
    raise Problem("no-secret", f"there is no secret {name!r}", place=name)


@dataclass
class Result:
    """What a step's thread has brought: what is to be written, or what has ended it."""

    name: str
    attempt: int
    children: StepChildren
    events: list[Event]
    ended: BaseException | None = None


@dataclass
class _Question:
    """A step's thread asks whether the attempt is still this machine's, and waits for the answer."""

    name: str
    attempt: int
    children: StepChildren
    answered: threading.Event = field(default_factory=threading.Event)
    no: Problem | None = None


@dataclass(frozen=True)
class Working:
    """An attempt that this process is at."""

    children: StepChildren
    began: datetime | None = None
    """When this process began it; None: it is another's, that is built once more here."""
    settling: bool = False
    """Whether it is only asked about: no stop ends that."""


@dataclass
class Conductor:
    """One process that conducts one run."""

    journal: Journal
    store: Store
    key: MachineKey
    """Of the engine: the journal is sealed by it."""
    work: Path
    """Folder of attempts and of the clone; this machine's own."""
    machine: str = field(default_factory=socket.gethostname)
    """Whose leases are ours. Two conductors of one machine must not run at once: the run's folder is locked."""
    clock: Clock = field(default_factory=SystemClock)
    children: Children = field(default_factory=Children)
    tell: Callable[[str], None] = _silent
    secrets: Callable[[str], str] = _no_secrets
    words: Words = field(default_factory=Words)
    anchor: Anchor | None = None
    attest: Attest | None = None
    """Says under signature what the journal tells (`evidence.attest.attested_by`), where a Sigstore is known."""
    answer: Callable[[Conductor], bool] | None = None
    """Called when people are waited for; returns whether it has said something. A rehearsal answers so."""
    at: Callable[[str], None] = _nowhere
    wait: bool = False
    """Whether to wait for people, rather than to return."""
    lease: timedelta = LEASE
    watch: bool = True
    """Whether refs are looked at every few seconds."""
    changed: Callable[[State], None] = lambda _state: None
    """Called whenever there are new lines."""

    _chain: Chain = field(default_factory=Chain)
    _state: State | None = None
    _lines: list[Sealed] = field(default_factory=list)
    _working: dict[tuple[str, int], Working] = field(default_factory=dict)
    """By step and number of the attempt."""
    _results: queue.Queue[Result | _Question] = field(default_factory=queue.Queue)
    _seen: queue.Queue[list[Event]] = field(default_factory=queue.Queue)
    _unanchored: bool = False
    """Whether the log was away when it was last asked."""
    _attested: int = 0
    """How many lines there were when nothing was left to be said of them, or when the Sigstore was away."""
    _unattested: bool = False
    """Whether the Sigstore was away when it was last asked."""
    _held: bool = False
    """Whether everything is done, and the end waits for a Sigstore that is away."""
    _failed_undo: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """The run as its journal was when it was last read."""
        if self._state is None:
            self.catch_up()
        assert self._state is not None  # noqa: S101 - catch_up raises where there is none
        return self._state

    @property
    def lines(self) -> Sequence[Sealed]:
        """The journal, as far as it was read and verified."""
        return tuple(self._lines)

    def catch_up(self) -> State:
        """Read, verify and fold what others have written; raises `Rejected` or `Refused` for what may not be there."""
        new = self.journal.read(self._chain.head.seq)
        if new:
            if self._state is None and not self._chain.engine_key:
                self._chain = Chain(engine_key=self.key.public)
            for line in new:
                verify_lines([line], self._chain)
                self._state = rules.begin(line) if self._state is None else rules.apply(self._state, line)
                self._lines.append(line)
            assert self._state is not None  # noqa: S101 - there was a line
            self.changed(self._state)
        if self._state is None:
            raise Refused("no-run", "There is no run here: its journal is empty.", status=404)
        return self._state

    def say(self, events: Sequence[Event], *, by: str = ENGINE, said: Said | None = None) -> State:
        """Append events, all or none; raises `Refused` if the rules say no, or if somebody else has written."""
        state, head, lines = self.state, self._chain.head, []
        for event in events:
            at = max(self.clock.now(), state.at) if state.at else self.clock.now()
            line = seal(event, run=state.run, head=head, at=at, by=by, key=self.key, said=said)
            state, head = rules.apply(state, line), head_of(line)
            lines.append(line)
        kinds = ",".join(event.kind for event in events)
        self.at(f"before append: {kinds}")
        self.journal.append(lines, self._chain.head)
        self.at(f"after append: {kinds}")
        return self.catch_up()

    def conduct(self, until: Callable[[State], bool] = lambda _state: False) -> State:
        """Go on until the run has ended, stands still, or waits for people (and ``wait`` is not set)."""
        for found in self.catch_up().steps.values():
            if found.status == "done":
                self._clear(found.id, found.attempt)
        stop = threading.Event()
        watcher = self._watcher(stop)
        try:
            while not self._over(until) and self._go_on():
                pass
            while self._working:
                self._wait(POLL_SECONDS)
                self._renew(self.clock.now())
                self._give_up_what_hangs()
            # Whoever came for one step goes after it; nobody else can sign what he did.
            while until(self.state) and self._attest_if_owed():
                pass
        finally:
            # Something ended this process' work: what still ran is not written down, so the next one asks its probe.
            stop.set()
            self._drop_what_runs()
            if watcher is not None:
                watcher.join()
        return self.state

    def _drop_what_runs(self) -> None:
        for one in self._working.values():
            one.children.halt()
        while self._working:
            try:
                found = self._results.get(timeout=HANG_SECONDS)
            except queue.Empty:
                return
            if isinstance(found, _Question):
                self._refuse(found, "this process ends")
            else:
                self._working.pop((found.name, found.attempt), None)

    def _over(self, until: Callable[[State], bool]) -> bool:
        return self.state.status in _ENDED or until(self.state)

    def _go_on(self) -> bool:
        """One round; False when nothing is left that this process could do."""
        self.catch_up()
        if self._take_what_is_there():
            return True
        self._halt_what_is_over()
        self._give_up_what_hangs()
        if self._attest_if_owed() or self._anchor_if_due():
            return True
        if self._move():
            return True
        if self._working:
            self._wait(POLL_SECONDS)
            return True
        if self.state.status in _ENDED or self._held:
            return False
        if self._answered():
            return True
        if self.wait:
            self._wait(POLL_SECONDS)
            return True
        return False

    def _answered(self) -> bool:
        """Whether somebody who stands by has said something, or was overtaken by somebody else."""
        try:
            return self.answer is not None and self.answer(self)
        except Refused as refusal:
            if refusal.code != "journal-moved":
                raise
            return True

    def _halt_what_is_over(self) -> None:
        """When something was tampered with, the run is abandoned, or the attempt is another's or counts no more."""
        state = self.state
        grave = state.stop is not None and rules.why_not_resumed(state.stop) != ""
        for (name, attempt), one in self._working.items():
            if one.settling:
                continue
            left = state.status == "aborting" and not state.pipeline.step(name).always
            if grave or left or self._is_lost(name, attempt):
                one.children.halt()

    def _is_lost(self, name: str, attempt: int) -> bool:
        """Whether what this process is at has been taken over by another machine, or counts no more."""
        found = self.state.steps[name]
        if self._working[name, attempt].began is None:
            return found.attempt != attempt
        return not self._holds(found, attempt)

    def _holds(self, found: StepState, attempt: object) -> bool:
        """Whether this attempt counts, runs, and has this machine's lease."""
        return (found.attempt, found.status, found.machine) == (attempt, "running", self.machine)

    def _give_up_what_hangs(self) -> None:
        """A step whose time is long up and that does not end: it has failed, and what its thread still brings is none.

        Where strangers may see what it did, they are asked first; its thread does nothing more that they could see.
        """
        now = self.clock.now()
        for (name, attempt), one in list(self._working.items()):
            step = self.state.pipeline.step(name)
            if one.settling or one.began is None:
                continue
            if now < one.began + step.timeout + timedelta(seconds=HANG_SECONDS):
                continue
            lost = self._is_lost(name, attempt)
            self._working.pop((name, attempt)).children.halt()
            if lost:
                continue
            why = f"it was not done after {step.timeout}, and does not end"
            self.tell(f"{step.number or name} {step.title}: {why}")
            if public(step):
                self._begin(name, attempt, settle=True)
            else:
                self._append([StepFailed(name, attempt, TIMEOUT, why)])

    def _move(self) -> bool:
        """Make the first move that can be made; whether there was one."""
        now = self.clock.now()
        self._renew(now)
        moves = self._ours(now) + next_moves(self.state, now)
        return any(self._make(move, now) for move in moves)

    def _ours(self, now: datetime) -> list[Move]:
        """Steps that an earlier process of this machine has begun: nobody is at them, whatever their lease says.

        Where the run does not go on, what strangers may have seen is still written down, and nothing is done any more.
        """
        state = self.state
        left = [
            one
            for one in state.steps.values()
            if one.status == "running" and one.machine == self.machine and (one.id, one.attempt) not in self._working
            if one.lease_until is not None and now < one.lease_until
        ]
        if state.status == "open":
            return [TakeUp(one.id, one.attempt) for one in left]
        if state.status not in ("stopped", "aborting"):
            return []
        goes_on = {step.id for step in state.pipeline.steps if step.always and state.status == "aborting"}
        return [
            TakeUp(one.id, one.attempt) if one.id in goes_on else Settle(one.id, one.attempt)
            for one in left
            if one.id in goes_on or public(state.pipeline.step(one.id))
        ]

    def _make(self, move: Move, now: datetime) -> bool:
        try:
            match move:
                case Say(event):
                    if isinstance(event, Finished) and not self._all_is_signed(event):
                        return False
                    self._told(event)
                    self.say(words_at_the_end(self.state, event) if isinstance(event, Finished) else [event])
                    return True
                case Undo(step, attempt):
                    return self._undo(step, attempt)
                case Start(step, attempt) | TakeUp(step, attempt):
                    if (step, attempt) in self._working or len(self._working) >= MOST_AT_ONCE:
                        return False
                    self._start(step, attempt, now, take_up=isinstance(move, TakeUp))
                    return True
                case Settle(step, attempt):
                    if (step, attempt) in self._working:
                        return False
                    self._settle(step, attempt, now)
                    return True
        except Refused as refusal:
            if refusal.code != "journal-moved":
                raise
            self.catch_up()
            return True

    def _start(self, name: str, attempt: int, now: datetime, *, take_up: bool) -> None:
        self.say([self._lease_of(name, attempt, now)])
        self._begin(name, attempt, take_up=take_up)

    def _settle(self, name: str, attempt: int, now: datetime) -> None:
        """Whoever asks whether it was done is the one who says so: the lease is his, from its end on."""
        found = self.state.steps[name]
        if found.machine != self.machine or found.lease_until is None or now >= found.lease_until:
            self.say([self._lease_of(name, attempt, now)])
        self._begin(name, attempt, settle=True)

    def _lease_of(self, name: str, attempt: int, now: datetime) -> StepStarted:
        """The step is this machine's: from its start, from its last lease on, or from the end of another's lease."""
        inputs = inputs_of(self.state, self.state.pipeline.step(name))
        key = idempotency_key(self.state.run, name, attempt)
        return StepStarted(name, attempt, self.machine, now + self.lease, key, inputs)

    def _begin(self, name: str, attempt: int, *, take_up: bool = False, settle: bool = False) -> None:
        children = StepChildren(self.children)
        self._working[name, attempt] = Working(children, self.clock.now(), settle)
        run = self.step_run(self.state, self.state.steps[name], children)
        run = replace(run, held=partial(self._must_be_held, name, attempt, children))
        how = " (was it done?)" if settle else " (taken up again)" if take_up else ""
        self.tell(f"{run.step.number or name} {run.step.title}{how}")
        thread = threading.Thread(target=self._work, args=(run, children, take_up, settle), name=name, daemon=True)
        thread.start()

    def _must_be_held(self, name: str, attempt: int, children: StepChildren) -> None:
        """Asks, from a step's thread, whoever reads and writes the journal here; raises `Problem`."""
        question = _Question(name, attempt, children)
        self._results.put(question)
        while not question.answered.wait(POLL_SECONDS):
            if children.stop.is_set():
                raise Problem("halted", "the step was ended from outside", place=name)
        if question.no is not None:
            raise question.no

    def _is_at(self, word: Result | _Question) -> bool:
        """Whether it comes from what this process is at now."""
        found = self._working.get((word.name, word.attempt))
        return found is not None and found.children is word.children

    def _answer(self, question: _Question) -> None:
        """By the journal as it is now; with less than half of its lease left, the attempt is made ours for longer."""
        name, attempt = question.name, question.attempt
        self.catch_up()
        if not self._is_at(question) or self._is_lost(name, attempt):
            found = self.state.steps[name]
            self._refuse(question, f"{found.machine} is at attempt {found.attempt} now ({found.status})")
            return
        if question.children.stop.is_set():
            self._refuse(question, "it was ended from outside")
            return
        try:
            self._renew(self.clock.now())
        except Refused as refusal:
            self._refuse(question, refusal.sentence)
            return
        until = self.state.steps[name].lease_until
        if self._is_lost(name, attempt) or until is None or self.clock.now() >= until:
            self._refuse(question, "its lease is over")
            return
        question.answered.set()

    @staticmethod
    def _refuse(question: _Question, why: str) -> None:
        question.no = Problem(
            "lease-lost", why, "an attempt that is this machine's", place=question.name,
            next_step="Nothing was done here; whose attempt it is says how it ends.",
        )  # fmt: skip
        question.answered.set()

    def _work(self, run: StepRun, children: StepChildren, take_up: bool, settle: bool) -> None:
        """The body of a step's thread. Whatever stops it, its end is told."""
        name = run.step.id
        events: list[Event] = []
        ended: BaseException | None = None
        try:
            self.at(f"before do: {name}")
            alone = "room" not in run.places
            events = perform(
                run, words=self.words, take_up=take_up, rebuild=alone, only_probe=settle,
                after_do=lambda: self.at(f"after do: {name}"),
            )  # fmt: skip
            self.at(f"after all: {name}")
        except BaseException as error:  # noqa: BLE001 - the process ends, and not only this thread
            ended = error
        finally:
            self._results.put(Result(name, run.attempt, children, events, ended))

    def _take_what_is_there(self) -> bool:
        """Write down what threads have brought; whether there was something."""
        some = False
        while not self._results.empty():
            self._take_result(self._results.get())
            some = True
        while not self._seen.empty():
            self._append(self._seen.get())
            some = True
        return some

    def _wait(self, seconds: float) -> None:
        try:
            self._take_result(self._results.get(timeout=seconds))
        except queue.Empty:
            return

    def _take_result(self, result: Result | _Question) -> None:
        """Write down how a step has ended. What no rule allows any more is not written: it is asked for again."""
        if isinstance(result, _Question):
            self._answer(result)
            return
        name, attempt, events = result.name, result.attempt, result.events
        if not self._is_at(result):
            return  # it was given up; others have been told so
        self._working.pop((name, attempt))
        if result.ended is not None:
            raise result.ended
        if events:
            self._append(events)
            if isinstance(events[-1], StepDone):
                self._clear(name, attempt)

    def _append(self, events: Sequence[Event]) -> None:
        while True:
            try:
                self.say(events)
            except Refused as refusal:
                if refusal.code == "journal-moved":
                    self.catch_up()
                    continue
                self._not_written(events, refusal)
            return

    def _not_written(self, events: Sequence[Event], refusal: Refused) -> None:
        """The rules say no to what a step has made: the step has failed, if it still runs, and the run stands still.

        What is of an attempt that is another's by now, or counts no more, is left unsaid. Raises `Refused` when nothing
        may be said at all: a journal that is full takes nothing more.
        """
        step, attempt = (getattr(events[-1], one, None) for one in ("step", "attempt"))
        self.tell(f"not written down: {refusal.sentence}")
        self.catch_up()
        found = self.state.steps.get(step) if isinstance(step, str) else None
        ours = found is not None and self._holds(found, attempt)
        if isinstance(events[-1], StepFailed) and (ours or found is None):
            raise refusal
        if self.state.status == "open" and found is not None and ours:
            self._append([StepFailed(found.id, found.attempt, refusal.code, refusal.sentence)])

    def _renew(self, now: datetime) -> None:
        """Long steps keep their lease, until their time is up: one that hangs keeps nobody from it.

        What this machine builds once more is another's step, and its lease too.
        """
        for (name, attempt), one in list(self._working.items()):
            found = self.state.steps[name]
            if one.began is None or found.lease_until is None or self._is_lost(name, attempt):
                continue
            if now >= one.began + self.state.pipeline.step(name).timeout:
                continue
            if found.lease_until - now < self.lease / 2 and self.state.status in ("open", "aborting", "stopped"):
                self._append([self._lease_of(name, attempt, now)])

    def _undo(self, name: str, attempt: int) -> bool:
        """Take back what an attempt did; what cannot be taken back stops the run, or is told when it is abandoned."""
        state = self.state
        found, then = self._as_it_was(name, attempt)
        step = state.pipeline.step(name)
        self.tell(f"{step.number or name} {step.title}: taking it back")
        run = self.step_run(then, found, StepChildren(self.children))
        try:
            self.at(f"before undo: {name}")
            result = self.words.action(step.uses).undo(run)
            self.at(f"after undo: {name}")
        except (Problem, CustomhouseError) as problem:
            tries = self._failed_undo[name, attempt] = self._failed_undo.get((name, attempt), 0) + 1
            if tries < _TRIES_TO_UNDO:
                return True
            self._failed_undo.pop((name, attempt))
            if state.status == "aborting":
                result = f"not undone: {problem}"
            else:
                self.say([Stopped("undo-failed", str(problem), f"attempt {attempt} of {name} taken back", name)])
                return True
        self.say([Undone(name, attempt, result)])
        return True

    def _as_it_was(self, name: str, attempt: int) -> tuple[StepState, State]:
        """The step's attempt, and the run's state while it counted."""
        found = self.state.steps[name]
        if found.attempt == attempt:
            return found, self.state
        then, before = None, None
        for line in self._lines:
            after = rules.begin(line) if then is None else rules.apply(then, line)
            if then is not None and then.steps[name].attempt == attempt != after.steps[name].attempt:
                before = then
            then = after
        assert before is not None  # noqa: S101 - the state owes an attempt that its journal tells of
        return before.steps[name], before

    def step_run(self, state: State, found: StepState, children: Children) -> StepRun:
        """What an action is given for this attempt."""
        step = state.pipeline.step(found.id)
        folder = self._folder(found.id, found.attempt)
        folder.mkdir(parents=True, exist_ok=True)
        params: Mapping[str, str] = {**state.params, "tag": state.pipeline.tag, "project": state.pipeline.project}
        return StepRun(
            run=state.run, step=step, attempt=found.attempt,
            idempotency_key=found.idempotency_key or idempotency_key(state.run, found.id, found.attempt),
            pipeline=state.pipeline, params=params, places=state.places, state=state, inputs=found.inputs,
            store=self.store, folder=folder, repository=self.work / "source", children=children, clock=self.clock,
            tell=lambda text: self.tell(f"  {found.id}: {text}"), secrets=self.secrets,
            grant=found.grants[0] if found.grants else None, journal=lambda: tuple(self.journal.read()),
        )  # fmt: skip

    def _clear(self, name: str, attempt: int) -> None:
        """Take away the folders of an attempt that is over: its own, and those of its rebuilders."""
        folder = self._folder(name, attempt)
        for one in (folder, *folder.parent.glob(f"{folder.name}.*")):
            shutil.rmtree(one, ignore_errors=True)

    def _folder(self, name: str, attempt: int) -> Path:
        return self.work / "steps" / f"{name}.{attempt}"

    def _attest_if_owed(self) -> bool:
        """Say what is owed, where somebody signs here. A Sigstore that is away is asked again after the next step."""
        if self.attest is None or self.state.status in _ENDED:
            return False
        new = self._lines[self._attested :]
        if not any(isinstance(line.event, StepStarted | StepDone | Rebuilt | Published | Attested) for line in new):
            return False
        self._attested = len(self._lines)
        events: Sequence[Event]
        try:
            events = self.attest(self.state, self._lines)
            self._unattested = False
            if events:
                # What was just signed stands in the log: it takes heads again, too.
                self._unanchored = False
        except (Problem, CustomhouseError) as problem:
            events = [] if self._unattested else [Noted(f"Nothing could be said under signature: {problem}")]
            self._unattested = True
        if events:
            self._append(events)
        return bool(events)

    def _all_is_signed(self, event: Finished) -> bool:
        """A release ends when everything that is known of it is signed, where it is to be."""
        if event.outcome != "released" or not self._unattested:
            return True
        self._attested = 0
        while self._attest_if_owed():
            pass
        if self._unattested:
            self.tell("Everything is done, and not everything is signed: run it again when the Sigstore answers.")
            self._held = True
        return not self._unattested

    def _anchor_if_due(self) -> bool:
        """Log the head where a log is known. A log that is away does not stop a release; the journal says so."""
        if self.anchor is None or self._unanchored or self.state.status in _ENDED or not is_due(self._lines):
            return False
        event: Event
        try:
            event = self.anchor(self.state.pipeline, self._lines)
        except Problem as problem:
            self._unanchored = True
            event = Noted(f"The journal's head could not be logged: {problem}")
        self._append([event])
        return isinstance(event, Anchored)

    def _watcher(self, stop: threading.Event) -> threading.Thread | None:
        """A thread that looks at the refs that must not move."""
        if not self.watch or not any(step.watch for step in self.state.pipeline.steps):
            return None
        from customhouse.release.git.watch import Watcher, Watching  # noqa: PLC0415 - only where refs are watched

        watcher = Watcher(Watching(lambda: self.state, self.children, self.secrets, self.work / "watch"))
        thread = threading.Thread(target=watcher.run, args=(stop, self._seen.put), name="watch", daemon=True)
        thread.start()
        return thread

    def _told(self, event: Event) -> None:
        match event:
            case Finished(outcome):
                self.tell(f"the run is {outcome}")
            case Asked(step, _, _, ask, need, quorum):
                self.tell(f"asks {quorum} of {', '.join(need)}: {ask}")
                if not self.state.rehearsal:  # where people are played
                    self.tell(f"  customhouse release approve {self.state.run} {step}")
            case Stopped():
                self.tell(f"STOP ({event.code}): {event.saw}; expected {event.expected}")
            case _:
                return
