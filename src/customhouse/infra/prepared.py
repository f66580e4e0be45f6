"""Whether an installation is as this version needs it, asked by plain drivers: a start that changes nothing is quick.

Loading what could bring a database to this version's schema takes longer than all else that a start does.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from customhouse.infra.pages_open import plain_url
from customhouse.infra.revisions import known_revisions
from customhouse.infra.settings import Settings

_REVISION = "SELECT version_num FROM alembic_version"
CONNECT_SECONDS = 5


def has_newest_schema(settings: Settings) -> bool:
    """Whether the database is at this version's revision; no, too, if it cannot be asked: whoever prepares says why."""
    return _revision(settings) == known_revisions()[-1]


def _revision(settings: Settings) -> str | None:
    return _of_postgres(plain_url(settings)) if settings.database else _of_sqlite(settings.data / "customhouse.sqlite3")


def _of_sqlite(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        connection = sqlite3.connect(path)
        try:
            row = connection.execute(_REVISION).fetchone()
        finally:
            connection.close()
    except sqlite3.Error:
        return None
    return str(row[0]) if row else None


def _of_postgres(url: str) -> str | None:
    import psycopg  # noqa: PLC0415 - only one driver is loaded

    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            row = connection.execute(_REVISION.encode()).fetchone()
    except psycopg.Error:
        return None
    return str(row[0]) if row else None


def was_at(settings: Settings) -> str:
    """The address at which this data folder was served last; empty if nobody knows."""
    try:
        return _site_file(settings).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def is_at(settings: Settings) -> None:
    """Note the address at which it is served now."""
    path = _site_file(settings)
    temporary = path.with_name("site.new")
    temporary.write_text(settings.public_url + "\n")
    temporary.replace(path)


def _site_file(settings: Settings) -> Path:
    return settings.data / "site"
