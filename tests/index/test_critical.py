"""Critical projects: counted by distinct networks (A59), marked for good by name, unmarked only by a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clock import TurnableClock
from customhouse.accounts.tables import account
from customhouse.app import App, open_app
from customhouse.catalog import critical_counts
from customhouse.catalog.critical import Rule
from customhouse.catalog.critical_tables import critical_count, critical_review, project_networks
from customhouse.catalog.downloads.fold import Pace, Source, fold
from customhouse.catalog.tables import critical_mark, file, name, project, release
from customhouse.formats.count_line import Noted
from customhouse.index.delete import Delete
from customhouse.index.mark_critical import (
    CountCritical,
    MarkCritical,
    count_critical,
    count_now,
    look_at_ranks,
    mark_critical,
)
from customhouse.index.restore import Restore, restore
from customhouse.index.slow.model import PendingChange
from customhouse.index.waited.apply import apply_due
from customhouse.infra.settings import Settings
from customhouse.ledger import queries as ledger
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Actor, Identity
from customhouse.work import JOBS

NAMES = ("anchor", "buoy", "compass", "dinghy")


@pytest.fixture
def app(database_settings: Settings, clock: TurnableClock) -> Iterator[App]:
    """Four projects with two files each, as rows; everything belongs to alice."""
    with open_app(database_settings, clock=clock) as opened:
        with opened.database.write() as sql:
            sql.execute(account.insert().values(id=1, name="alice", normalized="alice", created_at=clock.now()))
            for number, one in enumerate(NAMES, 1):
                build(sql, number, one, clock)
        yield opened


def build(sql: Connection, number: int, one: str, clock: TurnableClock) -> None:
    now = clock.now()
    sql.execute(name.insert().values(normalized=one, ultranormalized=one, state="hosted", claimed_at=now))
    sql.execute(project.insert().values(id=number, normalized=one, display=one, created_at=now, signals={}))
    for version in ("1.0", "2.0"):
        made = release.insert().values(project_id=number, version=version, created_at=now).returning(release.c.id)
        release_id = sql.execute(made).scalar_one()
        sql.execute(
            file.insert().values(
                project_id=number, release_id=release_id, filename=f"{one}-{version}.whl", kind="bdist_wheel",
                uploader_id=1, digest=f"{number}{version}", md5="", blake2b_256="", size_bytes=1, uploaded_at=now,
                signals=[], metadata_digest="", metadata_size_bytes=1, metadata_served=True, metadata=b"",
            )
        )  # fmt: skip


def taken(app: App, one: str, networks: int, *, times: int = 1, version: str = "1.0", first: int = 0) -> None:
    """So many networks take a file today, each so often."""
    day = app.clock.now().date()
    noted = [
        Noted(day, f"{one}-{version}.whl", number.to_bytes(16, "big"), times)
        for number in range(first, first + networks)
    ]
    source = Source(f"{one}-{version}-{first}-{app.clock.now().timestamp()}", "served")
    assert fold(app.database, source, noted, start=0, end=1, now=app.clock.now(), pace=Pace()) is not None


def marks(app: App) -> dict[str, str]:
    with app.database.read() as sql:
        rows = sql.execute(sa.select(critical_mark.c.normalized, critical_mark.c.source))
        return {row.normalized: row.source for row in rows}


def counted(app: App) -> dict[str, int]:
    critical_counts.keep_networks(app.database, app.clock.now())
    with app.database.read() as sql:
        ranked = critical_counts.ranked(sql, critical_counts.window(app.clock.now()))
    return {one.normalized: one.downloads for one in ranked}


def test_a59_one_network_that_downloads_ten_thousand_times_counts_once(app: App) -> None:
    taken(app, "anchor", 1, times=10_000)
    taken(app, "anchor", 1, times=10_000, version="2.0")  # nor does it help to have many files
    taken(app, "buoy", 3)
    assert counted(app) == {"buoy": 3, "anchor": 1}
    count_now(app.deeds, "1", ())
    assert marks(app) == {"buoy": "rule"}


def test_a59_what_was_counted_stays_when_the_networks_are_forgotten(app: App, clock: TurnableClock) -> None:
    taken(app, "anchor", 2)
    taken(app, "anchor", 2, version="2.0", first=1)
    assert counted(app) == {"anchor": 3}, "0 and 1 took the first file, 1 and 2 the second"
    with app.database.write() as sql:
        sql.execute(sa.text("DELETE FROM download_seen"))
    clock.turn(timedelta(days=3))
    assert counted(app) == {"anchor": 3}
    clock.turn(timedelta(days=180))
    assert counted(app) == {}
    with app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(project_networks)).scalar_one() == 0


def test_of_days_before_networks_were_kept_the_most_downloaded_file_stands_for_its_project(app: App) -> None:
    taken(app, "anchor", 5)
    taken(app, "anchor", 4, version="2.0")
    with app.database.write() as sql:
        sql.execute(sa.text("DELETE FROM download_seen"))
    assert counted(app) == {"anchor": 5}


def test_the_rule_marks_with_reason_rank_and_date_and_never_takes_a_mark_away(app: App, clock: TurnableClock) -> None:
    taken(app, "anchor", 9)
    taken(app, "buoy", 5)
    assert count_now(app.deeds, "25%", ()).marked == ["anchor"]
    with app.database.read() as sql:
        mark = critical_counts.mark_of(sql, "anchor")
    assert mark is not None
    assert (mark.rank, mark.downloads, mark.source) == (1, 9, "rule")
    assert mark.reason == "Rank 1 of 4 by downloads on 24 November 2026 (rule: 25%)."
    assert mark.marked_at.date() == date(2026, 11, 24)
    assert count_now(app.deeds, "25%", ()) == ([], [])

    clock.turn(timedelta(days=200))
    taken(app, "compass", 2)
    assert count_now(app.deeds, "25%", ()).marked == ["compass"]
    assert marks(app) == {"anchor": "rule", "compass": "rule"}
    with app.database.read() as sql:
        fallen = critical_counts.mark_of(sql, "anchor")
    assert fallen is not None
    assert (fallen.rank, fallen.downloads, fallen.marked_at) == (None, 0, mark.marked_at)
    assert count_now(app.deeds, "off", ()) == ([], [])
    assert set(marks(app)) == {"anchor", "compass"}


def test_a59_a_mark_sticks_to_the_name_through_deletion_and_return(app: App, clock: TurnableClock) -> None:
    alice = Actor(Identity("user", "1", "alice"), 1, operator=True)
    taken(app, "anchor", 9)
    count_now(app.deeds, "1", ())
    clock.turn(timedelta(hours=1))
    app.remove(Delete("anchor", "", "", "To begin anew.", "anchor", by=alice))
    assert count_now(app.deeds, "1", ()).marked == []
    assert marks(app) == {"anchor": "rule"}
    app.do(restore, Restore("anchor", by=alice))
    assert marks(app) == {"anchor": "rule"}


def test_an_operator_takes_a_mark_away_and_the_rule_asks_instead_of_putting_it_back(
    app: App, clock: TurnableClock
) -> None:
    taken(app, "anchor", 9)
    count_now(app.deeds, "1", ())
    with pytest.raises(Rejected, match="reason"):
        app.do(mark_critical, MarkCritical("anchor", " ", critical=False))
    waits = app.do(mark_critical, MarkCritical("anchor", "A robot takes it.", critical=False))
    assert isinstance(waits, PendingChange)
    with pytest.raises(Refused, match="waits already"):
        app.do(mark_critical, MarkCritical("anchor", "Now.", critical=False))
    assert marks(app) == {"anchor": "rule"}, "with the mark goes what protects it, so that waits"
    clock.turn(timedelta(hours=72))
    assert apply_due(app.deeds, waits.id)
    assert marks(app) == {}
    assert count_now(app.deeds, "1", ()) == ([], ["anchor"])
    assert count_now(app.deeds, "1", ()) == ([], []), "it asks once"
    assert marks(app) == {}
    with app.database.read() as sql:
        review = sql.execute(sa.select(critical_review)).one()
        kinds = [entry.kind for entry in ledger.of_project(sql, "anchor")]
    assert (review.taken_reason, review.source, review.rank, review.closed_at) == ("A robot takes it.", "rule", 1, None)
    assert review.asked_reason.startswith("Rank 1 of 4")
    assert kinds.count("critical-asked") == 1
    app.do(mark_critical, MarkCritical("anchor", "It was no robot."))
    assert marks(app) == {"anchor": "operator"}
    with app.database.read() as sql:
        assert sql.execute(sa.select(critical_review.c.closed_at)).scalar_one() is not None


def test_nobody_but_an_operator_takes_a_mark_away(app: App) -> None:
    taken(app, "anchor", 1)
    count_now(app.deeds, "1", ())
    with pytest.raises(Refused, match="operator"):
        app.do(mark_critical, MarkCritical("anchor", "x", critical=False, by=Actor(Identity("user", "1", "alice"), 1)))


def test_the_list_and_what_this_index_needs_are_marked_if_they_are_here(app: App) -> None:
    with app.database.read() as sql:
        ranks = look_at_ranks(sql, app.clock.now())
    wish = CountCritical(Rule.parse("off"), ranks, ("Buoy", "not-here"), ("compass", "neither"))
    assert sorted(app.do(count_critical, wish).marked) == ["buoy", "compass"]
    assert marks(app) == {"buoy": "list", "compass": "dependency"}


def test_private_projects_have_no_rank_and_stand_in_no_public_list(app: App) -> None:
    taken(app, "anchor", 9)
    taken(app, "buoy", 5)
    with app.database.write() as sql:
        sql.execute(project.update().where(project.c.normalized == "anchor").values(visibility="private"))
    app.do(mark_critical, MarkCritical("anchor", "Ours."))
    assert count_now(app.deeds, "2", ()).marked == ["buoy"]
    with app.database.read() as sql:
        assert [(one.normalized, one.rank) for one in critical_counts.public_marks(sql)] == [("buoy", 1)]
        count = critical_counts.latest_count(sql)
    assert count is not None
    assert (count.projects, count.downloads, count.marked) == (3, 5, 1)


def test_the_job_counts_once_a_day(app: App, clock: TurnableClock) -> None:
    taken(app, "anchor", 3)
    JOBS["count-critical"](app, {})
    assert set(marks(app)) == {"anchor"}
    taken(app, "buoy", 9)
    with app.database.write() as sql:
        sql.execute(critical_mark.delete())
    JOBS["count-critical"](app, {})
    assert marks(app) == {}, "this day is counted"
    clock.turn(timedelta(days=1))
    JOBS["count-critical"](app, {})
    assert set(marks(app)) == {"buoy"}


def test_the_coverage_is_measured_and_kept_day_by_day(app: App, clock: TurnableClock) -> None:
    for number, one in enumerate(NAMES):
        taken(app, one, 10 - 3 * number)
    count_now(app.deeds, "25%", ())
    with app.database.read() as sql:
        count = critical_counts.latest_count(sql)
    assert count is not None
    assert [(point.projects, point.downloads) for point in count.curve] == [(1, 10), (2, 17), (3, 21), (4, 22)]
    assert (count.marked, count.marked_downloads, round(count.marked_share, 4)) == (1, 10, 0.4545)
    clock.turn(timedelta(days=1))
    count_now(app.deeds, "25%", ())
    with app.database.read() as sql:
        days = list(sql.execute(sa.select(critical_count.c.day).order_by(critical_count.c.day)).scalars())
    assert days == [date(2026, 11, 24), date(2026, 11, 25)]
