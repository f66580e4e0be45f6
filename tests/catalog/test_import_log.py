"""Importing access logs on both databases: each byte counts once, however often and in which shape it comes."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import IO

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.catalog.downloads import queries
from customhouse.catalog.downloads.fold import Pace, Source, fold
from customhouse.catalog.downloads.fold_spools import fold_spools
from customhouse.catalog.downloads.import_log import Imported, import_log
from customhouse.catalog.downloads.queries import Sums
from customhouse.catalog.downloads.tables import fetched
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.settings import Settings
from customhouse.ledger.tables import ledger_event
from customhouse.terms.errors import Refused, Rejected
from stock import FIRST, SECOND, Stocked, stocked_app

TODAY = date(2026, 11, 24)


@dataclass(frozen=True)
class LogOnDisk:
    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def open(self, purpose: str) -> AbstractContextManager[IO[bytes]]:
        assert purpose in ("reading", "counting")
        return self.path.open("rb")


@pytest.fixture
def stocked(database_settings: Settings, clock: TurnableClock) -> Iterator[Stocked]:
    with stocked_app(database_settings, clock) as opened:
        yield opened


def line(client: str, filename: str = FIRST, *, at: str = "24/Nov/2026:10:00:00 +0000", status: int = 200) -> bytes:
    return f'{client} - - [{at}] "GET /files/demo/{filename} HTTP/1.1" {status} 9 "-" "pip"\n'.encode()


def lines(count: int, first: int = 0) -> bytes:
    """As many downloads, each from a network of its own."""
    return b"".join(line(f"10.{number // 250}.{number % 250}.1") for number in range(first, first + count))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def imported(stocked: Stocked, path: Path) -> Imported:
    return import_log(stocked.app.deeds, ClientHashes(stocked.app.key.secret), LogOnDisk(path))


def total(stocked: Stocked) -> Sums:
    with stocked.app.database.read() as sql:
        return queries.downloads_of(sql, 1, TODAY - timedelta(days=400))


def test_a_log_is_counted_by_day_file_and_network(stocked: Stocked, log: Path) -> None:
    log.write_bytes(
        line("203.0.113.1") + line("203.0.113.2") + line("198.51.100.1")
        + line("203.0.113.1", SECOND) + line("203.0.113.1", "unknown-1.0.tar.gz") + line("203.0.113.1", status=304)
        + line("203.0.113.1", at="23/Nov/2026:23:30:00 -0100") + line("203.0.113.1", at="24/Nov/2026:00:30:00 +0100")
    )  # fmt: skip
    assert imported(stocked, log) == Imported(lines=8, downloads=6, unknown_files=1)
    with stocked.app.database.read() as sql:
        assert queries.by_day(sql, 1, TODAY - timedelta(days=5)) == [(TODAY - timedelta(days=1), 1, 1), (TODAY, 5, 3)]
        assert queries.is_any_log_imported(sql)


def test_who_fetched_what_is_kept_of_the_days_that_the_setting_names(stocked: Stocked, log: Path) -> None:
    log.write_bytes(
        line("203.0.113.1") + line("203.0.113.2") + line("198.51.100.1", at="22/Nov/2026:10:00:00 +0000")
        + line("198.51.100.1", at="21/Nov/2026:10:00:00 +0000")
    )  # fmt: skip
    hashes = ClientHashes(stocked.app.key.secret)
    done = import_log(stocked.app.deeds, hashes, LogOnDisk(log), fetched_days=3)
    assert done.downloads == 4
    with stocked.app.database.read() as sql:
        rows = sql.execute(sa.select(fetched.c.day, fetched.c.who, fetched.c.times).order_by(fetched.c.day)).all()
    assert [tuple(row) for row in rows] == [(TODAY - timedelta(days=2), "", 1), (TODAY, "", 2)]


def test_the_same_log_again_adds_nothing(stocked: Stocked, log: Path, tmp_path: Path) -> None:
    log.write_bytes(lines(500))
    assert imported(stocked, log).downloads == 500
    assert imported(stocked, log) == Imported()
    packed, renamed = tmp_path / "access.log.1.gz", tmp_path / "somewhere-else.txt"
    packed.write_bytes(gzip.compress(log.read_bytes()[:9000]) + gzip.compress(log.read_bytes()[9000:]))
    renamed.write_bytes(log.read_bytes())
    assert imported(stocked, packed) == imported(stocked, renamed) == Imported()
    assert total(stocked) == Sums(500, 500)


def test_a_log_that_has_grown_is_imported_from_where_it_ended(stocked: Stocked, log: Path) -> None:
    for number, grown in enumerate([100, 150, 400]):
        log.write_bytes(lines(grown))
        assert imported(stocked, log).downloads == [100, 50, 250][number]
    log.write_bytes(lines(400, first=1000))
    assert imported(stocked, log).downloads == 400, "another log of the same length is another log"
    assert total(stocked) == Sums(800, 800)


def test_a_killed_import_goes_on_where_it_was(stocked: Stocked, log: Path) -> None:
    content = lines(300)
    log.write_bytes(content)
    part = content[: content.index(b"\n", 5000) + 1]
    source = Source(f"log-{hashlib.sha256(content).hexdigest()}", "log", len(content))
    fold(stocked.app.database, source, [], start=0, end=len(part), now=stocked.clock.now(), pace=Pace())
    assert imported(stocked, log).downloads == 300 - part.count(b"\n")
    log.write_bytes(content + lines(10, first=300))
    assert imported(stocked, log).downloads == 10


def test_a_killed_import_of_a_log_that_has_grown_since_goes_on_too(stocked: Stocked, log: Path) -> None:
    content = lines(300)
    part = content[: content.index(b"\n", 5000) + 1]
    source = Source(f"log-{hashlib.sha256(content).hexdigest()}", "log", len(content))
    fold(stocked.app.database, source, [], start=0, end=len(part), now=stocked.clock.now(), pace=Pace())
    log.write_bytes(content + lines(10, first=300))
    assert imported(stocked, log).downloads == 310 - part.count(b"\n")


def test_two_imports_of_one_log_at_once_count_once(stocked: Stocked, log: Path) -> None:
    """While this import reads, another one finishes the same log: this one finds its offset taken and stops."""
    log.write_bytes(lines(300))

    @dataclass(frozen=True)
    class Overtaken(LogOnDisk):
        def open(self, purpose: str) -> AbstractContextManager[IO[bytes]]:
            if purpose == "counting":
                imported(stocked, self.path)
            return super().open(purpose)

    with pytest.raises(Refused) as refusal:
        import_log(stocked.app.deeds, ClientHashes(stocked.app.key.secret), Overtaken(log))
    assert refusal.value.code == "log-busy"
    assert total(stocked) == Sums(300, 300)


def test_bad_lines_are_counted_and_the_first_is_named(stocked: Stocked, log: Path) -> None:
    log.write_bytes(
        line("203.0.113.1") + b"nonsense\n" + b"\xff" * 3_000_000 + b"\n" + line("198.51.100.1")
        + line("192.0.2.1", at="24/Nov/2031:10:00:00 +0000") + b"\n"
    )  # fmt: skip
    done = imported(stocked, log)
    assert (done.lines, done.downloads, done.bad_lines, done.first_bad_line) == (6, 2, 3, 2)
    assert "combined format" in done.first_bad_reason
    assert total(stocked) == Sums(2, 2)


def test_the_first_bad_line_is_numbered_in_the_whole_log(stocked: Stocked, log: Path) -> None:
    log.write_bytes(lines(50))
    imported(stocked, log)
    log.write_bytes(lines(60) + b"nonsense\n")
    assert imported(stocked, log).first_bad_line == 61


def test_a_torn_last_line_is_left_for_the_next_import(stocked: Stocked, log: Path) -> None:
    whole = lines(2)
    log.write_bytes(whole[:-60])
    done = imported(stocked, log)
    assert (done.downloads, done.bad_lines, done.first_bad_line) == (1, 1, 2)
    log.write_bytes(whole)
    assert imported(stocked, log) == Imported(lines=1, downloads=1)
    assert imported(stocked, log) == Imported()


def test_a_last_line_without_its_newline_counts_when_it_can_be_read(stocked: Stocked, log: Path) -> None:
    log.write_bytes(lines(2)[:-1])
    assert imported(stocked, log) == Imported(lines=2, downloads=2)
    assert imported(stocked, log) == Imported()


@pytest.mark.parametrize("content", [b"", b"\n", b"# nothing\n"], ids=["empty", "an empty line", "a comment"])
def test_a_log_without_downloads_is_a_log_all_the_same(stocked: Stocked, log: Path, content: bytes) -> None:
    log.write_bytes(content)
    assert imported(stocked, log) == Imported(lines=content.count(b"\n"))
    assert imported(stocked, log) == Imported()
    assert total(stocked) == Sums(0, 0)


def test_a_damaged_gzip_counts_nothing(stocked: Stocked, log: Path) -> None:
    packed = gzip.compress(lines(5000))
    for damaged in (packed[:-20], packed[:5000] + b"\0" * 20 + packed[5020:], packed + b"rubbish"):
        log.write_bytes(damaged)
        with pytest.raises(Rejected, match=r"access\.log: it cannot be unpacked"):
            imported(stocked, log)
    assert total(stocked) == Sums(0, 0)


def test_an_old_day_counts_a_network_once_over_several_logs(stocked: Stocked, log: Path) -> None:
    """The worker sweeps between the imports; what it forgets is what was noted two days ago, not what happened then."""
    for second in range(3):
        log.write_bytes(line("203.0.113.1", at=f"01/Mar/2026:10:00:0{second} +0000"))
        imported(stocked, log)
        fold_spools(stocked.app.database, log.parent, stocked.clock.now())
    assert total(stocked) == Sums(raw=3, counted=1)


def test_an_import_leaves_an_event(stocked: Stocked, log: Path) -> None:
    log.write_bytes(lines(3) + b"nonsense\n")
    imported(stocked, log)
    imported(stocked, log)
    with stocked.app.database.read() as sql:
        rows = sql.execute(sa.select(ledger_event).where(ledger_event.c.kind == "download-log-imported")).all()
    (event,) = rows
    digest = hashlib.sha256(log.read_bytes()).hexdigest()
    assert (event.actor_kind, event.project) == ("operator", None)
    assert f'"log":"log-{digest}"' in event.body
    assert '"bad_lines":1' in event.body
