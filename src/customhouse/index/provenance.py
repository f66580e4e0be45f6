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
from customhouse.trust.continuity import Continuity, ReleaseProvenance, continuity, version_before
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
    .join(file, file.c.id == attestation.c.file_id)
    .where(file.c.project_id == sa.bindparam("project"))
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


def attestations_of(sql: Connection, project_id: int) -> dict[int, list[Attested]]:
    """What is attested, by the ids of files; files of which nothing is attested are missing."""
    found: dict[int, list[Attested]] = {}
    for row in sql.execute(_WHAT, {"project": project_id}):
        found.setdefault(row.file_id, []).append(
            Attested(row.publisher, row.predicate_type, row.summary, row.trust_root)
        )  # fmt: skip
    return found


def continuity_of(
    sql: Connection, found: Project | None, version: str, waiting: Mapping[str, Sequence[Attested]] | None = None
) -> Continuity:
    """The state of a version's provenance, compared with the version before it.

    ``waiting`` are files of that version that are to be published, by their names; they count with those that are
    there. A project that does not exist yet is None.
    """
    files = offered(found, queries.files_of(sql, found.id)) if found else []
    known = attestations_of(sql, found.id) if found else {}
    now = of_version(version, files, known)
    whole = ReleaseProvenance(version, {**now.files, **(waiting or {})})
    return continuity(whole, before(version, files, known))


def of_version(version: str, files: Sequence[File], known: Mapping[int, Sequence[Attested]]) -> ReleaseProvenance:
    """What is attested of the files of one version."""
    return ReleaseProvenance(version, {row.filename: known.get(row.id, ()) for row in files if row.version == version})


def before(version: str, files: Sequence[File], known: Mapping[int, Sequence[Attested]]) -> ReleaseProvenance | None:
    """The same of the version before. Those that are not offered, or yanked whole, are nothing to measure by."""
    published: dict[str, datetime] = {}
    for row in files:
        if row.yanked_at is None:
            published[row.version] = min(row.uploaded_at, published.get(row.version, row.uploaded_at))
    earlier = version_before(version, published)
    return of_version(earlier, files, known) if earlier is not None else None
