"""What an action is: do, probe, undo. And what it gets to act with.

The engine writes `StepStarted` before it calls ``do``. Whoever comes after a crash calls ``probe`` first: it looks
whether the thing happened (is the branch locked, is the tag on the remote, does the stage hold the digest), so that
nothing is done twice and nothing is left half done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from customhouse.formats.pipeline.model import Pipeline, Step
from customhouse.release.children import Children
from customhouse.release.events import Event, KeyGranted
from customhouse.release.sealed import Sealed
from customhouse.release.state import State
from customhouse.release.store import Store
from customhouse.release.things import Things
from customhouse.terms.clock import Clock


class Problem(Exception):
    """A step did not come to its end: what was expected, what was seen, where, and what to do next.

    Another attempt may help. `Tampered` is for what no attempt mends.
    """

    def __init__(self, code: str, saw: str, expected: str = "", *, place: str = "", next_step: str = "") -> None:
        self.code = code
        self.saw = saw
        self.expected = expected
        self.place = place
        self.next_step = next_step
        sentence = f"{place}: {saw}" if place else saw
        sentence += f"; expected {expected}" if expected else ""
        super().__init__(f"{sentence}. {next_step}" if next_step else sentence)


class Tampered(Problem):
    """Somebody has changed what nobody may change: the run stops, whatever ``on_fail`` says."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one check saw. ``ok`` False stops the run."""

    check: str
    ok: bool
    expected: str
    saw: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step made and found out."""

    outputs: Mapping[str, Things] = field(default_factory=dict)
    """By artifact; each file is in the store."""
    facts: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[Look, ...] = ()
    events: tuple[Event, ...] = ()
    """`SignedThing`, `TagSeen`, `Published`, `Rebuilt`, …: what else is to be written, before `StepDone`."""


@dataclass(frozen=True, slots=True)
class StepRun:
    """One attempt of one step, for the action and the checks that act in it."""

    run: str
    step: Step
    """With every parameter filled in."""
    attempt: int
    idempotency_key: str
    """The same for the same attempt, whoever acts."""
    pipeline: Pipeline
    params: Mapping[str, str]
    """With ``tag`` and ``project``."""
    places: Mapping[str, Mapping[str, str]]
    state: State
    """As it was when the step started."""
    inputs: Mapping[str, Things]
    """By artifact."""
    store: Store
    folder: Path
    """Of this attempt: empty at first, removed afterwards; the same one when the attempt is taken up after a crash."""
    repository: Path
    """The run's clone of the source, kept through the whole run on this machine. Git steps make it."""
    children: Children
    clock: Clock
    tell: Callable[[str], None]
    """A line for people who watch."""
    secrets: Callable[[str], str]
    """A secret of this machine by name (environment, keyring, file), never in the journal; raises `Problem`."""
    grant: KeyGranted | None = None
    """Of a signing step: for which digests the key is released."""
    journal: Callable[[], Sequence[Sealed]] | None = None
    """The run's lines, as they are now. Who holds a key replays them himself, and believes no `state`."""
    held: Callable[[], None] = lambda: None
    """Asked right before anything that strangers see: raises `Problem` ("lease-lost") unless the attempt is still this
    machine's, by the journal as it is now. A machine that slept finds out so that another one has taken it over.
    """

    def place(self, name: str = "") -> Mapping[str, str]:
        """Settings of the step's environment, or of this one; raises `Problem` naming the setting that is missing."""
        found = self.places.get(name or self.step.env)
        if found is None:
            wanted = name or self.step.env
            raise Problem(
                "no-place", f"nothing is said about the place {wanted!r}", place="places",
                next_step=f"Say where it is: --place {wanted}.url=ADDRESS, or a table [{wanted}] in places.toml.",
            )  # fmt: skip
        return found

    def fetch(self, artifact: str, into: Path) -> list[Path]:
        """The files of an input, from the store; each is hashed on the way (check ``handover``)."""
        into.mkdir(parents=True, exist_ok=True)
        return [self.store.fetch(thing, into) for thing in self.inputs[artifact]]

    def put(self, *paths: Path) -> Things:
        """Keep files and say what they are, by name."""
        return tuple(sorted(self.store.put(path) for path in paths))

    def commit(self) -> str:
        """The release's commit (or the frozen one, before there is another), hexadecimal; raises `Problem`."""
        for artifact in reversed(self.pipeline.artifacts):
            for thing in self.state.artifacts.get(artifact.id, ()):
                if artifact.type == "git-commit" and thing.algorithm == "gitCommit":
                    return thing.digest
        raise Problem(
            "no-commit", "no step before this one has said which commit is released", "an artifact git-commit"
        )


class Action(Protocol):
    """One action. Instances are made without arguments, once for each use."""

    def do(self, run: StepRun) -> Outcome:
        """Do it; raises `Problem`. May be called again for the same attempt when `probe` has found nothing."""
        ...

    def probe(self, run: StepRun) -> Outcome | None:
        """What `do` would return, if it happened already, wholly; None if it did not. Changes nothing."""
        ...

    def undo(self, run: StepRun) -> str:
        """Take it back; returns ``undone`` or ``nothing to undo``; raises `Problem`. Twice is harmless."""
        ...


class Check(Protocol):
    """One comparison. Instances are made without arguments."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare; ``outcome`` is None before the step acts."""
        ...
