"""A machine that works for one actor at a release room: it takes the steps that are the actor's, and says what it made.

It is the conductor (`engine.conduct`) of one machine's steps only: what comes next, it computes from the journal; what
it does, it says under its own key; what is for the server to say, the server says. A step that it had begun before it
was killed is taken up again by its probe. Secrets of the machine stay on it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from customhouse.release.actions import Outcome, Problem, StepRun, Tampered
from customhouse.release.engine.conduct import Conductor, Result, Working
from customhouse.release.engine.halting import StepChildren
from customhouse.release.events import Event, Noted, Rebuilt, StepStarted, Stopped
from customhouse.release.moves import Move, Settle, Start, TakeUp, Undo, next_moves
from customhouse.release.rules import TAMPERED
from customhouse.release.sealed import ENGINE, Said
from customhouse.release.sealing import Chain
from customhouse.release.standing import GATE, inputs_of
from customhouse.release.state import State, StepState
from customhouse.release.work.http_journal import HttpJournal
from customhouse.terms.errors import CustomhouseError, Refused

LEASE = timedelta(minutes=5)
IN_A_CLONE = ("git.", "changelog.", "version.", "exec")
"""Words that work in a machine's clone, or with its lock of a branch: another machine of the actor has neither."""
LEFT_FOR = timedelta(minutes=1)
"""How long such a step is left to that machine after the journal's newest line; it hears of a line at once."""
IDLE_SECONDS = 15.0
_SHORT = 4000


@dataclass
class Worker(Conductor):
    """One machine at a room. ``key`` is the machine's own; the room's is known from the run."""

    actor: str = ""
    room: HttpJournal | None = None
    """The same as ``journal``."""
    engine_key: str = ""
    """By which the journal is sealed, as it was learned when this machine first joined."""
    lease: timedelta = LEASE
    wait: bool = True
    places: dict[str, dict[str, str]] = field(default_factory=dict)
    """Settings of this machine that the journal does not have: where an expert's files lie."""

    only: frozenset[str] = frozenset()
    """The steps that it takes; empty: all of the actor's."""

    _built: dict[tuple[str, int], Outcome] = field(default_factory=dict)
    _told_of: int = 0

    def __post_init__(self) -> None:
        self._chain = Chain(engine_key=self.engine_key)

    def say(self, events: Sequence[Event], *, by: str = ENGINE, said: Said | None = None) -> State:
        """Say something as this actor, all of it or nothing; raises `Refused` if the rules say no."""
        del by, said
        if self.room is None:
            raise LookupError("no room")
        kinds = ",".join(event.kind for event in events)
        self.at(f"before append: {kinds}")
        self.room.say(events)
        self.at(f"after append: {kinds}")
        return self.catch_up()

    def go(self) -> State:
        """Work until the run is over; returns it then."""
        self.watch = self._watches()
        return self.conduct()

    def _watches(self) -> bool:
        """Whether this machine looks at refs: that of the actor whose step begins to watch them."""
        return any(step.watch and step.actor == self.actor for step in self.catch_up().pipeline.steps)

    def _move(self) -> bool:
        """Make the first move that is this machine's; whether there was one."""
        now = self.clock.now()
        self._renew(now)
        moves = [one for one in self._ours(now) + next_moves(self.state, now) if self._is_mine(one, now)]
        return any(self._attempted(move, now) for move in moves) or self._rebuild()

    def _is_mine(self, move: Move, now: datetime) -> bool:
        if isinstance(move, Start) and self._goes_on_elsewhere(move.step, now):
            return False
        match move:
            case Start(step) | TakeUp(step) | Settle(step) | Undo(step):
                found = self.state.pipeline.step(step)
                wanted = not self.only or found.id in self.only
                return wanted and found.actor == self.actor and found.uses != GATE
            case _:
                return False

    def _goes_on_elsewhere(self, name: str, now: datetime) -> bool:
        """Whether a step is done where the actor's clone is, by a machine that may be around (`LEFT_FOR`).

        If it is gone, this one begins: it fetches what the journal names, or says what it lacks.
        """
        if not self._in_a_clone(name):
            return False
        begun = [
            (one.started_at, one.machine)
            for one in self.state.steps.values()
            if one.started_at is not None and self._in_a_clone(one.id)
        ]
        if not begun or max(begun)[1] in {self.machine, *self._gone()}:
            return False
        return self.state.at is not None and now < self.state.at + LEFT_FOR

    def _gone(self) -> set[str]:
        """The machines from which another had to take up an attempt, and that have begun nothing since."""
        gone, began = set[str](), dict[tuple[str, int], str]()
        for event in (line.event for line in self.lines):
            if isinstance(event, StepStarted):
                gone.add(began.get((event.step, event.attempt), event.machine))
                gone.discard(event.machine)
                began[event.step, event.attempt] = event.machine
        return gone

    def _in_a_clone(self, name: str) -> bool:
        step = self.state.pipeline.step(name)
        return step.actor == self.actor and step.uses.startswith(IN_A_CLONE)

    def _attempted(self, move: Move, now: datetime) -> bool:
        """Whether it could be made. What another machine of this actor, or the server, was quicker with is no fault."""
        try:
            return self._make(move, now)
        except Refused as refusal:
            self.catch_up()
            if refusal.status not in (403, 409):
                raise
            self._once(f"not now: {refusal.sentence}")
            return False

    def _once(self, text: str) -> None:
        """Tell it once for each line of the journal."""
        if self._told_of != self.state.seq:
            self._told_of = self.state.seq
            self.tell(text)

    def _wait(self, seconds: float) -> None:
        """Wait for what runs here; if nothing does, for something new at the room."""
        if self._working or self.room is None:
            super()._wait(seconds)
            return
        if self._results.empty() and self._seen.empty():
            self.room.wait(IDLE_SECONDS if not self.watch else 1.0)

    def step_run(self, state: State, found: StepState, children: object) -> StepRun:
        """What an action is given, with the settings of this machine."""
        run = super().step_run(state, found, children)  # type: ignore[arg-type]
        if not self.places:
            return run
        places = {name: {**settings, **self.places.get(name, {})} for name, settings in state.places.items()}
        return replace(run, places={**{name: dict(one) for name, one in self.places.items()}, **places})

    # Building once more.

    def _rebuild(self) -> bool:
        """Build what another has built, or is building, once more; say whether it is the same when both are done."""
        state = self.state
        if state.status != "open" or self.only:
            return False
        for name, found in state.steps.items():
            step = state.pipeline.step(name)
            if step.rebuild is None or self.actor not in step.rebuild.by or found.status not in ("running", "done"):
                continue
            if any(one.by == self.actor for one in found.rebuilds):
                continue
            key = (name, found.attempt)
            if key in self._built:
                if found.status == "done":
                    return self._compare(found, self._built.pop(key))
            elif key not in self._working:
                self._start_rebuild(found)
                return True
        return False

    def _start_rebuild(self, found: StepState) -> None:
        children = StepChildren(self.children)
        self._working[found.id, found.attempt] = Working(children)
        run = self._run_of_rebuild(found, children)
        self.tell(f"{run.step.number or found.id} {run.step.title}, once more")
        arguments = (run, children)
        threading.Thread(target=self._work_rebuild, args=arguments, name=f"rebuild-{found.id}", daemon=True).start()

    def _run_of_rebuild(self, found: StepState, children: StepChildren) -> StepRun:
        run = self.step_run(self.state, found, children)
        rebuild = run.step.rebuild
        env = rebuild.env if rebuild is not None else run.step.env
        inputs = found.inputs or inputs_of(self.state, run.step)
        return replace(run, step=replace(run.step, actor=self.actor, env=env), inputs=inputs, grant=None)

    def _work_rebuild(self, run: StepRun, children: StepChildren) -> None:
        name, events, ended = run.step.id, list[Event](), None
        try:
            self.at(f"before rebuild: {name}")
            action = self.words.action(run.step.uses)
            for one in ("handover",) if run.inputs else ():
                look = self.words.check(one).look(run, None)
                if not look.ok:
                    raise Tampered(look.check, look.saw, look.expected, place=look.place)  # noqa: TRY301 - told below
            found = action.probe(run)
            self._built[name, run.attempt] = found if found is not None else action.do(run)
            self.at(f"after rebuild: {name}")
        except Tampered as fault:
            events = [Stopped(TAMPERED + fault.code, fault.saw[:_SHORT], fault.expected[:_SHORT], name, fault.place)]
        except (Problem, CustomhouseError, OSError) as problem:
            text = f"{self.actor} could not build it once more: {problem}"[:_SHORT]
            events = [Stopped("rebuild-failed", text, "the same bit for bit", name, self.actor)]
        except Exception as error:  # noqa: BLE001 - an action's fault must not end the machine
            text = f"{self.actor} could not build it once more: {type(error).__name__}: {error}"[:_SHORT]
            events = [Stopped("rebuild-failed", text, "the same bit for bit", name, self.actor)]
        except BaseException as error:  # noqa: BLE001 - the process ends, and not only this thread
            ended = error
        self._results.put(Result(name, run.attempt, children, events, ended))

    def _compare(self, found: StepState, built: Outcome) -> bool:
        from customhouse.release.building.difference import agreement  # noqa: PLC0415 - seldom wanted

        run = self._run_of_rebuild(found, StepChildren(self.children))
        try:
            agrees, why = agreement(run, found.outputs, built.outputs, run.folder / "difference")
        except (Problem, OSError) as problem:
            agrees, why = False, f"nobody could look closer: {problem}"
        facts = {name: text[:_SHORT] for name, text in built.facts.items()}
        extra = [event for event in built.events if isinstance(event, Noted)]
        event = Rebuilt(found.id, found.attempt, self.actor, built.outputs, agrees, facts, why[:_SHORT])
        self.tell(f"{found.id}: {'the same, bit for bit' if agrees else 'NOT the same'}")
        self._append([*extra, event])
        return True
