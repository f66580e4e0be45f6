"""What is remembered of journals: who reads an older snapshot makes nobody read from the start again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.users import find_user
from customhouse.release.journal import Head
from customhouse.release.room import states as states_module
from customhouse.release.room.journal import lines_after
from customhouse.release.room.runs import Run, find_run
from customhouse.release.room.tables import release_line, release_run
from customhouse.terms.errors import Broken
from meeting import Meeting, meeting

pytestmark = pytest.mark.slow


@pytest.fixture
def here(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[Meeting]:
    with meeting(request, tmp_path, clock) as made:
        assert made.open().status_code == 201
        yield made


def run_of(here: Meeting) -> Run:
    with here.world.app.database.read() as sql:
        return find_run(sql, here.run)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """After which lines journals were read."""
    found, real = list[int](), lines_after

    def told(sql: sa.Connection, run: str, after: int = -1) -> object:
        found.append(after)
        return real(sql, run, after)

    monkeypatch.setattr(states_module, "lines_after", told)
    return found


def test_an_older_snapshot_costs_nothing_and_a_newer_one_its_new_lines(here: Meeting, read: list[int]) -> None:
    app, old = here.world.app, run_of(here)
    app.room.states._known.clear()
    with app.database.read() as sql:
        before = app.room.states.of(sql, old)
    assert here.decide("rosa", "confirm").is_success
    new = run_of(here)
    with app.database.read() as sql:
        after = app.room.states.of(sql, new)
        assert app.room.states.of(sql, old) is before
        assert app.room.states.of(sql, new) is after
    assert read == [-1, old.head.seq]


def test_a_list_reads_no_journal_of_a_run_that_is_over(here: Meeting, read: list[int]) -> None:
    assert here.decide("rosa", "abort", why="Not today.").is_success
    app = here.world.app
    app.room.states._known.clear()
    read.clear()
    with app.database.read() as sql:
        rosa = find_user(sql, "rosa").actor
    (row,) = app.room.mine(rosa)
    assert (row.run.status, [one.id for one in row.member.actors] if row.member else []) == ("abandoned", ["rm"])
    assert read == []


def test_a_journal_that_was_put_back_is_gone_on_with_from_there(here: Meeting) -> None:
    app, old = here.world.app, run_of(here)
    assert here.decide("rosa", "confirm").is_success
    run_of(here)
    with app.database.write() as sql:
        sql.execute(release_line.delete().where(release_line.c.run_id == here.run, release_line.c.seq > old.head.seq))
        sql.execute(release_run.update().values(seq=old.head.seq, head=old.head.hash, status="gathering"))
    assert here.decide("rosa", "confirm").is_success
    with app.database.read() as sql, pytest.raises(Broken):
        app.room.states.of(sql, replace(run_of(here), head=Head(99, "0" * 64)))
    assert here.state.status == "open"


def test_a_process_that_remembers_what_did_not_happen_reads_anew(here: Meeting) -> None:
    """A backup was put back, and something else went on from there in another process."""
    app, old = here.world.app, run_of(here)
    assert here.decide("rosa", "confirm").is_success
    assert here.state.status == "open"
    memory = app.room.states._known[here.run]
    with app.database.read() as sql:
        app.room.states.of(sql, run_of(here))
    remembered = memory.known
    assert remembered is not None
    with app.database.write() as sql:
        sql.execute(release_line.delete().where(release_line.c.run_id == here.run, release_line.c.seq > old.head.seq))
        sql.execute(release_run.update().values(seq=old.head.seq, head=old.head.hash, status="gathering"))
    here.world.clock.turn(timedelta(seconds=5))
    assert here.decide("rosa", "confirm").is_success
    assert here.decide("rosa", "abort", why="Not today.").is_success
    assert run_of(here).head.seq > remembered.state.seq
    memory.known = remembered
    memory.past.clear()
    with app.database.read() as sql:
        assert app.room.states.of(sql, run_of(here)).status == "abandoned"
