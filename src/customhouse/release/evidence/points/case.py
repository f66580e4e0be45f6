"""What a verification works on, and how it answers: eight points, each of findings, each finding with a sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from customhouse.release.evidence.bundle import Bundle
from customhouse.release.evidence.signatures import Proved
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.told import Owed
from customhouse.release.sealed import Sealed
from customhouse.release.state import State
from customhouse.release.things import Thing

Sign = Literal["holds", "fails", "unknown", "unasked"]
"""``unknown``: it could not be checked with what was brought. ``unasked``: nothing was brought for it."""


class Decided(Protocol):
    """What a person's security key has signed."""

    @property
    def run(self) -> str:
        """Of which run."""
        ...

    @property
    def step(self) -> str:
        """At which step."""
        ...

    @property
    def attempt(self) -> int:
        """At which attempt of it."""
        ...

    @property
    def question(self) -> str:
        """On which question."""
        ...

    @property
    def decision(self) -> str:
        """``approve`` or ``decline``."""
        ...

    @property
    def account(self) -> str:
        """By which account."""
        ...


@dataclass(frozen=True, slots=True)
class Remembered:
    """What somebody knows of earlier releases of the project (`remembered.py`)."""

    pipeline_version: int = 0
    pipeline_sha256: str = ""
    trust_root_sha256: str = ""
    checkpoints: Mapping[str, str] = field(default_factory=dict)
    """The newest signed note of each log, by its origin."""
    proofs: tuple[Mapping[str, object], ...] = ()
    """Consistency proofs that came by other ways, as a bundle's ``log/…json`` has them."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What the stranger has himself. Everything else is the bundle's word."""

    trust_root: bytes = b""
    """A ``trusted_root.json``."""
    trust_root_sha256: str = ""
    pipeline_sha256: str = ""
    artifacts: tuple[Path, ...] = ()
    repository: Path | None = None
    remembered: Remembered | None = None
    check_key: Callable[[str], Decided] | None = None
    """Verifies the proof of an approval by a security key (`room.proof.check_proof`); raises `Refused`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    sign: Sign
    text: str


@dataclass(frozen=True, slots=True)
class Point:
    """One of the eight points."""

    number: int
    title: str
    findings: tuple[Finding, ...]
    rests_on: str
    """Whom one must believe for it, beside arithmetic."""

    @property
    def sign(self) -> Sign:
        """The worst of its findings."""
        signs = [one.sign for one in self.findings]
        order: tuple[Sign, ...] = ("fails", "unknown", "holds")
        return next((sign for sign in order if sign in signs), "unasked")


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement of the bundle, beside what the journal asks for."""

    member: str
    owed: Owed | None
    """None for the evidence of experts, which nobody can make once more."""
    proved: Proved | None
    line: Sealed
    """That tells of it."""


@dataclass(frozen=True)
class Case:
    """A bundle whose chain holds, folded, with its signatures judged."""

    bundle: Bundle
    state: State
    told: History
    brought: Brought
    trust_root: bytes
    files: Mapping[str, Thing]
    """The members that are files of the store, as the journal names them."""
    attestations: tuple[Attestation, ...]
    signatures: Mapping[str, Proved]
    """Of files (Sigstore), by member."""
    anchors: Mapping[int, Proved]
    """Of the journal's head, by the line that tells of it."""
    broken: tuple[str, ...]
    """What does not verify, in words."""

    def attestation(self, name: str) -> Attestation | None:
        """One by the name of its bundle."""
        return next((one for one in self.attestations if one.member.endswith(f"/{name}")), None)


def holds(text: str) -> Finding:
    """It is so."""
    return Finding("holds", text)


def fails(text: str) -> Finding:
    """It is not so: the release is not what it says."""
    return Finding("fails", text)


def unknown(text: str) -> Finding:
    """Nobody can tell with what was brought."""
    return Finding("unknown", text)


def unasked(text: str) -> Finding:
    """It was not asked for."""
    return Finding("unasked", text)


def either(fault: list[str], good: str) -> list[Finding]:
    """The faults, or the one sentence that says that there is none."""
    return [fails(one) for one in fault] or [holds(good)]


def some(number: int, word: str, words: str = "") -> str:
    """``1 line``, ``7 lines``."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"
