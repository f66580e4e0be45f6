"""What the pages show, ready to print."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """One line of the front page."""

    display: str
    normalized: str
    version: str
    summary: str
    released_at: datetime


@dataclass(frozen=True, slots=True)
class HomeView:
    """The front page. Sizes in bytes."""

    projects: int
    files: int
    size_bytes: int
    newest: Sequence[ReleaseRow]
    index_url: str


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One signal in plain language."""

    code: str
    meaning: str
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of the shown version."""

    filename: str
    url: str
    kind: str
    size_bytes: int
    uploaded_at: datetime
    sha256: str
    requires_python: str
    yanked: bool
    yanked_reason: str
    has_metadata: bool
    signals: Sequence[SignalRow]


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of the project."""

    version: str
    released_at: datetime
    files: int
    yanked: bool
    prerelease: bool


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project's page, for one of its versions."""

    display: str
    normalized: str
    version: str
    is_newest: bool
    summary: str
    status: str
    status_reason: str
    successor: str
    description_html: str
    versions: Sequence[VersionRow]
    files: Sequence[FileRow]
    licence: str
    requires_python: str
    people: Sequence[tuple[str, str]]
    urls: Sequence[tuple[str, str]]
    keywords: Sequence[str]
    classifiers: Sequence[tuple[str, Sequence[str]]]
    requires_dist: Sequence[str]
    extras: Sequence[str]
    signals: Sequence[SignalRow]
    index_url: str
    verified: AbstractSet[str] = frozenset()
    """Those of ``urls`` and ``people`` that this index vouches for, as they are written."""
