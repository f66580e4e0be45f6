"""What a policy would do, as values that doors and pages show."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class Wanted(NamedTuple):
    """One version that somebody wants."""

    name: str
    """Normalised."""
    version: str
    filename: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a candidate policy says of one wanted version, and what the view's own policy says today."""

    wanted: Wanted
    found: bool
    action: str = "unknown"
    rule: str = ""
    rules: tuple[str, ...] = ()
    reason: str = ""
    today: str = "unknown"
    changes_at: datetime | None = None
    vulnerabilities: tuple[str, ...] = ()
    never: str = ""
    """Why no exception should be made; empty if nothing speaks against one."""

    @property
    def refused(self) -> bool:
        """Whether nobody gets it under the candidate policy."""
        return self.found and self.action in ("hide", "deny", "hold")


class Newest(NamedTuple):
    """The newest version of a project; empty where there is none."""

    name: str
    there: str
    today: str
    candidate: str


class Delayed(NamedTuple):
    """A version that mends something and is kept back, while no version that is let through mends it."""

    name: str
    version: str
    advisories: tuple[str, ...]
    days: float | None
    rule: str


@dataclass
class Decided:
    """The answer to one question about many versions."""

    verdicts: list[Verdict] = field(default_factory=list)
    newest: list[Newest] = field(default_factory=list)
    delayed: list[Delayed] = field(default_factory=list)
    waits: list[float | None] = field(default_factory=list)
    """For each project how many days after its upload its newest version would have been let through; None: never by
    itself."""
    left: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
