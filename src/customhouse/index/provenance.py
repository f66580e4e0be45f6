"""What is attested of a project's files: which have provenance, and whether a release is like the one before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import queries
from customhouse.catalog.model import File, Project, offered
from customhouse.catalog.tables import file, project
from customhouse.infra.tables import page
from customhouse.trust.attestations import Attested, provenance_of_file
from customhouse.trust.continuity import (
    Continuity,
    ReleaseProvenance,
    continuity,
    continuity_of_waiting,
    version_before,
    versions_to_match,
)
from customhouse.trust.tables import attestation

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ATTESTED = (
    sa.select(attestation.c.file_id)
    .join(file, file.c.id == attestation.c.file_id)
    .where(file.c.project_id == sa.bindparam("project"))
    .distinct()
)
_WHAT = (
    sa.select(
        attestation.c.file_id, attestation.c.publisher, attestation.c.predicate_type, attestation.c.summary,
        attestation.c.trust_root,
    )
    .where(attestation.c.file_id.in_(sa.bindparam("files", expanding=True)))
    .order_by(attestation.c.id)
)  # fmt: skip


def provenance_addresses(sql: Connection, found: Project, files: Sequence[File], site: str) -> dict[int, str]:
    """Where the provenance of a project's files is, by their ids; files of which nothing is attested are missing.

    ``site`` is this index's own address. It must be https or loopback to be told to anybody (PEP 740).
    """
    parts = urlsplit(site)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return {}
    attested = frozenset(sql.execute(_ATTESTED, {"project": found.id}).scalars())
    return {row.id: f"{site}{provenance_path(found.normalized, row)}" for row in files if row.id in attested}


def provenance_path(project: str, row: File) -> str:
    """The same below the address of this index, as PyPI has it."""
    return f"/integrity/{project}/{quote(row.version)}/{quote(row.filename)}/provenance"


def forget_pages_with_addresses(sql: Connection) -> None:
    """Drop the ready pages that name such an address in full, because it may have changed since."""
    attested = (
        sa.select(project.c.normalized)
        .join(file, file.c.project_id == project.c.id)
        .join(attestation, attestation.c.file_id == file.c.id)
    )
    sql.execute(page.delete().where(page.c.name.in_(attested)))


def served_provenance(sql: Connection, found: Project, version: str, filename: str) -> dict[str, Any] | None:
    """The provenance object of a file that stands in listings (PEP 740); None if there is nothing to serve."""
    listed = queries.listed_file(sql, found.id, filename)
    if listed is None or listed[1] != version:
        return None
    return provenance_of_file(sql, listed[0])


def attestations_of(sql: Connection, files: Sequence[File]) -> dict[int, list[Attested]]:
    """What is attested of these files, by their ids; those of which nothing is attested are missing."""
    found: dict[int, list[Attested]] = {}
    for row in sql.execute(_WHAT, {"files": [row.id for row in files]}):
        one = Attested(row.publisher, row.predicate_type, row.summary, row.trust_root)
        found.setdefault(row.file_id, []).append(one)
    return found


def compared(sql: Connection, files: Sequence[File], version: str) -> tuple[ReleaseProvenance, Continuity]:
    """What is attested of a version, of all files that a project offers, and in what it is unlike the one before.

    Versions that are not offered, or yanked whole, are nothing to measure by.
    """
    earlier = version_before(version, _appeared([row for row in files if row.yanked_at is None]))
    now, *before = _provenance_of(sql, files, [version, *([earlier] if earlier is not None else [])])
    return now, continuity(now, before[0] if before else None)


def continuity_of(
    sql: Connection, found: Project | None, version: str, waiting: Mapping[str, Sequence[Attested]] | None = None
) -> Continuity:
    """The state of a version's provenance before more of it is published, and in what it is unlike what is there.

    ``waiting`` are files of that version that are to be published, by their names; they count with those that are
    there. A project that does not exist yet is None. What is yanked counts: else whoever may yank could choose what
    he is measured by.
    """
    files = offered(found, queries.files_of(sql, found.id)) if found else []
    earlier = versions_to_match(version, _appeared(files))
    listed, *before = _provenance_of(sql, files, [version, *earlier])
    return continuity_of_waiting(ReleaseProvenance(version, waiting or {}), listed, before)


def _appeared(files: Sequence[File]) -> dict[str, datetime]:
    """When each version of these files appeared."""
    published: dict[str, datetime] = {}
    for row in files:
        published[row.version] = min(row.uploaded_at, published.get(row.version, row.uploaded_at))
    return published


def _provenance_of(sql: Connection, files: Sequence[File], versions: Sequence[str]) -> list[ReleaseProvenance]:
    """What is attested of some versions, and of these only: a project may have thousands of files."""
    known = attestations_of(sql, [row for row in files if row.version in versions])
    return [
        ReleaseProvenance(one, {row.filename: known.get(row.id, ()) for row in files if row.version == one})
        for one in versions
    ]
