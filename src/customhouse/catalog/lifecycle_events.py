"""What happens to releases and files after they were published. All of it is public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class ReleaseCreated(Event):
    """The first file of a version was accepted."""

    kind: ClassVar[str] = "release-created"
    changes_pages: ClassVar[bool] = True
    version: str


@dataclass(frozen=True, slots=True)
class ReleaseReopened(Event):
    """A release takes new files again for a while."""

    kind: ClassVar[str] = "release-reopened"
    version: str


@dataclass(frozen=True, slots=True)
class Yanked(Event):
    """A release, or one file of it, was yanked (PEP 592): installers pass it over unless it is pinned."""

    kind: ClassVar[str] = "yanked"
    changes_pages: ClassVar[bool] = True
    version: str
    filename: str
    """Empty for the whole release, the files to come too."""
    reason: str


@dataclass(frozen=True, slots=True)
class Unyanked(Event):
    """A yank was taken back."""

    kind: ClassVar[str] = "unyanked"
    changes_pages: ClassVar[bool] = True
    version: str
    filename: str


@dataclass(frozen=True, slots=True)
class StatusChanged(Event):
    """A project was archived, deprecated or made active again by its owner (PEP 792)."""

    kind: ClassVar[str] = "status-changed"
    changes_pages: ClassVar[bool] = True
    status: str
    reason: str
    successor: str
    before: str


@dataclass(frozen=True, slots=True)
class Deleted(Event):
    """A file, a release or a whole project stands in no listing any more. Its bytes and names are kept."""

    kind: ClassVar[str] = "deleted"
    changes_pages: ClassVar[bool] = True
    changes_list: ClassVar[bool] = True
    version: str
    """Empty for the whole project."""
    filename: str
    """Empty for the whole release or project."""
    reason: str
    files: tuple[str, ...]
    downloads_30_days: int
    dependents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeletionRefused(Event):
    """Somebody wanted to delete what the policy keeps."""

    kind: ClassVar[str] = "deletion-refused"
    version: str
    filename: str
    code: str


@dataclass(frozen=True, slots=True)
class Restored(Event):
    """What was deleted is there again: the same bytes, digests, times and addresses."""

    kind: ClassVar[str] = "restored"
    changes_pages: ClassVar[bool] = True
    changes_list: ClassVar[bool] = True
    version: str
    filename: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeletedFilesEnded(Event):
    """The exact addresses of files that were deleted long ago answer no longer."""

    kind: ClassVar[str] = "deleted-files-ended"
    changes_pages: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Erased(Event):
    """An operator has removed the bytes of a file for ever, for a reason of law."""

    kind: ClassVar[str] = "erased"
    changes_pages: ClassVar[bool] = True
    version: str
    filename: str
    sha256: str
    reason: str
    reference: str


@dataclass(frozen=True, slots=True)
class CriticalMarked(Event):
    """A name was marked as critical by the rule, a list or an operator, or an operator has taken the mark away."""

    kind: ClassVar[str] = "critical-marked"
    changes_pages: ClassVar[bool] = True
    critical: bool
    reason: str
    source: str = "operator"


@dataclass(frozen=True, slots=True)
class CriticalAsked(Event):
    """The rule picks a name whose mark an operator has taken away: it asks instead of putting it back."""

    kind: ClassVar[str] = "critical-asked"
    reason: str
