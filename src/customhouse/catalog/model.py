"""What the catalog's rules speak about: projects, releases, files, and who may do what with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from customhouse.formats.simple import ProjectStatus
from customhouse.terms.errors import Refused

Role = Literal["owner", "maintainer"]


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


@dataclass(frozen=True, slots=True)
class File:
    """One file row as reads need it, without its metadata text. Sizes in bytes, digests hexadecimal."""

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


def may_upload(project: Project, role: Role | None, token_scope: str | None) -> Refused | None:
    """An owner or maintainer may upload into a project that is active or deprecated.

    A token for another project may not. Archived and quarantined projects take no files (PEP 792).
    """
    if token_scope is not None and token_scope != project.normalized:
        return Refused(
            "token-scope",
            f"This token is for the project {token_scope!r}, not for {project.display!r}.",
            "Use a token for this project or for the whole account.",
        )
    if role is None:
        return Refused(
            "not-a-maintainer",
            f"You may not upload to {project.display!r}: you are neither an owner nor a maintainer of it.",
            "Ask one of its owners, or choose another name.",
        )
    if project.status in ("archived", "quarantined"):
        return Refused(
            "project-closed",
            f"The project {project.display!r} is {project.status} and takes no uploads.",
            project.status_reason,
        )
    return None
