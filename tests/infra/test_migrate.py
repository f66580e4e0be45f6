"""The schema that migrations make is the one that the code describes."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.exc import IntegrityError

import customhouse.app  # noqa: F401 - loads every room's tables
from customhouse.infra.db import METADATA, Database, database_url
from customhouse.infra.fair_lock import FairLock
from customhouse.infra.migrate import migrate
from customhouse.infra.prepared import has_newest_schema
from customhouse.infra.revisions import known_revisions
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Broken, Refused, Unavailable

READ_PATH = {"page", "gate", "changed", "edition"}


def test_the_migrated_schema_is_the_described_one(database_settings: Settings) -> None:
    database = Database(database_url(database_settings))

    def ours(_object: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
        # The words of search lie in tables that SQLAlchemy cannot describe.
        words = str(name).startswith("search_words")
        return not (kind == "table" and (words or name in READ_PATH | {"alembic_version"}))

    with database.read() as sql:
        context = MigrationContext.configure(sql, opts={"include_object": ours, "compare_type": False})
        differences = compare_metadata(context, METADATA)
    database.close()
    assert differences == []


def test_migrating_again_changes_nothing(database_settings: Settings) -> None:
    database = Database(database_url(database_settings))
    assert migrate(database) == known_revisions()[-1]
    database.close()


def test_a_start_that_has_nothing_to_migrate_sees_so_without_loading_what_migrates(database_settings: Settings) -> None:
    assert has_newest_schema(database_settings)
    database = Database(database_url(database_settings))
    with database.write() as sql:
        sql.execute(sa.text("UPDATE alembic_version SET version_num = '0016'"))
    assert not has_newest_schema(database_settings)
    with database.write() as sql:
        sql.execute(sa.text("DELETE FROM alembic_version"))
    assert not has_newest_schema(database_settings)
    database.close()


def test_a_database_that_is_not_there_has_not_the_newest_schema(tmp_path: Path) -> None:
    assert not has_newest_schema(Settings.model_validate({"data": tmp_path}))
    assert list(tmp_path.iterdir()) == []
    elsewhere = {"data": tmp_path, "database": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    assert not has_newest_schema(Settings.model_validate(elsewhere))


def test_rows_that_refer_to_a_table_outlive_its_making_anew(database_settings: Settings) -> None:
    database = Database(database_url(database_settings))
    with database.write() as sql:
        _one_file_with_a_requirement(sql)
    with database.rebuild() as sql:
        operations = Operations(MigrationContext.configure(sql))
        with operations.batch_alter_table("file", recreate="auto") as file:
            file.alter_column("uploader_id", existing_type=sa.BigInteger(), nullable=False)
    with database.read() as sql:
        assert sql.execute(sa.text("SELECT name FROM requirement JOIN file ON file.id = file_id")).scalar() == "other"
    if database.dialect == "sqlite":
        with pytest.raises(Broken, match="'requirement'"), database.rebuild() as sql:
            sql.execute(sa.text("DELETE FROM file"))
        with pytest.raises(IntegrityError), database.write() as sql:
            sql.execute(sa.text("DELETE FROM file"))
    database.close()


def _one_file_with_a_requirement(sql: sa.Connection) -> None:
    for statement in (
        "INSERT INTO account (id, name, normalized, created_at) VALUES (1, 'ann', 'ann', 0)",
        "INSERT INTO name (normalized, ultranormalized, state, claimed_at) VALUES ('a', 'a', 'hosted', 0)",
        "INSERT INTO project (id, normalized, display, created_at, signals) VALUES (1, 'a', 'a', 0, '{}')",
        "INSERT INTO release (id, project_id, version, created_at) VALUES (1, 1, '1', 0)",
        (
            "INSERT INTO file (id, project_id, release_id, filename, kind, digest, md5, blake2b_256, size_bytes, uploaded_at,"
            " uploader_id, metadata_digest, metadata_size_bytes, metadata_served, metadata, signals)"
            " VALUES (1, 1, 1, 'a-1.tar.gz', 'sdist', 'd', 'm', 'b', 1, 0, 1, 'e', 1, true, '', '[]')"
        ),
        "INSERT INTO requirement (file_id, name) VALUES (1, 'other')",
    ):
        sql.execute(sa.text(statement))


def test_a_database_of_a_later_version_is_refused(database_settings: Settings) -> None:
    database = Database(database_url(database_settings))
    with database.write() as sql:
        sql.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Refused, match="9999"):
        migrate(database)
    database.close()


def test_a_database_that_is_away_is_unavailable(tmp_path: Path) -> None:
    database = Database(database_url(Settings.model_validate({"data": tmp_path / "nowhere" / "at-all"})))
    with pytest.raises(Unavailable), database.read() as sql:
        sql.execute(sa.text("SELECT 1"))
    database.close()


def test_a_fair_lock_gives_up_in_time() -> None:
    lock = FairLock()
    assert lock.acquire(1)
    assert not lock.acquire(0.01)
    lock.release()
    assert lock.acquire(0.01)
