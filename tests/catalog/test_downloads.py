"""Counting downloads on both databases: from the spool into the sums, once, whatever dies in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.app import App, open_app
from customhouse.catalog.downloads import fold_spools as spools
from customhouse.catalog.downloads import queries
from customhouse.catalog.downloads.fold import LONGEST_SECONDS, MOST, Pace, Source, fold, position_of
from customhouse.catalog.downloads.fold_spools import fold_spools
from customhouse.catalog.downloads.neglect import NeglectedSpools
from customhouse.catalog.downloads.queries import Sums
from customhouse.catalog.downloads.tables import download, download_seen, download_source
from customhouse.catalog.queries import find_project
from customhouse.catalog.tables import file, release
from customhouse.formats.count_line import Noted, encode_count
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.count_spool import CountSpool, counts_folder
from customhouse.infra.db import Database
from customhouse.infra.settings import Settings
from customhouse.infra.spool_file import open_spool_file
from customhouse.work import PERIODIC, run_due_job, seed_periodic_jobs
from stock import FIRST, SECOND, Stocked, stocked_app

TODAY = date(2026, 11, 24)
SINCE = TODAY - timedelta(days=29)


@pytest.fixture
def stocked(database_settings: Settings, clock: TurnableClock) -> Iterator[Stocked]:
    with stocked_app(database_settings, clock) as opened:
        yield opened


def project_id(app: App, name: str = "demo") -> int:
    with app.database.read() as sql:
        found = find_project(sql, name)
    assert found is not None
    return found.id


def spool(app: App) -> CountSpool:
    return CountSpool(app.settings.data, app.clock, ClientHashes(app.key.secret), ())


def take(counts: CountSpool, peer: str, filename: str = FIRST, times: int = 1) -> None:
    for _ in range(times):
        counts.count(filename, {"client": (peer, 1), "headers": []})


def folded(app: App) -> int:
    return fold_spools(app.database, counts_folder(app.settings.data), app.clock.now())


def total(app: App, since: date = SINCE) -> Sums:
    with app.database.read() as sql:
        return queries.downloads_of(sql, project_id(app), since)


def rows(app: App, table: sa.Table) -> int:
    with app.database.read() as sql:
        return int(sql.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def spool_files(app: App) -> list[Path]:
    return sorted(counts_folder(app.settings.data).iterdir())


def test_one_client_that_hammers_counts_once(stocked: Stocked) -> None:
    """A59: downloads bought by a loop make a project neither popular nor critical."""
    with closing(spool(stocked.app)) as counts:
        for number in range(1, 255):
            take(counts, f"203.0.113.{number}", times=40)
        take(counts, "198.51.100.1")
    assert folded(stocked.app) == 254 * 40 + 1
    assert total(stocked.app) == Sums(raw=254 * 40 + 1, counted=2)
    with closing(spool(stocked.app)) as counts:
        take(counts, "203.0.113.1", times=100)
    folded(stocked.app)
    assert total(stocked.app) == Sums(raw=254 * 40 + 101, counted=2)


def test_each_file_and_each_day_counts_anew(stocked: Stocked) -> None:
    with closing(spool(stocked.app)) as counts:
        take(counts, "203.0.113.1", times=2)
        take(counts, "203.0.113.1", SECOND)
        stocked.clock.turn(timedelta(hours=12))
        take(counts, "203.0.113.1")
    folded(stocked.app)
    app, mine = stocked.app, project_id(stocked.app)
    with app.database.read() as sql:
        assert queries.by_day(sql, mine, SINCE) == [(TODAY, 3, 2), (TODAY + timedelta(days=1), 1, 1)]
        assert queries.by_version(sql, mine, SINCE) == [("1.0", 3, 2), ("2.0", 1, 1)]
        assert queries.by_file(sql, mine, TODAY + timedelta(days=1)) == [(FIRST, "1.0", 1, 1)]
        assert queries.files_of_day(sql, mine, TODAY) == [(FIRST, "1.0", 2, 1), (SECOND, "2.0", 1, 1)]
        assert queries.downloads_of(sql, mine, TODAY + timedelta(days=2)) == Sums(0, 0)


def test_little_used_is_measured_by_files_release_or_project(stocked: Stocked) -> None:
    with closing(spool(stocked.app)) as counts:
        take(counts, "203.0.113.1", times=9)
        take(counts, "198.51.100.1", times=9)
        take(counts, "198.51.100.1", SECOND)
    folded(stocked.app)
    with stocked.app.database.read() as sql:
        row = sql.execute(sa.select(file).where(file.c.filename == FIRST)).one()
        assert queries.counted_since(sql, since=SINCE, file_ids=[row.id]) == 2
        assert queries.counted_since(sql, since=SINCE, file_ids=[]) == 0
        assert queries.counted_since(sql, since=SINCE, release_id=row.release_id) == 2
        assert queries.counted_since(sql, since=SINCE, project_id=row.project_id) == 3
        assert queries.counted_since(sql, since=TODAY + timedelta(days=1), project_id=row.project_id) == 0
        with pytest.raises(ValueError, match="which"):
            queries.counted_since(sql, since=SINCE)


def test_two_processes_count_side_by_side(stocked: Stocked) -> None:
    with closing(spool(stocked.app)) as one, closing(spool(stocked.app)) as other:
        for _ in range(3):
            take(one, "203.0.113.1")
            take(other, "203.0.113.99")
            take(other, "198.51.100.1")
            one.flush()
            other.flush()
            folded(stocked.app)
        assert len(spool_files(stocked.app)) == 2
        assert total(stocked.app) == Sums(raw=9, counted=2)
    folded(stocked.app)
    assert spool_files(stocked.app) == []
    assert rows(stocked.app, download_source) == 0
    assert total(stocked.app) == Sums(raw=9, counted=2)


def test_folding_twice_adds_nothing(stocked: Stocked) -> None:
    with closing(spool(stocked.app)) as counts:
        take(counts, "203.0.113.1", times=5)
        counts.flush()
        assert [folded(stocked.app), folded(stocked.app)] == [5, 0]
        take(counts, "198.51.100.1", times=5)
        counts.flush()
        assert [folded(stocked.app), folded(stocked.app)] == [5, 0]
    assert folded(stocked.app) == 0
    assert total(stocked.app) == Sums(raw=10, counted=2)


def test_a_kill_between_folding_and_removal_counts_nothing_twice(stocked: Stocked) -> None:
    """The last batch is committed, the file still lies there: its offset says that it is folded."""
    with closing(spool(stocked.app)) as counts:
        take(counts, "203.0.113.1", times=5)
    (path,) = spool_files(stocked.app)
    content = path.read_bytes()
    database, now = stocked.app.database, stocked.clock.now()
    noted = [Noted(TODAY, FIRST, b"c" * 16, 5)]
    assert fold(database, Source(path.name, "served"), noted, start=0, end=len(content), now=now, pace=Pace()) == 5
    assert folded(stocked.app) == 0
    assert spool_files(stocked.app) == []
    assert total(stocked.app) == Sums(raw=5, counted=1)


def test_a_kill_between_removal_and_forgetting_leaves_a_row_that_is_swept(stocked: Stocked) -> None:
    now = stocked.clock.now()
    fold(stocked.app.database, Source("1-ff.counts", "served"), [], start=0, end=9, now=now, pace=Pace())
    folded(stocked.app)
    assert rows(stocked.app, download_source) == 1
    stocked.clock.turn(timedelta(days=91))
    folded(stocked.app)
    assert rows(stocked.app, download_source) == 0


def test_the_offset_of_a_file_that_is_still_here_is_never_forgotten(stocked: Stocked) -> None:
    with closing(spool(stocked.app)) as counts:
        take(counts, "203.0.113.1", times=5)
        counts.flush()
        folded(stocked.app)
        stocked.clock.turn(timedelta(days=91))
        assert [folded(stocked.app), folded(stocked.app)] == [0, 0]
        assert total(stocked.app) == Sums(raw=5, counted=1)


def test_a_torn_last_line_waits_for_its_end_and_is_dropped_when_its_writer_is_gone(
    stocked: Stocked, caplog: pytest.LogCaptureFixture
) -> None:
    line = encode_count(Noted(TODAY, FIRST, b"c" * 16, 1))
    with closing(spool(stocked.app)) as counts:
        take(counts, "203.0.113.1")
        counts.flush()
        (path,) = spool_files(stocked.app)
        with path.open("ab") as file:
            file.write(line[:30])
        assert folded(stocked.app) == 1
        with path.open("ab") as file:
            file.write(line[30:])
        assert folded(stocked.app) == 1
        with path.open("ab") as file:
            file.write(line[:30])
    assert folded(stocked.app) == 0
    assert spool_files(stocked.app) == []
    assert "ends in a torn line" in caplog.text
    assert total(stocked.app) == Sums(raw=2, counted=2)


def test_damage_in_the_middle_costs_only_its_lines(stocked: Stocked, caplog: pytest.LogCaptureFixture) -> None:
    lines = [encode_count(Noted(TODAY, FIRST, bytes([number]) * 16, 1)) for number in range(3)]
    folder = counts_folder(stocked.app.settings.data)
    folder.mkdir(exist_ok=True)
    damage = b"\0" * 600_000 + b"\r\nnonsense\n\xff\xfe\n"
    (folder / "1-damaged.counts").write_bytes(lines[0] + damage + lines[1] + lines[2])
    (folder / "2-no-newline.counts").write_bytes(b"\0" * 300_000)
    (folder / "somebody's notes").write_text("left alone")
    assert folded(stocked.app) == 3
    assert "damaged lines" in caplog.text
    assert [path.name for path in spool_files(stocked.app)] == ["somebody's notes"]


def test_a_file_that_the_index_does_not_know_is_left_out(stocked: Stocked) -> None:
    with closing(spool(stocked.app)) as counts:
        take(counts, "203.0.113.1", "unknown-1.0.tar.gz")
        take(counts, "203.0.113.1")
    assert folded(stocked.app) == 1
    assert total(stocked.app) == Sums(1, 1)


def test_who_was_seen_is_forgotten_after_two_days(stocked: Stocked) -> None:
    with closing(spool(stocked.app)) as counts:
        for number in range(1300):
            take(counts, f"10.{number // 250}.{number % 250}.1")
    folded(stocked.app)
    assert rows(stocked.app, download_seen) == 1300
    stocked.clock.turn(timedelta(days=1))
    folded(stocked.app)
    assert rows(stocked.app, download_seen) == 1300
    stocked.clock.turn(timedelta(days=1))
    folded(stocked.app)
    assert rows(stocked.app, download_seen) == 0
    assert total(stocked.app) == Sums(1300, 1300)


def test_counts_that_come_days_late_still_count_once(stocked: Stocked) -> None:
    """A worker that was away for a week: the day is the download's, not the worker's."""
    with closing(spool(stocked.app)) as one, closing(spool(stocked.app)) as other:
        take(one, "203.0.113.1")
        take(other, "203.0.113.2")
    stocked.clock.turn(timedelta(days=7))
    folded(stocked.app)
    with stocked.app.database.read() as sql:
        assert queries.by_day(sql, project_id(stocked.app), SINCE) == [(TODAY, 2, 1)]


def test_two_workers_at_once_fold_each_line_once(stocked: Stocked) -> None:
    with closing(spool(stocked.app)) as counts:
        for number in range(3000):
            take(counts, f"10.{number // 250}.{number % 250}.1", times=2)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            folded(stocked.app)
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
    folded(stocked.app)
    assert total(stocked.app) == Sums(6000, 3000)
    assert spool_files(stocked.app) == []


def test_somebody_else_s_offset_is_respected(stocked: Stocked) -> None:
    source, now = Source("1-ff.counts", "served"), stocked.clock.now()
    noted = [Noted(TODAY, FIRST, b"c" * 16, 1)]
    database = stocked.app.database
    assert fold(database, source, noted, start=0, end=10, now=now, pace=Pace()) == 1
    assert fold(database, source, noted, start=0, end=10, now=now, pace=Pace()) is None
    with database.read() as sql:
        assert position_of(sql, source.id) == 10
    assert total(stocked.app) == Sums(1, 1)


def test_what_we_served_and_what_a_log_says_are_never_added_up(stocked: Stocked) -> None:
    now, database = stocked.clock.now(), stocked.app.database

    def note(source: Source, clients: Sequence[int], times: int) -> None:
        noted = [Noted(TODAY, FIRST, bytes([client]) * 16, times) for client in clients]
        fold(database, source, noted, start=0, end=1, now=now, pace=Pace())

    note(Source("1-ff.counts", "served"), range(3), 1)
    note(Source("log-1", "log", 1), range(10), 2)
    assert total(stocked.app) == Sums(raw=20, counted=10)
    note(Source("2-ff.counts", "served"), range(40), 1)
    assert total(stocked.app) == Sums(raw=43, counted=40)


def test_a_batch_shrinks_when_the_disk_is_slow_and_grows_when_it_is_quick() -> None:
    pace = Pace()
    for _ in range(10):
        pace.took(pace.lines, LONGEST_SECONDS * 2)
    assert pace.lines == 20
    for _ in range(10):
        pace.took(pace.lines, 0.001)
    assert pace.lines == 2000
    pace.took(3, 0.001)
    assert pace.lines == 2000


@pytest.mark.slow
def test_bulk_folding_is_many_transactions_none_larger_than_its_pace(
    stocked: Stocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others write between two of them. How large one may be is learned from how long the ones before it took."""
    with closing(spool(stocked.app)) as counts:
        for number in range(6_000):
            take(counts, f"10.{number // 250}.{number % 250}.1")
    batches: list[tuple[int, int]] = []

    def watched(
        database: Database, source: Source, noted: Sequence[Noted], *, pace: Pace, start: int, end: int, now: datetime,
        keep_since: date | None,
    ) -> int | None:  # fmt: skip
        batches.append((len(noted), pace.lines))
        return fold(database, source, noted, start=start, end=end, now=now, pace=pace, keep_since=keep_since)

    monkeypatch.setattr(spools, "fold", watched)
    while folded(stocked.app):  # a busy machine needs more than one round
        pass
    assert sum(lines for lines, _ in batches) == 6_000
    assert all(lines <= most <= MOST for lines, most in batches), batches


def test_the_worker_folds_every_ten_seconds(stocked: Stocked) -> None:
    assert PERIODIC["fold-downloads"] == timedelta(seconds=10)
    seed_periodic_jobs(stocked.app)
    with closing(spool(stocked.app)) as counts:
        take(counts, "203.0.113.1")
        counts.flush()
        for expected in (1, 2):
            stocked.clock.turn(timedelta(seconds=10, milliseconds=100))
            while run_due_job(stocked.app):
                pass
            assert total(stocked.app) == Sums(expected, 1)
            take(counts, "203.0.113.2")
            counts.flush()


def test_a_deleted_file_stays_in_the_sums_and_leaves_the_lists(stocked: Stocked) -> None:
    with closing(spool(stocked.app)) as counts:
        take(counts, "203.0.113.1")
        take(counts, "203.0.113.1", SECOND)
    folded(stocked.app)
    mine = project_id(stocked.app)
    before = _lists(stocked.app, mine)
    for column in (file.c.deleted_at, file.c.erased_at, release.c.deleted_at, release.c.quarantined_at):
        first = sa.select(sa.func.min(column.table.c.id)).scalar_subquery()
        hidden = sa.update(column.table).where(column.table.c.id == first)
        with stocked.app.database.write() as sql:
            sql.execute(hidden.values({column: stocked.clock.now()}))
        expected = ([("2.0", 1, 1)], [(SECOND, "2.0", 1, 1)], Sums(2, 2))
        assert _lists(stocked.app, mine) == expected, column
        with stocked.app.database.write() as sql:
            sql.execute(hidden.values({column: None}))
    assert _lists(stocked.app, mine) == before


def _lists(app: App, mine: int) -> tuple[list[queries.VersionSums], list[queries.FileSums], Sums]:
    with app.database.read() as sql:
        return queries.by_version(sql, mine, SINCE), queries.by_file(sql, mine, SINCE), total(app)


def test_the_last_days_begin_with_today() -> None:
    moment = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
    assert queries.first_day(moment, 1) == TODAY
    assert queries.first_day(moment, 30) == date(2026, 10, 26)


def test_a_reader_of_a_spool_file_holds_it_only_if_nobody_writes(tmp_path: Path) -> None:
    path = tmp_path / "1-ff.counts"
    path.write_bytes(b"x\n")
    with open_spool_file(path) as one, open_spool_file(path) as other:
        assert (one.finished, other.finished) == (True, False)


@pytest.fixture
def apps(stocked: Stocked) -> Iterator[tuple[App, App]]:
    """Two processes' views of one database."""
    with open_app(stocked.app.settings, clock=TurnableClock()) as other:
        yield stocked.app, other


def test_two_apps_fold_into_one_database(apps: tuple[App, App]) -> None:
    one, other = apps
    for app in apps:
        with closing(spool(app)) as counts:
            take(counts, "203.0.113.1", times=2)
    folded(one)
    folded(other)
    assert total(one) == total(other) == Sums(4, 1)


def test_sums_are_rows_per_file_and_day(stocked: Stocked) -> None:
    with closing(spool(stocked.app)) as counts:
        take(counts, "203.0.113.1", times=5)
        take(counts, "198.51.100.1", times=5)
    folded(stocked.app)
    with stocked.app.database.read() as sql:
        (row,) = sql.execute(sa.select(download)).all()
    assert (row.day, row.counted_by, row.raw, row.counted) == (TODAY, "served", 10, 2)


def test_a_web_process_without_a_worker_beside_it_folds_by_itself(stocked: Stocked) -> None:
    """`customhouse web` alone on a machine: the job runs elsewhere and does not see these files."""
    folder = counts_folder(stocked.app.settings.data)
    watch = NeglectedSpools(stocked.app.database, folder, stocked.app.clock)
    assert watch.look() == 0
    with closing(spool(stocked.app)) as counts:
        take(counts, "203.0.113.1", times=3)
        counts.flush()
        assert watch.look() == 0, "a worker has its minute"
        assert watch.look() == 3
        take(counts, "203.0.113.1", times=4)
        counts.flush()
        assert watch.look() == 0
        assert folded(stocked.app) == 4
        assert watch.look() == 0, "a worker was there in time"
    assert total(stocked.app) == Sums(7, 1)


def test_looking_ends_with_the_process(stocked: Stocked) -> None:
    watch = NeglectedSpools(stocked.app.database, counts_folder(stocked.app.settings.data), stocked.app.clock)
    before = set(threading.enumerate())
    watch.start()
    assert len(set(threading.enumerate()) - before) == 1
    watch.close()
    assert set(threading.enumerate()) <= before
