"""Keeping search true: a project's row is written again from what is listed now."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import queries
from customhouse.catalog.hosted import changed_serial
from customhouse.catalog.model import File, Project, offered
from customhouse.catalog.search.document import Document, document, head_vector, lexemes
from customhouse.catalog.search.tables import search_entry
from customhouse.catalog.tables import project
from customhouse.formats.metadata import parse_stored_metadata
from customhouse.formats.project_json import choose_version
from customhouse.infra.db import Database, put_rows
from customhouse.ledger.chain import Entry

BATCH = 100

_WRITTEN = sa.select(search_entry.c.serial).where(search_entry.c.normalized == sa.bindparam("name"))
_ID = sa.select(search_entry.c.project_id).where(search_entry.c.normalized == sa.bindparam("name"))
_FORGET = search_entry.delete().where(search_entry.c.project_id == sa.bindparam("id"))
_FORGET_WORDS = {
    "sqlite": sa.text("DELETE FROM search_words WHERE rowid = :id"),
    "postgresql": sa.text("DELETE FROM search_words WHERE project_id = :id"),
}
_PUT_WORDS = {
    "sqlite": sa.text(
        "INSERT INTO search_words (rowid, name, summary, keywords, classifiers, description) "
        "VALUES (:id, :name, :summary, :keywords, :classifiers, :description)"
    ),
    "postgresql": sa.text(
        "INSERT INTO search_words (project_id, words, head) "
        "VALUES (:id, array_to_tsvector(CAST(:lexemes AS text[])), CAST(:head AS tsvector))"
    ),
}
_NAMES = (
    sa.select(project.c.normalized)
    .where(project.c.normalized > sa.bindparam("after"))
    .order_by(project.c.normalized)
    .limit(BATCH)
)


def index_entry(sql: Connection, entry: Entry) -> None:
    """Follow the ledger: whatever happened to a project, its row is looked at."""
    if entry.project is not None:
        index_project(sql, entry.project)


def index_project(sql: Connection, normalized: str, *, again: bool = False) -> None:
    """Write a project's row from what is listed now; a project that lists no file to everybody has none.

    Writing it again writes the same. A row that was written after the project's last change is left alone, unless
    ``again``.
    """
    serial = changed_serial(sql, normalized)
    if not again and sql.execute(_WRITTEN, {"name": normalized}).scalar() == serial:
        return
    found = queries.find_project(sql, normalized)
    files = offered(found, queries.files_of(sql, found.id)) if found is not None and found.public else []
    if found is None or not files:
        _forget(sql, normalized)
        return
    _write(sql, found, files, serial)


def index_all(database: Database) -> int:
    """Write every project's row again, a short transaction for each; returns how many projects there were."""
    after, count = "", 0
    while True:
        with database.read() as sql:
            names = list(sql.execute(_NAMES, {"after": after}).scalars())
        for name in names:
            with database.write() as sql:
                index_project(sql, name, again=True)
        count += len(names)
        if len(names) < BATCH:
            return count
        after = names[-1]


def _forget(sql: Connection, normalized: str) -> None:
    project_id = sql.execute(_ID, {"name": normalized}).scalar()
    if project_id is not None:
        sql.execute(_FORGET_WORDS[sql.dialect.name], {"id": project_id})
        sql.execute(_FORGET, {"id": project_id})


def _write(sql: Connection, found: Project, files: list[File], serial: int) -> None:
    yanked = {file.version for file in files} - {file.version for file in files if file.yanked_at is None}
    version = choose_version(sorted({file.version for file in files}), sorted(yanked)) or ""
    of_version = [file for file in files if file.version == version]
    speaks = min(of_version, key=lambda file: (file.kind != "bdist_wheel", file.id))
    metadata = parse_stored_metadata(queries.metadata_text(sql, speaks.id))
    row = {
        "project_id": found.id,
        "serial": serial,
        "normalized": found.normalized,
        "display": found.display,
        "version": version,
        "summary": metadata.summary,
        "released_at": min(file.uploaded_at for file in of_version),
    }
    put_rows(sql, search_entry, [row])
    put_words(sql, found.id, document(found.display, metadata))


def put_words(sql: Connection, project_id: int, of: Document) -> None:
    """Write a project's words over those that are there."""
    dialect = sql.dialect.name
    sql.execute(_FORGET_WORDS[dialect], {"id": project_id})
    values: dict[str, object] = {"id": project_id}
    if dialect == "sqlite":
        names = ("name", "summary", "keywords", "classifiers", "description")
        values |= {name: " ".join(field) for name, field in zip(names, of.fields, strict=True)}
    else:
        values |= {"lexemes": lexemes(of), "head": head_vector(of)}
    sql.execute(_PUT_WORDS[dialect], values)
