"""An index with two files of one project, as rows alone: for tests that never ask for the bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from clock import TurnableClock
from customhouse.accounts.tables import account
from customhouse.app import App, open_app
from customhouse.catalog.tables import file, name, project, release
from customhouse.infra.settings import Settings

FIRST, SECOND = "demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"


@dataclass(frozen=True)
class Stocked:
    """An app on such an index, and its clock."""

    app: App
    clock: TurnableClock


@contextmanager
def stocked_app(settings: Settings, clock: TurnableClock) -> Iterator[Stocked]:
    """Open an app on a prepared database and put the rows there."""
    with open_app(settings, clock=clock) as app:
        with app.database.write() as sql:
            stock(sql, clock.now())
        yield Stocked(app, clock)


def stock(sql: Connection, now: datetime) -> None:
    """Two releases of the project ``demo``, each with one file; every id is 1 or 2."""
    sql.execute(account.insert().values(id=1, name="alice", normalized="alice", email="", created_at=now))
    sql.execute(name.insert().values(normalized="demo", ultranormalized="dem0", state="hosted", claimed_at=now))
    sql.execute(project.insert().values(id=1, normalized="demo", display="demo", created_at=now, signals={}))
    for number, (filename, version) in enumerate([(FIRST, "1.0"), (SECOND, "2.0")], 1):
        sql.execute(release.insert().values(id=number, project_id=1, version=version, created_at=now))
        sql.execute(
            file.insert().values(
                id=number, project_id=1, release_id=number, filename=filename, kind="bdist_wheel", uploader_id=1,
                digest=f"{number:064}", md5="", blake2b_256="", size_bytes=1, uploaded_at=now, signals=[],
                metadata_digest="", metadata_size_bytes=1, metadata_served=True, metadata=b"",
            )
        )  # fmt: skip
