"""What is counted once a day, and what of it is told: counts, gaps that stay gaps, and nothing about one person."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clock import TurnableClock
from customhouse.accounts.tables import account, second_factor
from customhouse.accounts.users import Freeze, freeze
from customhouse.app import open_app
from customhouse.catalog.tables import critical_mark, project
from customhouse.index.recovery.tables import recovery_case
from customhouse.index.trust.model import STEP, Snapshot, at_rank, first_day, parse_range, recovery_told, told
from customhouse.index.trust.queries import last_snapshot, single_maintainer_projects, snapshots
from customhouse.index.trust.snapshot import take_snapshot
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.terms.errors import Rejected
from customhouse.work import JOBS, PERIODIC
from neighbours import found_project, join, user
from world import World

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def factor(world: World, who: str, *methods: str) -> None:
    with world.app.database.write() as sql:
        for method in methods:
            row = {"account_id": user(world, who).id, "method": method, "label": method, "created_at": NOW}
            sql.execute(second_factor.insert().values(**row))


def mark(world: World, *names: str) -> None:
    with world.app.database.write() as sql:
        for name in names:
            sql.execute(critical_mark.insert().values(normalized=name, reason="Much is built on it.", marked_at=NOW))


def count(world: World) -> Snapshot:
    """Count today, and look at it."""
    take_snapshot(world.app.database, world.clock.now())
    with world.app.database.read() as sql:
        found = last_snapshot(sql)
    assert found is not None
    return found


def singles(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return single_maintainer_projects(sql)


def test_accounts_are_counted_by_method_and_frozen_ones_not_at_all(small_world: World) -> None:
    for who in ("alice", "bob", "carol", "dave", "erin", "frank"):
        user(small_world, who)
    factor(small_world, "alice", "webauthn", "webauthn")
    factor(small_world, "bob", "webauthn", "totp")
    factor(small_world, "carol", "totp")
    factor(small_world, "frank", "totp")
    small_world.app.do(freeze, Freeze("frank", "He was taken over."))
    found = count(small_world)
    assert (found.accounts, found.webauthn_only, found.both_methods, found.totp_only) == (5, 1, 1, 1)


def test_people_of_critical_projects_are_counted_once_and_projects_by_people(world: World) -> None:
    for name in ("demo", "other", "third", "plain"):
        found_project(world, name)
    found_project(world, "hidden", "bob", visibility="private")
    join(world, "bob")
    join(world, "carol", "owner")
    join(world, "bob", project="other")
    mark(world, "demo", "other", "third", "hidden")
    factor(world, "alice", "webauthn")
    found = count(world)
    assert (found.critical_projects, found.critical_people, found.critical_protected) == (3, 3, 1)
    assert found.projects_by_people == {"1": 1, "2": 1, "3": 1}
    assert singles(world) == ["third"]


def test_a_project_that_became_private_since_is_no_longer_named(small_world: World) -> None:
    found_project(small_world)
    mark(small_world, "demo")
    count(small_world)
    assert singles(small_world) == ["demo"]
    with small_world.app.database.write() as sql:
        sql.execute(project.update().values(visibility="private"))
    assert singles(small_world) == []


def test_the_first_run_of_a_day_counts_and_missed_days_stay_gaps(world: World) -> None:
    user(world, "alice")
    assert take_snapshot(world.app.database, world.clock.now())
    user(world, "bob")
    assert not take_snapshot(world.app.database, world.clock.now())
    world.clock.turn(DAY)
    assert take_snapshot(world.app.database, world.clock.now())
    world.clock.turn(4 * DAY)
    assert take_snapshot(world.app.database, world.clock.now())
    with world.app.database.read() as sql:
        found = snapshots(sql, date(2026, 1, 1))
    assert [(one.day.day, one.accounts) for one in found] == [(24, 1), (25, 2), (29, 2)]


def test_two_workers_count_a_day_once(database_settings: Settings, clock: TurnableClock, walkers: Walkers) -> None:
    with ExitStack() as stack:
        apps = [stack.enter_context(open_app(database_settings, clock=clock, walkers=walkers)) for _ in range(2)]
        with ThreadPoolExecutor(8) as threads:
            done = list(threads.map(lambda number: take_snapshot(apps[number % 2].database, NOW), range(8)))
    assert done.count(True) == 1
    with open_app(database_settings, clock=clock, walkers=walkers) as again:
        assert not take_snapshot(again.database, NOW), "nor after a restart"


def test_the_worker_looks_often_enough_to_miss_no_day() -> None:
    assert PERIODIC["trust-snapshot"] <= timedelta(hours=1)
    assert "trust-snapshot" in JOBS


def test_recovery_times_are_those_of_cases_that_gave_an_account_back(small_world: World) -> None:
    alice = user(small_world, "alice")
    with small_world.app.database.write() as sql:
        for number, (hours, outcome, ago) in enumerate(
            [
                (10, "completed", 10),
                (20, "completed", 20),
                (90, "completed", 30),
                (1, "refused", 10),
                (5, "completed", 400),
            ]
        ):
            opened = NOW - timedelta(days=ago)
            sql.execute(
                recovery_case.insert().values(
                    public_id=f"c{number}", account_id=alice.id, sent=True, opened_at=opened, expires_at=NOW,
                    closed_at=opened + timedelta(hours=hours), outcome=outcome,
                )
            )  # fmt: skip
    found = count(small_world)
    assert found.recoveries == 3
    assert (found.recovery_median_seconds, found.recovery_ninety_seconds) == (20 * 3600, 90 * 3600)


def snapshot(*, accounts: int = 0, webauthn: int = 0, totp: int = 0, both: int = 0, people: int = 0, protected: int = 0,
             recoveries: int = 0) -> Snapshot:  # fmt: skip
    return Snapshot(
        NOW.date(), NOW, accounts, webauthn, totp, both, 1, people, protected, {"1": 1}, 0, recoveries,
        3600 if recoveries else None, 7200 if recoveries else None,
    )  # fmt: skip


def told_of(protected: int, bare: int) -> tuple[object, ...]:
    """Everything that is told of a group in which so many have a second factor and so many have none."""
    day = told(snapshot(accounts=protected + bare, webauthn=protected, people=protected + bare, protected=protected))
    return (
        day.accounts, day.second_factor, day.webauthn_only, day.others, day.critical_people, day.critical_protected
    )  # fmt: skip


@given(st.integers(0, 40), st.integers(0, 40))
def test_nobody_is_found_to_lack_a_second_factor_even_by_comparing_two_days(protected: int, bare: int) -> None:
    """Who stays, comes or goes without one looks like somebody who has one."""
    everybody = range(protected + bare + 1)
    before = told_of(protected, bare)
    as_before = [
        (have, protected + bare - have) for have in everybody if told_of(have, protected + bare - have) == before
    ]
    if protected + bare:
        assert any(have for have, _ in as_before), "it is told that nobody has one"
    came = told_of(protected, bare + 1)
    assert any(told_of(have + 1, others) == came for have, others in as_before)
    if bare:
        went = told_of(protected, bare - 1)
        assert any(have and told_of(have - 1, others) == went for have, others in as_before)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_what_is_told_is_rounded_down_and_adds_up(webauthn: int, totp: int, both: int, bare: int) -> None:
    accounts = webauthn + totp + both + bare
    day = told(snapshot(accounts=accounts, webauthn=webauthn, totp=totp, both=both))
    parts = (day.webauthn_only, day.both_methods, day.totp_only)
    if day.second_factor is None:
        assert parts == (None, None, None)
        return
    assert sum(one or 0 for one in parts) == day.second_factor
    assert day.second_factor + (day.others or 0) == accounts
    for shown, real in zip(parts, (webauthn, both, totp), strict=True):
        assert shown is not None
        assert 0 <= real - shown < STEP
        assert shown % STEP == 0


def test_the_times_of_very_few_recoveries_are_not_told() -> None:
    assert recovery_told(snapshot(recoveries=2)).median_seconds is None
    assert recovery_told(snapshot(recoveries=3)).median_seconds == 3600
    assert recovery_told(snapshot(recoveries=2)).finished == 2


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50), st.integers(1, 100))
def test_a_rank_is_the_least_time_that_so_many_did_not_exceed(seconds: Sequence[int], percent: int) -> None:
    ordered = sorted(timedelta(seconds=one) for one in seconds)
    found = at_rank(ordered, percent)
    assert found is not None
    assert found in seconds
    assert sum(one <= found for one in seconds) * 100 >= percent * len(seconds)
    assert sum(one < found for one in seconds) * 100 < percent * len(seconds)
    assert at_rank([], percent) is None


def test_ranges_begin_where_they_say() -> None:
    today, first = date(2026, 11, 24), date(2025, 3, 1)
    assert first_day("30d", today, first) == date(2026, 10, 25)
    assert first_day("1y", today, first) == date(2025, 11, 24)
    assert first_day("all", today, first) == first
    assert parse_range("180d") == "180d"
    with pytest.raises(Rejected):
        parse_range("5 minutes")


def test_the_address_of_an_account_is_in_no_snapshot(small_world: World) -> None:
    with small_world.app.database.write() as sql:
        sql.execute(account.update().where(account.c.id == 1).values(email="alice@example.org"))
    assert "alice" not in repr(count(small_world))
