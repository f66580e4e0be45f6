"""One deed, one transaction: all of it or nothing, in one order for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.users import AddUser, add_user
from customhouse.infra.db import Database, database_url
from customhouse.infra.settings import Settings
from customhouse.infra.tables import changed, job, page
from customhouse.ledger import queries
from customhouse.ledger.chain import GENESIS, Fault, entry_hash, first_fault
from customhouse.ledger.events import FileUploaded, UploadRefused, UserAdded
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import OPERATOR


@pytest.fixture
def deeds(database_settings: Settings, clock: TurnableClock) -> Iterator[Deeds]:
    database = Database(database_url(database_settings))
    yield Deeds(database, clock)
    database.close()


def uploaded(project: str = "demo") -> FileUploaded:
    return FileUploaded(OPERATOR, project, "1", f"{project}-1.whl", "aa", 1, "t")


def kinds(deeds: Deeds) -> list[str]:
    with deeds.database.read() as sql:
        return [entry.kind for entry in queries.entries(sql)]


def test_a_deed_writes_its_rows_events_and_jobs_together(deeds: Deeds) -> None:
    def deed(_command: None, tx: Tx) -> None:
        tx.record(uploaded())
        tx.later("sweep", {})

    deeds.do(deed, None)
    with deeds.database.read() as sql:
        assert sql.execute(sa.select(changed.c.serial).where(changed.c.name == "demo")).scalar() == 1
        assert sql.execute(sa.select(job.c.name)).scalars().all() == ["sweep"]
    assert kinds(deeds) == ["file-uploaded"]


def test_an_exception_leaves_everything_as_it_was(deeds: Deeds) -> None:
    def deed(_command: None, tx: Tx) -> None:
        tx.record(uploaded())
        tx.later("sweep", {})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        deeds.do(deed, None)
    with deeds.database.read() as sql:
        assert sql.execute(sa.select(job.c.name)).scalars().all() == []
    assert kinds(deeds) == []


def test_a_refusal_is_rolled_back_and_leaves_its_records(deeds: Deeds) -> None:
    trace = UploadRefused(OPERATOR, "demo", "demo-1.whl", "no", "No.", "t")

    def deed(_command: None, tx: Tx) -> None:
        tx.record(uploaded())
        raise Refused("no", "No.", records=(trace,))

    with pytest.raises(Refused):
        deeds.do(deed, None)
    assert kinds(deeds) == ["upload-refused"]


def test_a_change_deletes_the_projects_pages_and_only_those(deeds: Deeds) -> None:
    with deeds.database.write() as sql:
        for name in ("demo", "other", ""):
            sql.execute(sa.text(
                "INSERT INTO page (view, epoch, name, format, etag, serial, body, gzip)"
                " VALUES ('', 0, :name, 'json', 'x', 1, :body, :body)"), {"name": name, "body": b"x"})  # fmt: skip
    deeds.do(lambda _command, tx: tx.record(uploaded()), None)
    with deeds.database.read() as sql:
        assert sorted(sql.execute(sa.select(page.c.name)).scalars()) == ["", "other"]


def test_serials_have_no_gaps_and_follow_commits_under_load(deeds: Deeds) -> None:
    def upload(number: int) -> None:
        deeds.do(lambda _command, tx: tx.record(uploaded(f"p{number}")), None)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(upload, range(60)))
    with deeds.database.read() as sql:
        entries = list(queries.entries(sql))
        assert first_fault(entries) is None
        assert queries.head(sql) == (60, entries[-1].hash)


def test_whoever_polls_serials_skips_none(deeds: Deeds) -> None:
    """A reader that has seen serial n has seen everything up to n, while writers are at work."""
    seen: list[int] = []

    def upload(number: int) -> None:
        deeds.do(lambda _command, tx: tx.record(uploaded(f"p{number}")), None)

    with ThreadPoolExecutor(6) as threads:
        running = [threads.submit(upload, number) for number in range(50)]
        while len(seen) < 50:
            with deeds.database.read() as sql:
                seen += [entry.serial for entry in queries.entries(sql, after_serial=seen[-1] if seen else 0)]
    assert all(one.done() for one in running)
    assert seen == list(range(1, 51))


def test_a_changed_or_missing_entry_is_found(deeds: Deeds) -> None:
    for name in ("alice", "bob", "carol"):
        deeds.do(add_user, AddUser(name))
    with deeds.database.read() as sql:
        entries = list(queries.entries(sql))
    assert first_fault(entries) is None
    assert first_fault(entries[1:]) == Fault(2, "follows serial 0")
    forged = [entries[0], replace(entries[1], body="{}"), entries[2]]
    assert first_fault(forged) == Fault(2, "has other contents than its hash says")
    forged[1] = replace(forged[1], hash=entry_hash(forged[1]))
    assert first_fault(forged) == Fault(3, "does not name the hash of the entry before it")
    assert entries[0].previous_hash == GENESIS
    assert UserAdded.kind == entries[0].kind
