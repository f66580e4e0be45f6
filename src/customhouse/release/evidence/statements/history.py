"""What lines of a journal say about each attempt of each step, for whoever makes statements of it, or compares them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from customhouse.formats.pipeline.model import Pipeline, Step
from customhouse.release.events import (
    Approved,
    Asked,
    Attested,
    Checked,
    Created,
    KeyGranted,
    Published,
    Rebuilt,
    Restarted,
    SignedThing,
    StepDone,
    StepSkipped,
    StepStarted,
)
from customhouse.release.sealed import Sealed
from customhouse.release.things import Thing

Key = tuple[str, int]
"""A step and its attempt."""


@dataclass
class Attempt:
    """One attempt of one step, by its lines."""

    started: Sealed | None = None
    done: Sealed | None = None
    asked: Sealed | None = None
    approvals: list[Sealed] = field(default_factory=list)
    grants: list[Sealed] = field(default_factory=list)
    checks: list[Sealed] = field(default_factory=list)
    rebuilds: list[Sealed] = field(default_factory=list)
    signed: list[Sealed] = field(default_factory=list)
    published: Sealed | None = None

    @property
    def inputs(self) -> Mapping[str, tuple[Thing, ...]]:
        """What came in."""
        return self.started.event.inputs if self.started and isinstance(self.started.event, StepStarted) else {}

    @property
    def outputs(self) -> Mapping[str, tuple[Thing, ...]]:
        """What it made."""
        return self.done.event.outputs if self.done and isinstance(self.done.event, StepDone) else {}

    @property
    def facts(self) -> Mapping[str, str]:
        """What it found out."""
        return self.done.event.facts if self.done and isinstance(self.done.event, StepDone) else {}


@dataclass(frozen=True)
class History:
    """A journal, told by attempts. ``newest`` names the attempt of each step that counts."""

    run: str
    pipeline: Pipeline
    created: Created
    lines: tuple[Sealed, ...]
    """As far as they were told."""
    attempts: Mapping[Key, Attempt]
    newest: Mapping[str, int]
    attested: tuple[Sealed, ...]
    skipped: frozenset[str]

    def attempt(self, step: str) -> Attempt:
        """The newest one; empty where there is none."""
        return self.attempts.get((step, self.newest.get(step, 1)), Attempt())

    def at(self, line: Sealed) -> Attempt:
        """The attempt that a line belongs to."""
        event = line.event
        return self.attempts.get((getattr(event, "step", ""), getattr(event, "attempt", 1)), Attempt())

    def step(self, line: Sealed) -> Step:
        """The step that a line is of; raises `KeyError`."""
        return self.pipeline.step(str(getattr(line.event, "step", "")))

    def until(self, line: Sealed) -> History:
        """The same as it was when this line had been written."""
        return history(self.pipeline, self.lines[: line.seq + 1])

    def used(self, *actions: str) -> Iterator[Step]:
        """The steps that do one of these actions, in the pipeline's order."""
        return (step for step in self.pipeline.steps if step.uses in actions)


def history(pipeline: Pipeline, lines: Sequence[Sealed]) -> History:
    """Tell a journal by attempts; the pipeline has its parameters filled in.

    It depends on nothing but these lines, so whoever tells the same ones says the same. Raises `ValueError` for a
    journal without a beginning.
    """
    if not lines or not isinstance(lines[0].event, Created):
        raise ValueError("a journal begins with the event created")
    attempts: dict[Key, Attempt] = {}
    newest: dict[str, int] = {}
    skipped: set[str] = set()
    attested = []
    for line in lines:
        event = line.event
        if isinstance(event, Attested):
            attested.append(line)
        elif isinstance(event, StepSkipped):
            skipped.add(event.step)
        elif isinstance(event, Restarted):
            skipped.discard(event.step)
        elif isinstance(
            event,
            StepStarted | StepDone | Asked | Approved | KeyGranted | Checked | Rebuilt | SignedThing | Published,
        ):
            attempt = attempts.setdefault((event.step, event.attempt), Attempt())
            newest[event.step] = max(event.attempt, newest.get(event.step, 1))
            _note(attempt, line)
    return History(
        lines[0].run, pipeline, lines[0].event, tuple(lines), attempts, newest, tuple(attested),
        frozenset(skipped),
    )  # fmt: skip


def _note(attempt: Attempt, line: Sealed) -> None:
    match line.event:
        case StepStarted():
            # Said again, it renews a lease: the step began when it was said first.
            attempt.started = attempt.started or line
        case StepDone():
            attempt.done = line
        case Asked():
            # A question that ran out is asked anew; approvals of the old one count no more.
            attempt.asked, attempt.approvals = line, []
        case Approved():
            attempt.approvals.append(line)
        case KeyGranted():
            attempt.grants.append(line)
        case Checked():
            attempt.checks.append(line)
        case Rebuilt():
            attempt.rebuilds.append(line)
        case SignedThing():
            attempt.signed.append(line)
        case Published():
            attempt.published = line
