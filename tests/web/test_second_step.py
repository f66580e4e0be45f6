"""The second step, keys, recovery codes and new browsers, through the doors: attacks A4 and A7 to A16."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from clock import TurnableClock
from second_step import a_key, guarded, named_world, signed_in
from world import World

STEP = timedelta(seconds=30)


@pytest.fixture
def index(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    with named_world(request, tmp_path, clock) as world:
        yield world


def test_thin(index: World) -> None:
    alice = guarded(index, app=True)
    index.clock.turn(STEP)
    other = alice.elsewhere()
    answer = other.password("alice")
    assert answer.headers["location"].startswith("/account/second/")
    assert not signed_in(other)
    answer = other.second(other.code())
    assert (answer.status_code, answer.headers.get("location")) == (303, "/account/"), answer.text
    assert signed_in(other)


def test_thin_key(index: World) -> None:
    key, pk = a_key(), a_key(counts=False)
    alice = guarded(index, keys=(key, pk))
    other = alice.elsewhere()
    other.password("alice")
    answer = other.use_key(key, "second", "/account/second/")
    assert answer.status_code == 303, answer.text
    assert signed_in(other)
    third = alice.elsewhere()
    answer = third.use_key(pk, "passkey", "/account/passkey/")
    assert answer.status_code == 303, answer.text
    assert signed_in(third)
