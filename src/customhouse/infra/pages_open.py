"""The ready pages of the database that the settings name. Imports no SQLAlchemy: the read path stands on it."""

from __future__ import annotations

from customhouse.infra.pages import Pages
from customhouse.infra.settings import Settings


def open_pages(settings: Settings) -> Pages:
    """Open the read path's connections."""
    if settings.database:
        from customhouse.infra.pages_postgres import PostgresPages  # noqa: PLC0415 - only one driver is loaded

        return PostgresPages(plain_url(settings))
    from customhouse.infra.pages_sqlite import SqlitePages  # noqa: PLC0415 - as above

    return SqlitePages(settings.data / "customhouse.sqlite3")


def plain_url(settings: Settings) -> str:
    """The database's address as libpq has it, for the plain driver."""
    return settings.database.replace("postgresql+psycopg://", "postgresql://", 1)
