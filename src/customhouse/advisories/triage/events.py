"""What happens at the desk of triage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class TriageImported(Event):
    """Records were read to be triaged: one event for all of one import."""

    kind: ClassVar[str] = "triage-imported"
    origin: str
    records: int
    changed: int
    waiting: int
    automatic: int
    damaged: int


@dataclass(frozen=True, slots=True)
class TriageDecided(Event):
    """Somebody has said what a record is, or the program has where it is certain."""

    kind: ClassVar[str] = "triage-decided"
    record: str
    verdict: str
    packages: tuple[str, ...]
    advisory_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class TriageUndone(Event):
    """A verdict was taken back: the record is what it was before."""

    kind: ClassVar[str] = "triage-undone"
    record: str
    verdict: str
    advisory_id: str


@dataclass(frozen=True, slots=True)
class TriageExceptionSet(Event):
    """An id or a package was put on the list of false positives, or taken from it."""

    kind: ClassVar[str] = "triage-exception-set"
    entry: str
    reason: str
    change: str
    """added | removed"""


@dataclass(frozen=True, slots=True)
class AdvisoryAuthored(Event):
    """An advisory of our own was written, changed, withdrawn, or stands again."""

    kind: ClassVar[str] = "advisory-authored"
    advisory_id: str
    change: str
    """written | changed | withdrawn | reinstated"""
    reason: str = ""
