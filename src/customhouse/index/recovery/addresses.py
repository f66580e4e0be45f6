"""Which addresses count as a project's own in a recovery, and where in a repository the proof must lie.

Nobody has verified these addresses: they stand in the metadata that somebody uploaded. What makes them worth something
is time. They count if the newest release that is old enough names them, and it was published long before the case was
opened, so that whoever has stolen a token this week cannot bring a repository of his own. An address that only older
releases name does not count, because names at forges are given away again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import queries as catalog
from customhouse.catalog.tables import file, project, release
from customhouse.formats.metadata import parse_stored_metadata
from customhouse.formats.project_urls import labelled_urls
from customhouse.index.recovery.links import FILE_NAME
from customhouse.infra.targets import Target
from customhouse.terms.errors import Rejected

_SOURCE = "Source code"
_FORGES = {"github.com", "www.github.com"}
_NEWEST = (
    sa.select(project.c.normalized, release.c.version, release.c.created_at, file.c.metadata)
    .join(release, release.c.project_id == project.c.id)
    .join(file, file.c.release_id == release.c.id)
    .where(
        project.c.id == sa.bindparam("project"), project.c.visibility == "public", project.c.deleted_at.is_(None),
        release.c.deleted_at.is_(None), release.c.created_at <= sa.bindparam("before", type_=release.c.created_at.type),
        file.c.uploaded_at <= sa.bindparam("before", type_=release.c.created_at.type), file.c.erased_at.is_(None),
    )
    .order_by(release.c.created_at.desc(), file.c.id)
    .limit(1)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """An address that a project has long named as its own."""

    project: str
    label: str
    url: str
    version: str
    released_at: datetime

    @property
    def source(self) -> bool:
        """Whether it is called the project's source code."""
        return self.label == _SOURCE

    @property
    def host(self) -> str:
        """Where it leads; empty for what we could not ask."""
        target = target_of(self.url)
        return target.host if target is not None else ""


def own_addresses(sql: Connection, projects: dict[int, str], before: datetime) -> list[OwnAddress]:
    """What the newest release of each public project that is older than ``before`` names as its own."""
    found = []
    for project_id in projects:
        row = sql.execute(_NEWEST, {"project": project_id, "before": before}).one_or_none()
        if row is None:
            continue
        metadata = parse_stored_metadata(catalog.unpack_metadata(row.metadata))
        for label, url in labelled_urls(metadata.project_urls, metadata.home_page, ""):
            if target_of(url) is not None:
                found.append(OwnAddress(row.normalized, label, url, row.version, row.created_at))
    return found


def target_of(url: str) -> Target | None:
    """An address that we can ask and believe: https, or plain http on this very machine.

    No query and no fragment: they would let somebody point into a site that others write.
    """
    try:
        target = Target.parse(url, where="url")
    except Rejected:
        return None
    here = target.address is not None and target.address.is_loopback
    return target if (target.scheme == "https" or here) and "?" not in target.path else None


def raw_files(url: str) -> list[str]:
    """Where the proof's file lies at the top of a repository's own branch; none if the address is no repository.

    Nobody else chooses the address. On a forge everybody can write somewhere under a repository: in issues, in its
    wiki, and in commits of forks, which are shown under the original's address too. Only ``HEAD``, the default branch,
    is written by those alone who may.
    """
    target = target_of(url)
    if target is None:
        return []
    path = target.path.rstrip("/").removesuffix(".git")
    if target.host in _FORGES:
        parts = path.split("/")
        if len(parts) != 3 or not all(parts[1:]):  # noqa: PLR2004 - /owner/repository
            return []
        return [f"https://raw.githubusercontent.com{path}/HEAD/{FILE_NAME}"]
    # GitLab, then Forgejo and Gitea and cgit-like ones, then a site that is the repository.
    return [f"{target.origin}{path}{middle}/{FILE_NAME}" for middle in ("/-/raw/HEAD", "/raw/HEAD", "")]
