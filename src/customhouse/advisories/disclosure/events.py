"""What happens in disclosure cases. Until one is published its events name no project, no person and no vulnerability.

They say the number of the case and what was done, to operators alone; everybody else sees a sealed entry. The project
is named by `AdvisoryPublished`, which is recorded in the transaction that makes all of it public.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class DisclosureReceived(Event):
    """A report came in: ``via`` says how, and nothing says from whom."""

    kind: ClassVar[str] = "disclosure-received"
    case: str
    via: str


@dataclass(frozen=True, slots=True)
class DisclosureMoved(Event):
    """A case is in another state."""

    kind: ClassVar[str] = "disclosure-moved"
    case: str
    before: str
    state: str


@dataclass(frozen=True, slots=True)
class DisclosureStep(Event):
    """Something else was done in a case: said, invited, agreed, drafted, reserved, extended and so on."""

    kind: ClassVar[str] = "disclosure-step"
    case: str
    step: str


@dataclass(frozen=True, slots=True)
class DisclosureLate(Event):
    """A clock of a case warns or is late."""

    kind: ClassVar[str] = "disclosure-late"
    case: str
    clock: str
    late: bool


@dataclass(frozen=True, slots=True)
class DisclosurePublished(Event):
    """Release, advisory, CVE record and notices appeared in this transaction."""

    kind: ClassVar[str] = "disclosure-published"
    changes_pages: ClassVar[bool] = True
    advisory: str
    cve: str
    title: str
    version: str
    """With the fix; empty if there is none."""


@dataclass(frozen=True, slots=True)
class SecurityPolicySet(Event):
    """A project says how vulnerabilities of it are to be reported."""

    kind: ClassVar[str] = "security-policy-set"
    length: int
