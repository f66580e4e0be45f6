"""The simple repository API as values, and their two renderings.

Sources: PEP 503 (pages), 592 (yank), 629 (version), 658 and 714 (metadata beside files), 691 (JSON), 700 (versions,
size, upload time), 740 (provenance), 792 (project status), 833 (HTML stays at 1.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

API_VERSION = "1.4"

ProjectStatus = Literal["active", "archived", "quarantined", "deprecated"]


@dataclass(frozen=True, slots=True)
class SimpleFile:
    """One distribution file as every consumer sees it."""

    filename: str
    url: str
    sha256: str
    size_bytes: int
    uploaded_at: datetime
    version: str
    requires_python: str | None = None
    yanked: bool = False
    yanked_reason: str = ""
    core_metadata_sha256: str | None = None
    provenance: str | None = None
    signals: Mapping[str, object] = field(default_factory=dict)
    """Our own facts about the file, served under the private key ``_customhouse``."""


@dataclass(frozen=True, slots=True)
class SimplePage:
    """One project as every consumer sees it: the values behind ``/simple/NAME/``."""

    name: str
    """The normalised name."""
    serial: int
    """The ledger's serial at the project's last change."""
    versions: tuple[str, ...] = ()
    files: tuple[SimpleFile, ...] = ()
    status: ProjectStatus = "active"
    status_reason: str = ""
    signals: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProjectList:
    """The values behind ``/simple/``: names as their owners spell them, sorted by normalised name."""

    names: tuple[str, ...]
    serial: int


class Source(Protocol):
    """Where pages come from: what we host, a mirror, or a policy around either."""

    def projects(self) -> ProjectList:
        """Every project that may be listed."""
        ...

    def project(self, normalized: str) -> SimplePage | None:
        """One project, or None if this source does not have it."""
        ...
