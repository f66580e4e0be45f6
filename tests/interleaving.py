"""Two deeds as one named interleaving: the second begins when the first has done everything but its commit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from customhouse.ledger.tx import Tx
from customhouse.terms.errors import CustomhouseError
from patience import until
from world import World

WAIT_SECONDS = 20.0
Deed = Callable[[Any, Tx], object]


def said(world: World, deed: Deed, command: object) -> str:
    """The code of the refusal, or "done"."""
    try:
        world.app.do(deed, command)
    except CustomhouseError as error:
        return error.code
    return "done"


def one_after_the_other(world: World, first: tuple[Deed, object], second: tuple[Deed, object]) -> tuple[str, str]:
    """Begin the second when the first has done all but commit; the second must wait for it."""
    ready, go = threading.Event(), threading.Event()

    def paused(command: object, tx: Tx) -> object:
        result = first[0](command, tx)
        ready.set()
        assert go.wait(WAIT_SECONDS)
        return result

    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(said, world, paused, first[1])
        assert ready.wait(WAIT_SECONDS)
        two = threads.submit(said, world, *second)
        try:
            until(lambda: somebody_waits(world), why="nobody waits")
        finally:
            go.set()
        return one.result(), two.result()


def somebody_waits(world: World) -> bool:
    lock = world.app.database._write_lock
    if lock is not None:
        return len(lock._waiting) > 0
    with world.app.database.read() as sql:
        return bool(sql.execute(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())
