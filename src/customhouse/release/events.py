"""What can happen in a release run. The journal is these events in order, and the state is what they fold to.

Each is a frozen value with plain fields; `codec.py` turns it into canonical JSON (RFC 8785) and back. ``step`` and
``attempt`` say which attempt of which step is meant; attempts count from 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from customhouse.release.things import Thing


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. Who says so and when stands on the sealed line around it (`sealed.py`)."""

    kind: ClassVar[str]
    later: ClassVar[frozenset[str]] = frozenset()
    """Fields that older journals lack: not written where they are as they were then."""


@dataclass(frozen=True, slots=True)
class Created(Event):
    """The first event: which pipeline, for which parameters, at which places."""

    kind: ClassVar[str] = "created"
    later: ClassVar[frozenset[str]] = frozenset({"rules"})
    project: str
    pipeline: str
    """The file's text."""
    pipeline_sha256: str
    pipeline_version: int
    params: Mapping[str, str]
    places: Mapping[str, Mapping[str, str]]
    """Addresses and names, never secrets."""
    engine_key: str
    """The public key (Ed25519, hexadecimal) that seals this journal."""
    rehearsal: bool = False
    """A dry run on clones and a scratch index."""
    rules: int = 1
    """By which edition of the rules it is judged (`rules.EDITION`); journals that are older do not say it."""


@dataclass(frozen=True, slots=True)
class Joined(Event):
    """An actor's machine joined: what it says from now on it signs with this key."""

    kind: ClassVar[str] = "joined"
    actor: str
    identity: str
    """As the pipeline names identities; the door verified it."""
    machine_key: str
    """Ed25519, hexadecimal."""
    evidence: str = ""
    """The claims of the token that proved it, or the account, as JSON; no secret."""


@dataclass(frozen=True, slots=True)
class Confirmed(Event):
    """An expert is around."""

    kind: ClassVar[str] = "confirmed"
    actor: str
    person: str
    """Who he is, whatever identity he used; two identities of one person are one."""


@dataclass(frozen=True, slots=True)
class OpenedRun(Event):
    """Every expert is around; steps may start."""

    kind: ClassVar[str] = "opened"


@dataclass(frozen=True, slots=True)
class Asked(Event):
    """People are asked before a step starts. An approval names the question's digest, so it is of these things."""

    kind: ClassVar[str] = "asked"
    step: str
    attempt: int
    question: str
    """`question.question_of`: SHA-256 of canonical JSON: run, its first line, step, attempt, ask, things and end"""
    ask: str
    need: tuple[str, ...]
    quorum: int
    factor: str
    expires_at: datetime
    things: tuple[Thing, ...]


@dataclass(frozen=True, slots=True)
class Approved(Event):
    """A person said yes."""

    kind: ClassVar[str] = "approved"
    step: str
    attempt: int
    question: str
    actor: str
    person: str
    factor: str
    proof: str = ""
    """JSON: a WebAuthn assertion over the question, or a signature of the actor's key."""


@dataclass(frozen=True, slots=True)
class DeclinedGate(Event):
    """A person said no: the run stops."""

    kind: ClassVar[str] = "declined"
    step: str
    attempt: int
    question: str
    actor: str
    person: str
    why: str


@dataclass(frozen=True, slots=True)
class KeyGranted(Event):
    """A key is released to one step run, for these digests, because these people said yes."""

    kind: ClassVar[str] = "key-granted"
    step: str
    attempt: int
    key: str
    """``gpg:FINGERPRINT`` or ``oidc:ISSUER#SUBJECT``."""
    things: tuple[Thing, ...]
    approvals: tuple[int, ...]
    """Their places in the journal."""


@dataclass(frozen=True, slots=True)
class StepStarted(Event):
    """Written before anything is done, so that whoever comes after a crash asks whether it was."""

    kind: ClassVar[str] = "step-started"
    step: str
    attempt: int
    machine: str
    lease_until: datetime
    idempotency_key: str
    inputs: Mapping[str, tuple[Thing, ...]]


@dataclass(frozen=True, slots=True)
class Checked(Event):
    """A comparison was made. One that fails stops the run."""

    kind: ClassVar[str] = "checked"
    step: str
    attempt: int
    check: str
    ok: bool
    expected: str
    saw: str
    place: str = ""
    """Where the fault is: a file, a remote, a ref."""


@dataclass(frozen=True, slots=True)
class StepDone(Event):
    """A step is done; what it made is in the store."""

    kind: ClassVar[str] = "step-done"
    step: str
    attempt: int
    outputs: Mapping[str, tuple[Thing, ...]]
    facts: Mapping[str, str]
    """What evidence needs to know of it: tool versions, addresses, times of children; plain texts."""
    recovered: bool = False
    """It had been done before a crash; its probe found so."""


@dataclass(frozen=True, slots=True)
class StepFailed(Event):
    """A step did not come to its end; nothing that it made counts."""

    kind: ClassVar[str] = "step-failed"
    step: str
    attempt: int
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class StepSkipped(Event):
    """Its ``when`` does not hold."""

    kind: ClassVar[str] = "step-skipped"
    step: str
    why: str


@dataclass(frozen=True, slots=True)
class Rebuilt(Event):
    """Somebody else built the same."""

    kind: ClassVar[str] = "rebuilt"
    step: str
    attempt: int
    by: str
    outputs: Mapping[str, tuple[Thing, ...]]
    agrees: bool
    facts: Mapping[str, str]
    difference: str = ""
    """Where it does not agree: what the comparison of the files says."""


@dataclass(frozen=True, slots=True)
class SignedThing(Event):
    """A file was signed. The signature is a thing of its own in the step's outputs."""

    kind: ClassVar[str] = "signed"
    step: str
    attempt: int
    thing: Thing
    signature: Thing
    how: str
    """``sigstore`` or ``gpg``."""
    identity: str
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class TagSeen(Event):
    """Where a ref is on a remote."""

    kind: ClassVar[str] = "tag-seen"
    remote: str
    ref: str
    oid: str
    """Of the tag's own object, hexadecimal; empty where there is none."""
    commit: str


@dataclass(frozen=True, slots=True)
class TagMoved(Event):
    """A watched ref is not where it was: the run stops, even if it is put back."""

    kind: ClassVar[str] = "tag-moved"
    remote: str
    ref: str
    was: str
    now: str
    seen_by: str
    """How it was seen: poll, reflog, hook."""


@dataclass(frozen=True, slots=True)
class Restarted(Event):
    """Another attempt from a step on; what was made by it and by all steps after it no longer counts."""

    kind: ClassVar[str] = "restarted"
    step: str
    why: str
    person: str = ""


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """Nothing starts until somebody looks: what was seen, and by whom."""

    kind: ClassVar[str] = "stopped"
    code: str
    saw: str
    expected: str
    step: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """A person looked, and lets it go on."""

    kind: ClassVar[str] = "resumed"
    person: str
    why: str


@dataclass(frozen=True, slots=True)
class Published(Event):
    """Strangers can have it. There is no way back from here."""

    kind: ClassVar[str] = "published"
    step: str
    attempt: int
    address: str
    things: tuple[Thing, ...]


@dataclass(frozen=True, slots=True)
class Aborting(Event):
    """A person abandons the run: what was done is taken back, newest first."""

    kind: ClassVar[str] = "aborting"
    person: str
    why: str


@dataclass(frozen=True, slots=True)
class Undone(Event):
    """What a step did was taken back."""

    kind: ClassVar[str] = "undone"
    step: str
    attempt: int
    found: str
    """``undone``, ``nothing to undo``, or why it could not be."""


@dataclass(frozen=True, slots=True)
class Anchored(Event):
    """The journal's head stands in a transparency log: from here on not even we can rewrite what came before."""

    kind: ClassVar[str] = "anchored"
    head: str
    log: str
    index: int
    entry: str
    """The log's own entry with its proof, JSON."""


@dataclass(frozen=True, slots=True)
class Attested(Event):
    """A statement about the run was signed and stored."""

    kind: ClassVar[str] = "attested"
    step: str
    predicate_type: str
    bundle: Thing
    subjects: tuple[Thing, ...]


@dataclass(frozen=True, slots=True)
class Noted(Event):
    """A line for people."""

    kind: ClassVar[str] = "note"
    text: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The last event: ``released`` or ``abandoned``."""

    kind: ClassVar[str] = "finished"
    outcome: str
