"""What we host ourselves, as a `Source`: rows in, pages of the simple API out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import queries
from customhouse.catalog.model import File, Project, offered
from customhouse.catalog.namespaces import Grant, said_of
from customhouse.catalog.public_signals import PublicSignals
from customhouse.formats.simple import ProjectList, SimpleFile, SimplePage
from customhouse.infra.tables import changed

_SERIAL = sa.select(changed.c.serial).where(changed.c.name == sa.bindparam("name"))
_OF_VIEW = ("project", "in_views", "view")
# Three names written out: a list of any length is compiled again at each use.
_SERIALS = sa.select(changed.c.name, changed.c.serial).where(
    sa.or_(*(changed.c.name == sa.bindparam(one) for one in _OF_VIEW))
)


def hosted_page(
    found: Project, files: Sequence[File], versions: Sequence[str], serial: int, covering: Sequence[Grant],
    provenance: Mapping[int, str], facts: PublicSignals | None = None,
) -> SimplePage:  # fmt: skip
    """One project's page. A quarantined project keeps its versions and offers no file (PEP 792).

    ``provenance`` has the addresses of provenance objects, by the ids of the files that have one. ``facts`` is what
    other indexes are told of a public project.
    """
    signals: dict[str, object] = {**found.signals, **({"successor": found.successor} if found.successor else {})}
    if facts is not None:
        signals["facts"] = facts.to_dict()
    return SimplePage(
        name=found.normalized,
        serial=serial,
        versions=tuple(versions),
        files=tuple(_simple_file(found.normalized, row, provenance.get(row.id)) for row in offered(found, files)),
        status=found.status,
        status_reason=found.status_reason,
        signals=signals,
        namespaces=said_of(found.organization_id, covering),
    )


def hosted_list(sql: Connection) -> ProjectList:
    """Every project that we host."""
    serial = changed_serial(sql, "")
    return ProjectList(tuple(queries.listed_names(sql)), serial)


def changed_serial(sql: Connection, name: str) -> int:
    """The ledger's serial at a project's last change (``""``: the list's); 0 if there was none."""
    return sql.execute(_SERIAL, {"name": name}).scalar() or 0


def changed_serials(sql: Connection, names: tuple[str, str, str]) -> dict[str, int]:
    """The same for three names, in one statement."""
    rows = sql.execute(_SERIALS, dict(zip(_OF_VIEW, names, strict=True)))
    found = {row.name: row.serial for row in rows}
    return {name: found.get(name, 0) for name in names}


def _simple_file(project: str, row: File, provenance: str | None) -> SimpleFile:
    return SimpleFile(
        filename=row.filename,
        # Relative to the page, so that it stays right behind any prefix, proxy or view.
        url=f"../../files/{project}/{row.filename}",
        sha256=row.digest,
        size_bytes=row.size_bytes,
        uploaded_at=row.uploaded_at,
        version=row.version,
        requires_python=row.requires_python,
        yanked=row.yanked_at is not None,
        yanked_reason=row.yanked_reason,
        core_metadata_sha256=row.metadata_digest if row.metadata_served else None,
        provenance=provenance,
        signals={"signals": row.signals} if row.signals else {},
    )
