"""What an audit looks at, and what it finds: frozen values that readers fill, the engine joins and writers print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from customhouse.formats.inventory.model import PRODUCTION, Component, Edge, Gap, Library, Subject, SubjectKind
from customhouse.formats.osv.merging import Same
from customhouse.formats.osv.severity import Score

__all__ = [
    "PRODUCTION", "Blocked", "Component", "Edge", "Finding", "Gap", "Library", "Mitigation", "Report", "Status",
    "Subject", "SubjectKind",
]  # fmt: skip


class Mitigation(NamedTuple):
    """Why a finding counts no more although the version is affected: a VEX statement that holds."""

    statement: str
    """Its id."""
    status: str
    """not_affected | fixed, as OpenVEX has them; what says anything else mitigates nothing and is in the remarks."""
    justification: str
    reason: str
    owner: str
    expires: date | None


class Blocked(NamedTuple):
    """Why the fix cannot be installed: an upper bound of somebody else excludes it."""

    by: str
    """The normalised name of who excludes it."""
    by_version: str
    requirement: str
    """``B<2``, as written."""
    speculative: bool | None
    """Whether the bound excludes versions that did not exist when it was written; None if nobody knows."""
    remedies: tuple[str, ...] = ()
    """In the order in which to try them, each a sentence with the command."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One vulnerability of one component."""

    component: Component
    same: Same
    score: Score
    fixes: tuple[str, ...] = ()
    """The versions that mend it, the lowest first."""
    upgrade: str | None = None
    """The smallest version above the present one that mends everything that is known of this component."""
    paths: tuple[tuple[str, ...], ...] = ()
    """Who brought it in: names from what the user asked for down to this component, the shortest first."""
    exploited: bool = False
    """It is in CISA's catalogue of known exploited vulnerabilities (KEV)."""
    likelihood: float | None = None
    """EPSS: the probability of exploitation within 30 days, 0 to 1."""
    library: Library | None = None
    """Set if not the package itself is affected but a library that it bundles."""
    mitigation: Mitigation | None = None
    """Set only if it holds: such a finding does not count."""
    remarks: tuple[str, ...] = ()
    """What else VEX statements say: why one counts no more, that two contradict each other, what to do. Sentences."""
    blocked: Blocked | None = None
    known: bool = False
    """It stands in the baseline."""


class Status(NamedTuple):
    """A component whose project the index advises against (PEP 792), or whose release is yanked (PEP 592)."""

    component: Component
    status: str
    """archived | deprecated | quarantined | yanked"""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All that an audit has to say."""

    subjects: tuple[Subject, ...]
    findings: tuple[Finding, ...] = ()
    statuses: tuple[Status, ...] = ()
    gaps: tuple[Gap, ...] = ()
    advisories: int = 0
    """How many records were asked."""
    snapshot: str = ""
    """Which state of the advisories: the time of its newest record."""
    left_out: int = 0
    """How many components belong to groups that nobody asked for."""
    passed_over: tuple[str, ...] = ()
    """Packages and vulnerabilities that ``--ignore`` has passed over, ``demo 1.0: CVE-2026-1``."""
    unasked: tuple[str, ...] = ()
    """Of what these advisories say nothing at all, so that nothing is known of it. Sentences."""
    index_asked: bool = False
    """Whether an index was asked for statuses, yanked releases and the versions that there are."""
    statements: tuple[str, ...] = ()
    """Files of VEX statements that were found beside what was audited, and that nobody named."""
    seconds: Mapping[str, float] = field(default_factory=dict)
