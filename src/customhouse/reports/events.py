"""What happens to reports, cases and what they hold back.

Who reported is nobody's business but the operators': events that name reporters are for them alone (`ledger.public`),
and what the public reads of a quarantine names the case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class ReportFiled(Event):
    """Somebody reported a project. What he wrote stands in the report, which can be erased, and not here."""

    kind: ClassVar[str] = "report-filed"
    report_id: int
    case_id: int
    report_kind: str
    version: str
    filename: str


@dataclass(frozen=True, slots=True)
class ReportRefused(Event):
    """Somebody's report was not taken."""

    kind: ClassVar[str] = "report-refused"
    code: str
    report_kind: str


@dataclass(frozen=True, slots=True)
class CaseOpened(Event):
    """The first report about a project since its last verdict."""

    kind: ClassVar[str] = "case-opened"
    case_id: int
    report_kind: str
    version: str
    reporters: tuple[str, ...]
    """Account ids."""


@dataclass(frozen=True, slots=True)
class QuarantinedByReports(Event):
    """Two reporters brought about a quarantine: their account ids, the trusted one first."""

    kind: ClassVar[str] = "quarantined-by-reports"
    case_id: int
    version: str
    reporters: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseDecided(Event):
    """An operator gave a verdict. ``frozen`` is the account id of somebody whom it froze, or empty."""

    kind: ClassVar[str] = "case-decided"
    case_id: int
    verdict: str
    reason: str
    version: str
    """The releases that it holds back, separated by blanks; empty: all."""
    effect: str
    reporters: tuple[str, ...]
    frozen: str


@dataclass(frozen=True, slots=True)
class VerdictUndone(Event):
    """An operator took a verdict back; the case is open again and everything as before it."""

    kind: ClassVar[str] = "verdict-undone"
    case_id: int
    verdict: str
    reason: str
    reporters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProjectQuarantined(Event):
    """A project offers no file and takes none from now on. Lifting brings its earlier status back."""

    kind: ClassVar[str] = "project-quarantined"
    changes_pages: ClassVar[bool] = True
    reason: str
    case_id: int | None
    origin: str
    earlier_status: str
    earlier_reason: str


@dataclass(frozen=True, slots=True)
class ProjectArchivedByVerdict(Event):
    """A verdict closed a project for uploads; its files stay."""

    kind: ClassVar[str] = "archived-by-verdict"
    changes_pages: ClassVar[bool] = True
    reason: str
    case_id: int | None
    origin: str
    earlier_status: str
    earlier_reason: str


@dataclass(frozen=True, slots=True)
class QuarantineLifted(Event):
    """A project is what it was before it was held back; ``held`` says as what."""

    kind: ClassVar[str] = "quarantine-lifted"
    changes_pages: ClassVar[bool] = True
    reason: str
    case_id: int | None
    held: str
    status: str
    status_reason: str


@dataclass(frozen=True, slots=True)
class ReleaseQuarantined(Event):
    """One release's files are refused from now on."""

    kind: ClassVar[str] = "release-quarantined"
    changes_pages: ClassVar[bool] = True
    version: str
    reason: str
    case_id: int | None
    origin: str


@dataclass(frozen=True, slots=True)
class ReleaseQuarantineLifted(Event):
    """One release's files are offered again."""

    kind: ClassVar[str] = "release-quarantine-lifted"
    changes_pages: ClassVar[bool] = True
    version: str
    reason: str
    case_id: int | None


@dataclass(frozen=True, slots=True)
class ReporterTrusted(Event):
    """An operator found a reporter reliable."""

    kind: ClassVar[str] = "reporter-trusted"
    user_id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReporterDistrusted(Event):
    """An operator took that back."""

    kind: ClassVar[str] = "reporter-distrusted"
    user_id: str
    name: str
    reason: str
