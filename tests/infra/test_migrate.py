"""The schema that migrations make is the one that the code describes."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import customhouse.app  # noqa: F401 - loads every room's tables
from customhouse.infra.db import METADATA, Database, database_url
from customhouse.infra.fair_lock import FairLock
from customhouse.infra.migrate import known_revisions, migrate
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Refused, Unavailable

READ_PATH = {"page", "gate", "changed"}


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
