"""A follower sees every event once and in order, and lets others write in between."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy.engine import Connection

from customhouse.infra.db import Database, database_url
from customhouse.infra.settings import Settings
from customhouse.ledger.chain import Entry
from customhouse.ledger.events import Event, UserAdded
from customhouse.ledger.follow import BATCH, TURN_SECONDS, follow
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.clock import SystemClock
from customhouse.terms.identity import OPERATOR


def record(events: Sequence[Event], tx: Tx) -> None:
    for event in events:
        tx.record(event)


def test_a_slow_follower_gives_way_and_misses_nothing(database_settings: Settings) -> None:
    database = Database(database_url(database_settings))
    seen: list[int] = []

    def react(_sql: Connection, entry: Entry) -> None:
        seen.append(entry.serial)
        began = time.monotonic()
        while time.monotonic() - began < TURN_SECONDS / 3:
            pass

    assert follow(database, "slow", react) == 0
    Deeds(database, SystemClock()).do(record, [UserAdded(OPERATOR, None, user_id="1", name="x")] * BATCH)
    turns = []
    while count := follow(database, "slow", react):
        turns.append(count)
    assert seen == list(range(1, BATCH + 1))
    assert max(turns) < 10
    database.close()
