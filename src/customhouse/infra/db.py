"""The database: one set of statements for SQLite and PostgreSQL, writers in first-come order.

SQLite runs in WAL mode with ``synchronous=FULL``, so that a commit survives a power cut; each write is
``BEGIN IMMEDIATE`` behind a fair lock of this process, because SQLite's own busy handler starves the unlucky.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Dialect, Engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.types import TypeDecorator

from customhouse.infra.fair_lock import write_lock
from customhouse.infra.settings import Settings
from customhouse.terms.errors import Broken, Unavailable

METADATA = sa.MetaData()
BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
BUSY_SECONDS = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A moment in UTC, stored as whole microseconds since 1970: the same order and precision everywhere."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Aware datetime to microseconds."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Microseconds to aware datetime."""
        return None if value is None else _EPOCH + value * _MICROSECOND


class Database:
    """Short read and write transactions on one database."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.engine = _engine(url)
        self.dialect: Literal["sqlite", "postgresql"] = (
            "sqlite" if self.engine.dialect.name == "sqlite" else "postgresql"
        )
        self._write_lock = write_lock(Path(url.database or "")) if self.dialect == "sqlite" else None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that may write: committed at the end, rolled back by any exception.

        Raises `Unavailable` if the database is away or stays locked for 30 s.
        """
        if self._write_lock is not None and not self._write_lock.acquire(BUSY_SECONDS):
            raise Unavailable("The database", "other writers held it for too long")
        try:
            with self._translated(), self.engine.connect() as plain:
                connection = plain.execution_options(customhouse_write=True)
                with connection.begin():
                    yield connection
        finally:
            if self._write_lock is not None:
                self._write_lock.release()

    @contextmanager
    def rebuild(self) -> Iterator[Connection]:
        """One transaction that may make tables anew under rows that refer to them.

        SQLite changes a column by copying its table, and dropping the old one would count as deleting its rows. So
        foreign keys are looked at once, at the end, instead of row by row; a dangling one raises `Broken`.
        """
        if self.dialect != "sqlite":
            with self.write() as connection:
                yield connection
            return
        with self.engine.connect() as plain:
            plain.connection.cursor().execute("PRAGMA foreign_keys=OFF").close()
            try:
                connection = plain.execution_options(customhouse_write=True)
                with self._translated(), connection.begin():
                    yield connection
                    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                    if dangling:
                        raise Broken(f"{len(dangling)} rows would refer to nothing, the first in {dangling[0][0]!r}.")
            finally:
                plain.connection.cursor().execute("PRAGMA foreign_keys=ON").close()

    @contextmanager
    def read(self, *, snapshot: bool = False) -> Iterator[Connection]:
        """A connection for reading. SQLite always shows one moment; PostgreSQL does so with ``snapshot``."""
        with self._translated(), self.engine.connect() as connection:
            if snapshot and self.dialect == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901 - the same connection
            yield connection

    @staticmethod
    @contextmanager
    def _translated() -> Iterator[None]:
        try:
            yield
        except PoolTimeoutError as error:
            raise Unavailable("The database", "no connection became free") from error
        except DBAPIError as error:
            if error.connection_invalidated or isinstance(error, OperationalError):
                raise Unavailable("The database", type(error.orig).__name__) from error
            raise

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def database_url(settings: Settings) -> URL:
    """Where the settings say the database is: a PostgreSQL URL, or SQLite in the data folder."""
    if settings.database:
        url = make_url(settings.database)
        return url.set(drivername="postgresql+psycopg") if url.drivername.startswith("postgres") else url
    return sqlite_url(settings.data / "customhouse.sqlite3")


def sqlite_url(path: Path) -> URL:
    """The URL of a SQLite file."""
    return URL.create("sqlite", database=str(path))


def insert_new(connection: Connection, table: sa.Table, **values: object) -> sa.Row[Any] | None:
    """Insert a row unless one with the same key is there; its primary key if this call wrote it, else None.

    On PostgreSQL it waits for a rival transaction on the same key to end.
    """
    return connection.execute(_insert_new(table, connection.dialect.name), values).first()


def put_rows(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows over those with the same primary key."""
    connection.execute(_put_row(table, connection.dialect.name), rows)


@cache
def _insert_new(table: sa.Table, dialect: str) -> Any:
    return _insert(table, dialect).on_conflict_do_nothing().returning(*table.primary_key.columns)


@cache
def _put_row(table: sa.Table, dialect: str) -> Any:
    statement = _insert(table, dialect)
    others = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
    return statement.on_conflict_do_update(index_elements=[*table.primary_key.columns], set_=others)


def _insert(table: sa.Table, dialect: str) -> Any:
    """The dialect's own INSERT, which knows ON CONFLICT; the other dialect is not loaded."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - see above
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]  # noqa: PLC0415 - see above
    return insert(table)


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(
            url,
            poolclass=sa.QueuePool,
            pool_use_lifo=True,
            pool_size=8,
            max_overflow=32,
            connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return sa.create_engine(
        url,
        pool_size=8,
        max_overflow=32,
        pool_pre_ping=True,
        connect_args={"options": f"-c lock_timeout={BUSY_SECONDS}s -c statement_timeout=60s -c timezone=UTC"},
    )


def _prepare_sqlite(dbapi_connection: Any, _record: object) -> None:
    # We say BEGIN ourselves: the driver would only say it before the first write, too late for IMMEDIATE.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "temp_store=MEMORY",
        "cache_size=-65536",
        "mmap_size=268435456",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("customhouse_write", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # It touches no file and cannot fail; by the driver itself it takes a tenth of the time.
        connection.connection.cursor().execute("BEGIN").close()
