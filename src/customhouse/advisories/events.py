"""What happens to the store of advisories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class AdvisoriesChanged(Event):
    """Some records are new or other than before: one event for each batch, so that who reacts has bounded work.

    The rows carry the event's serial or a lower one as ``changed_serial``.
    """

    kind: ClassVar[str] = "advisories-changed"
    source: str
    ids: tuple[str, ...]
    names: tuple[str, ...]
    """Normalised names of the PyPI packages that the records name now or named before."""


@dataclass(frozen=True, slots=True)
class AdvisorySourceSet(Event):
    """A source of advisories was added, changed or removed."""

    kind: ClassVar[str] = "advisory-source-set"
    source: str
    place: str
    change: str
    """added | changed | removed"""


@dataclass(frozen=True, slots=True)
class AdvisorySourceFailed(Event):
    """A source could not be read, or some of its records could not; told once, when it begins."""

    kind: ClassVar[str] = "advisory-source-failed"
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExploitationChanged(Event):
    """A list of exploitation was read: CISA's catalogue (kev) or FIRST's scores (epss)."""

    kind: ClassVar[str] = "exploitation-changed"
    list: str
    rows: int
    cves: tuple[str, ...] = ()
    """Of the catalogue: those that are new on it."""
