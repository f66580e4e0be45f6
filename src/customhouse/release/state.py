"""What a journal says: the state of a run. `rules.apply` makes it of one event after the other; nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from customhouse.formats.pipeline.model import Pipeline
from customhouse.release.events import Approved, Asked, Checked, KeyGranted, Rebuilt, SignedThing
from customhouse.release.things import Thing

StepStatus = Literal["waiting", "asked", "ready", "running", "done", "failed", "skipped", "undone"]
RunStatus = Literal["gathering", "open", "stopped", "aborting", "released", "abandoned"]


@dataclass(frozen=True, slots=True)
class StepState:
    """One step, in its newest attempt."""

    id: str
    status: StepStatus = "waiting"
    attempt: int = 1
    asked: Asked | None = None
    asked_at: datetime | None = None
    approvals: tuple[tuple[int, datetime, Approved], ...] = ()
    """Each with its place in the journal and its time."""
    grants: tuple[KeyGranted, ...] = ()
    machine: str = ""
    key: str = ""
    """By which that machine signs, at a room; the attempt is its own until its lease ends."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    lease_until: datetime | None = None
    idempotency_key: str = ""
    inputs: Mapping[str, tuple[Thing, ...]] = field(default_factory=dict)
    outputs: Mapping[str, tuple[Thing, ...]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[Checked, ...] = ()
    rebuilds: tuple[Rebuilt, ...] = ()
    signed: tuple[SignedThing, ...] = ()
    failure: str = ""
    recovered: bool = False
    attested: bool = False
    """Whether something of this attempt was said under signature (an `Attested` of this step)."""
    owed: StepState | None = None
    """An earlier attempt that has to be taken back before this one starts."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run stands still."""

    code: str
    saw: str
    expected: str
    by: str
    at: datetime
    step: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """A run."""

    run: str
    pipeline: Pipeline
    """With every parameter filled in (`formats.pipeline.resolve`)."""
    pipeline_sha256: str
    params: Mapping[str, str]
    places: Mapping[str, Mapping[str, str]]
    engine_key: str
    rehearsal: bool
    rules: int
    """By which edition of the rules it is judged (`rules.EDITION`)."""
    created_at: datetime
    first: str = ""
    """The hash of the first line: pipeline, parameters, places and the engine's key."""
    status: RunStatus = "gathering"
    steps: Mapping[str, StepState] = field(default_factory=dict)
    """By id, in the pipeline's order."""
    artifacts: Mapping[str, tuple[Thing, ...]] = field(default_factory=dict)
    """What the newest attempts made, by artifact."""
    confirmed: Mapping[str, str] = field(default_factory=dict)
    """Person by actor."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Machine keys by actor."""
    refs: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Object id by remote and ref, of those that are watched."""
    stop: Stop | None = None
    graver: tuple[Stop, ...] = ()
    """All that was seen since the run last went on and that nobody can resume: a restart must heed each of them."""
    resumed_at: datetime | None = None
    """When a person last let it go on."""
    published_at: datetime | None = None
    finished_at: datetime | None = None
    seq: int = -1
    """Of the last event."""
    head: str = ""
    """Its hash."""
    at: datetime | None = None
    """Its time."""
    last_word: Literal["", "said", "logged"] = ""
    """Whether the verdict on the whole run (an `Attested` of no step) was signed, and whether its line was logged."""
