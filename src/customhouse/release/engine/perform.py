"""One attempt of one step, from its checks to its end, as the events that tell of it.

Nothing here writes to a journal: whoever conducts a run, on one machine or at a room, appends what comes back, all of
it at once. `StepStarted` must be durable before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Self

from customhouse.formats.pipeline.vocabulary import CHECKS
from customhouse.release import registry
from customhouse.release.actions import Action, Check, Look, Outcome, Problem, StepRun, Tampered
from customhouse.release.children import Children
from customhouse.release.engine.halting import StepChildren
from customhouse.release.events import Checked, Event, Published, Rebuilt, StepDone, StepFailed, Stopped
from customhouse.release.rules import FAILED_CHECK, TAMPERED
from customhouse.release.standing import distinct, flat, public
from customhouse.release.things import Things
from customhouse.terms.errors import CustomhouseError

HANDOVER = "handover"
AGREE = "rebuilds-agree"
TIMEOUT = "timeout"
_LONGEST = 4000
"""Characters of a text in the journal that people read."""
_LONGEST_FACT = 256 * 1024
"""Of one for programs: a public key, or the protection that a branch had."""


class Words:
    """The actions and checks that names stand for. Tests bring their own."""

    def action(self, name: str) -> Action:
        """A new instance; raises `KeyError`."""
        return registry.action(name)

    def check(self, name: str) -> Check:
        """A new instance; raises `KeyError`."""
        return registry.check(name)


def perform(
    run: StepRun,
    *,
    words: Words | None = None,
    take_up: bool = False,
    rebuild: bool = False,
    only_probe: bool = False,
    after_do: Callable[[], None] = lambda: None,
) -> list[Event]:
    """Do the step; returns the events to append: its checks, what it says, and `StepDone` or `StepFailed`.

    ``take_up``: it was begun before; its probe is asked first. ``rebuild``: its rebuilders are this machine, too.
    ``only_probe``: it is not done any more where it was not; what was done is told.
    ``after_do`` is called when it was done and before anything is known of it elsewhere. Raises nothing of its own.
    """
    attempt = _Attempt(run, words or Words(), take_up or only_probe, rebuild, after_do, only_probe=only_probe)
    children = run.children
    timer = None
    if isinstance(children, StepChildren):
        timer = threading.Timer(run.step.timeout.total_seconds(), attempt.time_is_up)
        timer.daemon = True
        timer.start()
    try:
        return attempt.events()
    finally:
        if timer is not None:
            timer.cancel()


class _Failed(Exception):
    """A check did not hold."""

    def __init__(self, look: Look) -> None:
        super().__init__(look.check)
        self.look = look


class _Attempt:
    def __init__(
        self, run: StepRun, words: Words, take_up: bool, rebuild: bool, after_do: Callable[[], None], *,
        only_probe: bool,
    ) -> None:  # fmt: skip
        self.run = run
        self.words = words
        self.take_up = take_up
        self.rebuild = rebuild
        self.after_do = after_do
        self.only_probe = only_probe
        self.said: list[Event] = []
        self.late = False

    def time_is_up(self) -> None:
        """End what the step runs."""
        self.late = True
        if isinstance(self.run.children, StepChildren):
            self.run.children.halt()

    def events(self) -> list[Event]:
        """All that is to be appended."""
        try:
            self._whole()
        except _Failed as failed:
            look = failed.look
            why = f"{look.place}: {look.saw}" if look.place else look.saw
            self.said.append(self._failure(FAILED_CHECK + look.check, f"{why}; expected {look.expected}"))
        except Tampered as fault:
            code = TAMPERED + fault.code
            self.said.append(
                Stopped(code, _short(fault.saw), _short(fault.expected), self.run.step.id, _short(fault.place))
            )
            self.said.append(self._failure(code, str(fault)))
        except Problem as problem:
            code = TIMEOUT if self.late else problem.code
            ended = f"it was not done after {self.run.step.timeout}: " if self.late else ""
            self.said.append(self._failure(code, ended + str(problem)))
        except CustomhouseError as error:
            self.said.append(self._failure(error.code, str(error)))
        except Exception as error:  # noqa: BLE001 - an action's fault must not end the engine
            self.said.append(self._failure("fault", f"{type(error).__name__}: {error}"))
        return self.said

    def _whole(self) -> None:
        run = self.run
        action = self.words.action(run.step.uses)
        outcome = self._probed(action)
        recovered = outcome is not None
        if outcome is None and self.only_probe:
            raise Problem("interrupted", "it was begun, and was not done", "a run that goes on", place=run.step.id)
        if outcome is None:
            self._look(self._before(), None)
        with _Rebuilders(run, self.words if self.rebuild else None) as rebuilders:
            if outcome is None:
                outcome = self._done(action)
                self.after_do()
            outcome = replace(outcome, events=(*outcome.events, *rebuilders.compared(outcome)))
        self.said += self._told(outcome)
        self.run = _as_told(run, outcome)
        for look in outcome.checks:
            self._checked(look)
        self._look(self._after(made=[one.check for one in outcome.checks]), outcome)
        facts = _facts(outcome)
        self.said.append(StepDone(run.step.id, run.attempt, outcome.outputs, facts, recovered))

    def _done(self, action: Action) -> Outcome:
        """Do it. What fails may have been done all the same: what strangers see of it is told with its failure."""
        self.run.held()
        try:
            return action.do(self.run)
        except Exception:
            if public(self.run.step):
                # Perhaps our programs were ended; to ask, others are started.
                with suppress(Exception):
                    found = action.probe(replace(self.run, children=Children()))
                    self.said += self._told(found) if found is not None else []
            raise

    def _probed(self, action: Action) -> Outcome | None:
        if not self.take_up:
            return None
        found = action.probe(self.run)
        self.run.tell("it was done before" if found is not None else "it was not done; once more")
        return found

    def _told(self, outcome: Outcome) -> list[Event]:
        """What the action says. A release that is public already does not become so once more."""
        public = self.run.state.published_at is not None
        return [event for event in outcome.events if not (public and isinstance(event, Published))]

    def _before(self) -> list[str]:
        handover = [HANDOVER] if flat(self.run.inputs) else []
        return [*handover, *(name for name in self.run.step.checks if CHECKS[name].before and name != HANDOVER)]

    def _after(self, made: Sequence[str]) -> list[str]:
        names = [HANDOVER, *(name for name in self.run.step.checks if name != HANDOVER)]
        if self.run.step.rebuild is not None and not self.rebuild:
            # At a room the others build on machines of their own; the rules compare what they say.
            names = [name for name in names if name != AGREE]
        return [name for name in names if name not in made]

    def _look(self, names: Sequence[str], outcome: Outcome | None) -> None:
        for name in names:
            self._checked(self.words.check(name).look(self.run, outcome))

    def _checked(self, look: Look) -> None:
        self.said.append(
            Checked(
                self.run.step.id, self.run.attempt, look.check, look.ok, _short(look.expected), _short(look.saw),
                _short(look.place),
            )
        )  # fmt: skip
        if not look.ok:
            raise _Failed(look)

    def _failure(self, code: str, why: str) -> StepFailed:
        return StepFailed(self.run.step.id, self.run.attempt, code, _short(why))


class _Rebuilders:
    """The same action for each rebuilder, at the same time, where all of them are this machine."""

    def __init__(self, run: StepRun, words: Words | None) -> None:
        self.run = run
        self.words = words
        self.rebuild = run.step.rebuild if words is not None else None
        self.pool: ThreadPoolExecutor | None = None
        self.halt = run.children.halt if isinstance(run.children, StepChildren) else lambda: None

    def __enter__(self) -> Self:
        self.results = []
        if self.rebuild is not None:
            self.pool = ThreadPoolExecutor(len(self.rebuild.by), thread_name_prefix="rebuild")
            self.results = [(by, self.pool.submit(self._build, self._run_of(by))) for by in self.rebuild.by]
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.pool is not None:
            if kind is not None:
                self.halt()
            self.pool.shutdown(wait=True, cancel_futures=True)

    def compared(self, outcome: Outcome) -> Iterator[Rebuilt]:
        """What each of them built, and where it differs; raises what their build raised."""
        for by, result in self.results:
            theirs = result.result()
            same = self._same(outcome, theirs)
            difference = "" if same else self._difference(outcome, theirs, by)
            facts = _facts(theirs)
            yield Rebuilt(self.run.step.id, self.run.attempt, by, theirs.outputs, same, facts, _short(difference))

    def _run_of(self, by: str) -> StepRun:
        step = replace(self.run.step, actor=by, env=self.rebuild.env if self.rebuild else self.run.step.env)
        folder = self.run.folder.parent / f"{self.run.folder.name}.{by}"
        folder.mkdir(parents=True, exist_ok=True)
        tell = self.run.tell
        return replace(self.run, step=step, folder=folder, grant=None, tell=lambda text: tell(f"{by}: {text}"))

    def _build(self, run: StepRun) -> Outcome:
        assert self.words is not None  # noqa: S101 - there is nothing to build without
        action = self.words.action(run.step.uses)
        found = None
        with suppress(Problem):
            found = action.probe(run)
        return found if found is not None else action.do(run)

    def _same(self, ours: Outcome, theirs: Outcome) -> bool:
        return all(
            distinct(ours.outputs.get(name, ())) == distinct(theirs.outputs.get(name, ())) for name in self._of()
        )

    def _of(self) -> list[str]:
        step, artifact = self.run.step, self.run.pipeline.artifact
        return [name for name in step.outputs if artifact(name).reproducible] or list(step.outputs)

    def _difference(self, ours: Outcome, theirs: Outcome, by: str) -> str:
        from customhouse.release.building.difference import differences  # noqa: PLC0415 - seldom wanted

        first, second = ({name: one.outputs.get(name, ()) for name in self._of()} for one in (ours, theirs))
        folder = self.run.folder / f"difference-{by}"
        try:
            return differences(first, second, self.run.store, folder, self.run.children) or _first(first, second)
        except (Problem, OSError) as error:
            return f"{_first(first, second)} (nobody could look closer: {error})"


def _as_told(run: StepRun, outcome: Outcome) -> StepRun:
    """The run with what was built again, as the journal will have it when its checks are made."""
    rebuilt = tuple(event for event in outcome.events if isinstance(event, Rebuilt))
    found = run.state.steps[run.step.id]
    new = replace(found, rebuilds=(*found.rebuilds, *rebuilt))
    return replace(run, state=replace(run.state, steps={**run.state.steps, run.step.id: new}))


def _first(ours: dict[str, Things], theirs: dict[str, Things]) -> str:
    one, other = distinct(flat(ours)), distinct(flat(theirs))
    return f"not the same: {', '.join(sorted({name for name, _ in one ^ other}))}"


def _facts(outcome: Outcome) -> dict[str, str]:
    return {name: _short(text, _LONGEST_FACT) for name, text in outcome.facts.items()}


def _short(text: str, longest: int = _LONGEST) -> str:
    clean = text.encode("utf-8", "replace").decode()
    return clean if len(clean) <= longest else f"{clean[:longest]} …"
