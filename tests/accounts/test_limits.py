"""Limits: a moving window in the database, for all processes and after a restart (A1, A50)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.limits import Counted, Limit, Limiter, forget_old_attempts, network_of
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import limit_hit
from customhouse.infra.db import Database, database_url
from customhouse.infra.settings import Settings
from customhouse.terms.errors import TooMany

MINUTE = timedelta(minutes=1)
THREE = Limit("three", 3, 5 * MINUTE)
KEY = ServerKey(b"k" * 32)
SENTENCE = "Too many tries."


@pytest.fixture
def database(database_settings: Settings) -> Iterator[Database]:
    opened = Database(database_url(database_settings))
    yield opened
    opened.close()


@pytest.fixture
def limiter(database: Database, clock: TurnableClock) -> Limiter:
    return Limiter(database, clock, KEY)


def take(limiter: Limiter, *counted: Counted) -> int:
    return limiter.take(*counted, sentence=SENTENCE)


def refused(limiter: Limiter, *counted: Counted) -> int:
    """How many seconds to wait."""
    with pytest.raises(TooMany, match="Too many tries") as caught:
        take(limiter, *counted)
    assert caught.value.status == 429
    return caught.value.retry_after_seconds


def test_the_window_moves_and_says_when_it_has_room(limiter: Limiter, clock: TurnableClock) -> None:
    alice = Counted(THREE, "1")
    for _ in range(3):
        take(limiter, alice)
        clock.turn(MINUTE)
    assert refused(limiter, alice) == 120
    clock.turn(timedelta(seconds=119))
    assert refused(limiter, alice) == 1
    clock.turn(timedelta(seconds=1))
    take(limiter, alice)
    # One attempt has left the window, not all of them.
    assert refused(limiter, alice) == 60


def test_each_limit_counts_whom_it_names(limiter: Limiter) -> None:
    for _ in range(3):
        take(limiter, Counted(THREE, "1"))
    take(limiter, Counted(THREE, "2"))
    take(limiter, Counted(Limit("other", 3, MINUTE), "1"))
    refused(limiter, Counted(THREE, "1"))


def test_of_several_limits_one_that_is_used_up_refuses_and_nothing_is_counted(limiter: Limiter) -> None:
    everybody = Counted(Limit("all", 10, MINUTE))
    for _ in range(3):
        take(limiter, Counted(THREE, "1"), everybody)
    for _ in range(20):
        refused(limiter, Counted(THREE, "1"), everybody)
    for _ in range(7):
        take(limiter, everybody)
    refused(limiter, everybody)


def test_an_attempt_that_was_right_is_given_back_and_others_are_not(limiter: Limiter) -> None:
    alice = Counted(THREE, "1")
    take(limiter, alice)
    right = take(limiter, alice)
    take(limiter, alice)
    refused(limiter, alice)
    limiter.give_back(right, alice)
    limiter.give_back(right, alice)
    take(limiter, alice)
    refused(limiter, alice)


def test_only_failures_count_and_a_fault_counts_as_one(limiter: Limiter) -> None:
    alice = Counted(THREE, "1")
    for _ in range(10):
        with limiter.only_failures(alice, sentence=SENTENCE) as outcome:
            outcome.right = True
    for _ in range(2):
        with limiter.only_failures(alice, sentence=SENTENCE):
            pass
    with pytest.raises(LookupError), limiter.only_failures(alice, sentence=SENTENCE):
        raise LookupError
    # A right answer is not heard while the limit is used up (A1).
    with pytest.raises(TooMany), limiter.only_failures(alice, sentence=SENTENCE) as outcome:
        outcome.right = True


def test_a1_many_tries_at_once_of_two_processes_count_one_by_one(
    database_settings: Settings, clock: TurnableClock
) -> None:
    with ExitStack() as stack:
        databases = [Database(database_url(database_settings)) for _ in range(2)]
        for one in databases:
            stack.callback(one.close)
        limiters = [Limiter(one, clock, KEY) for one in databases]
        ten = Counted(Limit("ten", 10, MINUTE), "1")

        def attempt(number: int) -> bool:
            try:
                take(limiters[number % 2], ten, Counted(Limit("other", 1000, MINUTE)))
            except TooMany:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(attempt, range(40))) == 10


def test_a1_a_restart_forgets_nothing(database_settings: Settings, clock: TurnableClock) -> None:
    alice = Counted(THREE, "1")
    for _ in range(3):
        database = Database(database_url(database_settings))
        take(Limiter(database, clock, KEY), alice)
        database.close()
    database = Database(database_url(database_settings))
    refused(Limiter(database, clock, KEY), alice)
    database.close()


def test_the_rows_name_nobody_and_go_after_a_day(limiter: Limiter, database: Database, clock: TurnableClock) -> None:
    take(limiter, Counted(THREE, "alice@example.org"), Counted(THREE, "203.0.113.7"))
    with database.read() as sql:
        rows = str(sql.execute(sa.select(limit_hit)).all())
    assert "alice" not in rows
    assert "203" not in rows.replace("limit", "").split("three:")[0]
    clock.turn(timedelta(days=1, seconds=1))
    with database.write() as sql:
        assert forget_old_attempts(sql, clock.now()) == 2
        assert forget_old_attempts(sql, clock.now()) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_a1_an_ipv6_address_stands_for_its_64(address: str, network: str) -> None:
    assert network_of(address) == network
