"""Bringing a database to the schema of this version. A database from a later version is refused, not guessed at."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.infra.db import Database
from customhouse.infra.revisions import known_revisions
from customhouse.terms.errors import Refused


def current_revision(connection: Connection) -> str | None:
    """The revision that the database is at, or None if it is empty."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def migrate(database: Database) -> str:
    """Bring the database to the newest revision, all steps in one transaction; returns that revision.

    On PostgreSQL a lock keeps a second server from migrating at the same time; SQLite has one writer anyway.
    """
    newest = known_revisions()[-1]
    with database.rebuild() as connection:
        if database.dialect == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(8417)"))
        current = current_revision(connection)
        if current == newest:
            return newest
        if current is not None and current > newest:
            raise Refused(
                "database-too-new",
                f"The database is at revision {current}, and this version of Customhouse knows only {newest}.",
                "Run the version that wrote it, or a later one.",
                status=409,
            )
        _upgrade(connection)
    return newest


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - slow to load, and most starts need no migration
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", "customhouse.infra:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
