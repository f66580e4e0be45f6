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
from customhouse.release.room.journal import SqlJournal
from customhouse.release.room.keys import engine_key
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import EMPTY, head_of, seal, verify_lines
from customhouse.terms.errors import Refused
from meeting import Meeting, meeting
from world import ON_BOTH

pytestmark = pytest.mark.slow


@pytest.fixture(params=ON_BOTH)
def here(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[Meeting]:
    with meeting(request, tmp_path, clock, database=request.param) as made:
        assert made.open().status_code == 201
        yield made


def journal_of(here: Meeting) -> SqlJournal:
    return SqlJournal(here.world.app.database, here.run)


def notes(here: Meeting, head: Head, *texts: str) -> list[Sealed]:
    key, found = engine_key(here.world.app.key, here.run), list[Sealed]()
    for text in texts:
        at = here.world.clock.now()
        found.append(seal(Noted(text), run=here.run, head=head, at=at, by="engine", key=key))
        head = head_of(found[-1])
    return found


def test_lines_are_read_as_they_were_written_and_as_a_file_holds_them(here: Meeting, tmp_path: Path) -> None:
    journal = journal_of(here)
    lines = notes(here, journal.head(), "one", "two")
    journal.append(lines, journal.head())
    assert list(journal.read(0)) == lines
    assert journal.head() == head_of(lines[-1])
    verify_lines(journal.read())
    file = FileJournal(tmp_path / "copy.jsonl")
    file.append(journal.read(), EMPTY)
    assert [write_line(line) for line in file.read()] == [write_line(line) for line in journal.read()]


def test_the_second_of_two_writers_is_told_to_read_again(here: Meeting) -> None:
    journal, head = journal_of(here), journal_of(here).head()
    journal.append(notes(here, head, "first"), head)
    with pytest.raises(Refused, match="Somebody else has written"):
        journal.append(notes(here, head, "second", "third"), head)
    assert [line.event for line in journal.read(0)] == [Noted("first")]


def test_of_many_who_write_at_once_one_does(here: Meeting) -> None:
    head = journal_of(here).head()

    def write(number: int) -> bool:
        try:
            journal_of(here).append(notes(here, head, f"{number}"), head)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 1
    assert journal_of(here).head().seq == head.seq + 1


def test_there_is_no_journal_of_a_run_that_never_was(here: Meeting) -> None:
    with pytest.raises(Refused):
        SqlJournal(here.world.app.database, "a" * 26).head()
