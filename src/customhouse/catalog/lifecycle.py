"""What may become of a project, a release and a file. Pure rules; each says its policy in prose, then in code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from customhouse.catalog.model import Project, Role
from customhouse.terms.errors import Refused

OWNER_STATUSES = ("active", "archived", "deprecated")
"""What an owner may say of his project. Quarantine is the operators' word."""


@dataclass(frozen=True, slots=True)
class Dependent:
    """A project here that could no longer be installed as it asks."""

    project: str
    """Empty for a private one: whoever asks may not hear of it, only that it is there."""
    requirement: str

    @property
    def called(self) -> str:
        """For people."""
        return repr(self.project) if self.project else "A private project"


@dataclass(frozen=True, slots=True)
class Price:
    """What a deletion costs others: shown before, and judged by `may_delete`."""

    project: Project
    version: str
    """Empty for the whole project."""
    filename: str
    """Empty for the whole release or project."""
    files: Sequence[str]
    size_bytes: int
    appeared_at: datetime
    """When the oldest of these files was uploaded."""
    downloads_30_days: int
    """Counted: one client network once per file and day."""
    dependents: Sequence[Dependent]
    critical: bool
    quarantined: bool

    @property
    def what(self) -> str:
        """The thing in words."""
        return self.filename or (
            f"{self.project.display} {self.version}" if self.version else f"the project {self.project.display}"
        )

    @property
    def to_type(self) -> str:
        """What must be typed to confirm."""
        return self.filename or (f"{self.project.normalized} {self.version}" if self.version else self.project.display)


@dataclass(frozen=True, slots=True)
class DeletionPolicy:
    """The numbers of the policy, from the settings."""

    free_for: timedelta
    downloads_limit: int


def may_yank(project: Project, role: Role | None, *, operator: bool) -> Refused | None:
    """Owners, maintainers and operators yank and take it back, whatever the project's status.

    A yank takes nothing away: who has pinned the version still gets it.
    """
    if role is None and not operator:
        return _not_yours(project, "an owner nor a maintainer")
    if project.deleted_at is not None:
        return Refused(
            "project-deleted", f"The project {project.display!r} is deleted.", "Restore it first.", status=409
        )
    return None


def may_set_status(
    project: Project, role: Role | None, status: str, successor: str, *, operator: bool
) -> Refused | None:
    """An owner may archive, deprecate and make active again; what is quarantined stays so until an operator lifts it.

    A successor belongs to a deprecated project and is another project.
    """
    if role != "owner" and not operator:
        return _not_yours(project, "an owner")
    if status not in OWNER_STATUSES:
        return Refused(
            "bad-status",
            f"{status!r} is no status that an owner can give.",
            "active, archived or deprecated.",
            status=400,
        )
    if project.status == "quarantined":
        return Refused("quarantined", f"{project.display!r} is quarantined.", "An operator lifts that.", status=409)
    if project.deleted_at is not None:
        return Refused(
            "project-deleted", f"The project {project.display!r} is deleted.", "Restore it first.", status=409
        )
    if successor and status != "deprecated":
        return Refused(
            "bad-successor", "Only a deprecated project has a successor.", "Leave the successor empty.", status=400
        )
    if successor == project.normalized:
        return Refused("bad-successor", "A project does not succeed itself.", "Name another one.", status=400)
    return None


def may_delete(
    price: Price, role: Role | None, policy: DeletionPolicy, now: datetime, *, operator: bool
) -> Refused | None:
    """An owner may delete a file, a release or a project; a maintainer may not.

    What is quarantined is evidence, and only an operator deletes it. A critical project loses nothing without an
    operator. Within the first 72 hours after it appeared anything may be deleted. Later only what was little
    downloaded in the last 30 days, and what no other project here needs. Whoever may not delete can still yank,
    archive or deprecate. An operator may always.
    """
    project = price.project
    if operator:
        return None
    if role != "owner":
        return _not_yours(project, "an owner")
    if price.quarantined:
        return Refused("quarantined", f"{price.what} is quarantined and kept as evidence.", "Ask an operator.")
    if price.critical:
        return Refused(
            "critical",
            f"{project.display!r} is marked as critical: others build on it.",
            "Yank instead, or ask an operator.",
        )
    if now - price.appeared_at <= policy.free_for:
        return None
    if price.dependents:
        first = price.dependents[0]
        return Refused(
            "has-dependents",
            f"{first.called} needs {first.requirement!r}, and nothing else here would do.",
            "Yank instead: it keeps working for whoever has pinned it.",
        )
    if price.downloads_30_days > policy.downloads_limit:
        return Refused(
            "in-use",
            f"{price.what} was downloaded {price.downloads_30_days:,} times in 30 days; the limit is"
            f" {policy.downloads_limit:,}.",
            "Yank instead: it keeps working for whoever has pinned it.",
        )
    return None


def may_restore(project: Project, role: Role | None, *, operator: bool) -> Refused | None:
    """An owner may bring back what was deleted, at any time; while the project is quarantined only an operator may."""
    if role != "owner" and not operator:
        return _not_yours(project, "an owner")
    if project.status == "quarantined" and not operator:
        return Refused("quarantined", f"{project.display!r} is quarantined.", "An operator lifts that.", status=409)
    return None


def may_reopen(project: Project, role: Role | None, *, operator: bool) -> Refused | None:
    """An owner may reopen a release for new files; maintainers upload, and do not decide that."""
    if role != "owner" and not operator:
        return _not_yours(project, "an owner")
    return None


def _not_yours(project: Project, whom: str) -> Refused:
    neither = "neither " if " nor " in whom else "not "
    return Refused("not-yours", f"You are {neither}{whom} of {project.display!r}.", "Ask one of its owners.")
