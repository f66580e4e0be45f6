"""What the catalog's rules speak about: projects, releases, files, and who may do what with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from customhouse.formats.simple import ProjectStatus
from customhouse.terms.errors import Refused

Role = Literal["owner", "maintainer"]
Visibility = Literal["public", "private"]


@dataclass(frozen=True, slots=True)
class Project:
    """A project that we host."""

    id: int
    normalized: str
    display: str
    created_at: datetime
    status: ProjectStatus
    status_reason: str
    signals: dict[str, Any]
    successor: str = ""
    visibility: Visibility = "public"
    organization_id: int | None = None
    deleted_at: datetime | None = None
    delete_reason: str = ""

    @property
    def public(self) -> bool:
        """Whether strangers may know of it."""
        return self.visibility == "public" and self.deleted_at is None


@dataclass(frozen=True, slots=True)
class File:
    """One file row as reads need it, without its metadata text. Sizes in bytes, digests hexadecimal.

    What is said of its release counts for the file too: ``yanked_at``, ``deleted_at`` and ``quarantined_at`` are set if
    either is. The project's own deletion or quarantine stands in `Project`.
    """

    id: int
    version: str
    filename: str
    kind: Literal["bdist_wheel", "sdist"]
    digest: str
    md5: str
    blake2b_256: str
    size_bytes: int
    uploaded_at: datetime
    requires_python: str | None
    yanked_at: datetime | None
    yanked_reason: str
    metadata_digest: str
    metadata_size_bytes: int
    metadata_served: bool
    signals: list[dict[str, str]]
    uploader_id: int | None = None
    """Who sent it; None if a trusted publisher did."""
    publisher_id: int | None = None
    release_id: int = 0
    deleted_at: datetime | None = None
    delete_reason: str = ""
    quarantined_at: datetime | None = None
    quarantine_reason: str = ""
    erased_at: datetime | None = None

    @property
    def listed(self) -> bool:
        """Whether it stands in listings, as far as itself and its release go."""
        return self.deleted_at is None and self.erased_at is None and self.quarantined_at is None


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a project."""

    id: int
    version: str
    created_at: datetime
    yanked_at: datetime | None
    yanked_reason: str
    quarantined_at: datetime | None
    quarantine_reason: str
    deleted_at: datetime | None
    delete_reason: str
    reopened_at: datetime | None


def offered(project: Project, files: Sequence[File]) -> list[File]:
    """The files that stand in listings. A quarantined project offers none (PEP 792), a deleted one neither."""
    if project.status == "quarantined" or project.deleted_at is not None:
        return []
    return [file for file in files if file.listed]


def may_upload(project: Project, role: Role | None) -> Refused | None:
    """An owner or maintainer may upload into a project that is active or deprecated.

    Archived and quarantined projects take no files (PEP 792), nor does a deleted one: its name stays reserved, and an
    owner can restore it.
    """
    if role is None and (project.visibility == "private" or project.deleted_at is not None):
        # A stranger learns no more than that the name is not free.
        return Refused("name-reserved", f"The name {project.display!r} is reserved.", "Choose another name.")
    if role is None:
        return Refused(
            "not-a-maintainer",
            f"You may not upload to {project.display!r}: you are neither an owner nor a maintainer of it.",
            "Ask one of its owners, or choose another name.",
        )
    if project.deleted_at is not None:
        return Refused(
            "project-deleted",
            f"The project {project.display!r} was deleted on {project.deleted_at:%Y-%m-%d}; its name stays reserved.",
            "An owner can restore it, with every file as it was.",
        )
    if project.status in ("archived", "quarantined"):
        return Refused(
            "project-closed",
            f"The project {project.display!r} is {project.status} and takes no uploads.",
            project.status_reason,
        )
    return None


def may_spell(version: str, existing: str, *, status: int = 409) -> Refused | None:
    """A version is spelled as the one that is here: to installers 1.0 and 1.0.0 are one release (PEP 440)."""
    if existing == version:
        return None
    return Refused(
        "version-spelled-otherwise",
        f"Version {version} is the release {existing}, spelled otherwise.",
        f"Name its files for {existing}, or release a new version.",
        status=status,
    )


def may_add_file(release: Release, open_for: timedelta, now: datetime) -> Refused | None:
    """A release takes new files for a while after it appeared, so that old pins cannot be poisoned later.

    An owner may reopen it for as long again. A release that is quarantined or deleted takes none.
    """
    if release.quarantined_at is not None:
        return Refused(
            "release-quarantined",
            f"Version {release.version} is quarantined and takes no files.",
            release.quarantine_reason,
        )
    if release.deleted_at is not None:
        return Refused(
            "release-deleted",
            f"Version {release.version} was deleted on {release.deleted_at:%Y-%m-%d}.",
            "An owner can restore it; else release a new version.",
        )
    closes_at = max(release.created_at, release.reopened_at or release.created_at) + open_for
    if now > closes_at:
        return Refused(
            "release-closed",
            f"Version {release.version} has been closed to new files since {closes_at:%Y-%m-%d}.",
            "Release a new version, or let an owner reopen this one.",
        )
    return None
