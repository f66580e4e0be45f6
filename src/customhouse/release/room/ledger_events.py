"""What the index's own ledger notes of release runs. The run's journal says more; this says that there is one.

Of a run under embargo no event names the project: operators alone see that something happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class RunOpened(Event):
    """Somebody opened a release run."""

    kind: ClassVar[str] = "release-run-opened"
    run: str
    version: str
    pipeline: str
    """SHA-256 of the definition."""
    pipeline_version: int
    rehearsal: bool


@dataclass(frozen=True, slots=True)
class RunJoined(Event):
    """An actor's machine joined a run; it came with this identity."""

    kind: ClassVar[str] = "release-run-joined"
    run: str
    version: str
    actor_name: str
    identity: str
    machine_key: str


@dataclass(frozen=True, slots=True)
class MachineRemoved(Event):
    """Somebody sent an actor's machine away: its key says nothing any more."""

    kind: ClassVar[str] = "release-run-machine-removed"
    run: str
    version: str
    actor_name: str
    machine_key: str


@dataclass(frozen=True, slots=True)
class RunAsks(Event):
    """People are asked before a step starts."""

    kind: ClassVar[str] = "release-run-asks"
    run: str
    version: str
    step: str
    ask: str
    quorum: int


@dataclass(frozen=True, slots=True)
class RunDecided(Event):
    """A person said something that counts in a run."""

    kind: ClassVar[str] = "release-run-decided"
    run: str
    version: str
    decision: str
    """``confirmed``, ``approved``, ``declined``, ``resumed``, ``restarted`` or ``aborting``."""
    step: str
    question: str
    """What was decided on: the question's digest; empty where there is none."""


@dataclass(frozen=True, slots=True)
class RunStopped(Event):
    """A run stands still until somebody looks."""

    kind: ClassVar[str] = "release-run-stopped"
    run: str
    version: str
    code: str
    saw: str
    expected: str
    step: str
    place: str


@dataclass(frozen=True, slots=True)
class RunPublished(Event):
    """What a run has made is public."""

    kind: ClassVar[str] = "release-run-published"
    run: str
    version: str
    address: str


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """A run is over: ``released`` or ``abandoned``."""

    kind: ClassVar[str] = "release-run-finished"
    run: str
    version: str
    outcome: str
