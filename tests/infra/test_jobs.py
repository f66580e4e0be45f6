"""Jobs: written with their deed, run once at a time, tried again, parked, never lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from clock import TurnableClock
from customhouse.infra import jobs
from customhouse.infra.db import Database, database_url
from customhouse.infra.settings import Settings


@pytest.fixture
def database(database_settings: Settings) -> Iterator[Database]:
    made = Database(database_url(database_settings))
    yield made
    made.close()


def add(database: Database, clock: TurnableClock, name: str = "sweep", key: str | None = None) -> bool:
    with database.write() as sql:
        return jobs.add(sql, name, {"n": 1}, due_at=clock.now(), key=key)


def test_a_due_job_is_claimed_by_one_worker_only(database: Database, clock: TurnableClock) -> None:
    add(database, clock)
    claimed = jobs.claim(database, clock.now())
    assert claimed is not None
    assert (claimed.name, claimed.arguments, claimed.attempts) == ("sweep", {"n": 1}, 1)
    assert jobs.claim(database, clock.now()) is None


def test_a_job_whose_worker_died_is_due_again_after_its_lease(database: Database, clock: TurnableClock) -> None:
    add(database, clock)
    jobs.claim(database, clock.now())
    clock.turn(jobs.LEASE + timedelta(seconds=1))
    again = jobs.claim(database, clock.now())
    assert again is not None
    assert again.attempts == 2


def test_a_finished_job_is_gone(database: Database, clock: TurnableClock) -> None:
    add(database, clock)
    claimed = jobs.claim(database, clock.now())
    assert claimed is not None
    with database.write() as sql:
        jobs.finish(sql, claimed)
    clock.turn(timedelta(days=1))
    assert jobs.claim(database, clock.now()) is None


def test_a_failing_job_waits_longer_each_time_and_is_parked_in_the_end(
    database: Database, clock: TurnableClock
) -> None:
    add(database, clock)
    for attempt in range(1, 4):
        clock.turn(timedelta(hours=2))
        claimed = jobs.claim(database, clock.now())
        assert claimed is not None
        assert claimed.attempts == attempt
        jobs.fail(database, claimed, "no luck", now=clock.now(), attempts_allowed=3)
        assert jobs.claim(database, clock.now()) is None
    clock.turn(timedelta(days=30))
    assert jobs.claim(database, clock.now()) is None


def test_a_key_is_waiting_once(database: Database, clock: TurnableClock) -> None:
    assert add(database, clock, key="periodic:sweep")
    assert not add(database, clock, key="periodic:sweep")


def test_a_job_for_later_waits(database: Database, clock: TurnableClock) -> None:
    with database.write() as sql:
        jobs.add(sql, "sweep", {}, due_at=clock.now() + timedelta(hours=1))
    assert jobs.claim(database, clock.now()) is None
    clock.turn(timedelta(hours=2))
    assert jobs.claim(database, clock.now()) is not None


def test_a_worker_takes_only_the_jobs_that_are_its(database: Database, clock: TurnableClock) -> None:
    add(database, clock, "sweep")
    add(database, clock, "mail")
    taken = jobs.claim(database, clock.now(), only={"mail", "webhook"})
    assert taken is not None
    assert taken.name == "mail"
    assert jobs.claim(database, clock.now(), only={"mail", "webhook"}) is None
    assert jobs.claim(database, clock.now(), without={"sweep"}) is None
    taken = jobs.claim(database, clock.now(), without={"mail"})
    assert taken is not None
    assert taken.name == "sweep"
