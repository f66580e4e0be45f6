"""A journal in the database: whole appends or none, of two writers one, and the bytes that a file would hold."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clock import TurnableClock
from customhouse.release.codec import write_line
from customhouse.release.events import Noted
from customhouse.release.journal import Head
from customhouse.release.journal_file import FileJournal
from customhouse.release.room.journal import append_lines, head_of, lines_after
from customhouse.release.room.keys import engine_key
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import EMPTY, seal, verify_lines
from customhouse.release.sealing import head_of as end_of
from customhouse.terms.errors import Refused
from meeting import Meeting, meeting
from world import ON_BOTH

pytestmark = pytest.mark.slow


@pytest.fixture(params=ON_BOTH)
def here(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[Meeting]:
    with meeting(request, tmp_path, clock, database=request.param) as made:
        assert made.open().status_code == 201
        yield made


def head(here: Meeting) -> Head:
    with here.world.app.database.read() as sql:
        return head_of(sql, here.run)


def read(here: Meeting, after: int = -1) -> list[Sealed]:
    with here.world.app.database.read() as sql:
        return lines_after(sql, here.run, after)


def append(here: Meeting, lines: list[Sealed], expected: Head) -> None:
    with here.world.app.database.write() as sql:
        append_lines(sql, here.run, lines, expected)


def notes(here: Meeting, after: Head, *texts: str) -> list[Sealed]:
    key, found = engine_key(here.world.app.key, here.run), list[Sealed]()
    for text in texts:
        at = here.world.clock.now()
        found.append(seal(Noted(text), run=here.run, head=after, at=at, by="engine", key=key))
        after = end_of(found[-1])
    return found


def test_lines_are_read_as_they_were_written_and_as_a_file_holds_them(here: Meeting, tmp_path: Path) -> None:
    lines = notes(here, head(here), "one", "two")
    append(here, lines, head(here))
    assert read(here, 0) == lines
    assert head(here) == end_of(lines[-1])
    verify_lines(read(here))
    file = FileJournal(tmp_path / "copy.jsonl")
    file.append(read(here), EMPTY)
    assert [write_line(line) for line in file.read()] == [write_line(line) for line in read(here)]


def test_the_second_of_two_writers_is_told_to_read_again(here: Meeting) -> None:
    first = head(here)
    append(here, notes(here, first, "first"), first)
    with pytest.raises(Refused, match="Somebody else has written"):
        append(here, notes(here, first, "second", "third"), first)
    assert [line.event for line in read(here, 0)] == [Noted("first")]


def test_of_many_who_write_at_once_one_does(here: Meeting) -> None:
    first = head(here)

    def write(number: int) -> bool:
        try:
            append(here, notes(here, first, f"{number}"), first)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 1
    assert head(here).seq == first.seq + 1


def test_there_is_no_journal_of_a_run_that_never_was(here: Meeting) -> None:
    with pytest.raises(Refused), here.world.app.database.read() as sql:
        head_of(sql, "a" * 26)
