"""A journal in a file: whole appends or none, whoever else writes, wherever a crash cuts it."""

from __future__ import annotations

import multiprocessing
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from customhouse.release.events import Noted
from customhouse.release.journal import Head
from customhouse.release.journal_file import FileJournal
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import EMPTY, head_of, seal, verify_lines
from customhouse.terms.errors import Refused, Rejected
from toy_release import ENGINE_KEY, START, first_line


def note(text: str, head: Head) -> Sealed:
    at = START + timedelta(seconds=head.seq + 1)
    return seal(Noted(text), run="toy-1.2.3-1", head=head, at=at, by="engine", key=ENGINE_KEY)


def some(number: int, head: Head) -> list[Sealed]:
    found: list[Sealed] = []
    for place in range(number):
        found.append(note(f"line {place}", head_of(found[-1]) if found else head))
    return found


def begun(path: Path) -> FileJournal:
    journal = FileJournal(path)
    journal.append([first_line()], EMPTY)
    return journal


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    journal = begun(tmp_path / "journal.jsonl")
    lines = some(3, journal.head())
    journal.append(lines, journal.head())
    assert list(journal.read(0)) == lines
    assert list(FileJournal(journal.path).read(0)) == lines
    assert journal.head() == head_of(lines[-1])
    assert FileJournal(tmp_path / "none").head() == EMPTY


def test_the_second_of_two_writers_is_told_to_read_again(tmp_path: Path) -> None:
    one = begun(tmp_path / "journal.jsonl")
    other = FileJournal(one.path)
    head = other.head()
    one.append(some(1, head), head)
    with pytest.raises(Refused) as refused:
        other.append(some(1, head), head)
    assert refused.value.code == "journal-moved"
    assert len(other.read()) == 2


def test_an_append_that_was_cut_anywhere_never_was(tmp_path: Path) -> None:
    journal = begun(tmp_path / "journal.jsonl")
    before = journal.path.read_bytes()
    lines = some(3, journal.head())
    journal.append(lines, journal.head())
    after = journal.path.read_bytes()
    for cut in range(len(before), len(after)):
        torn = tmp_path / "torn.jsonl"
        torn.write_bytes(after[:cut])
        found = FileJournal(torn)
        assert len(found.read()) == 1, cut
        found.append(lines, found.head())
        assert torn.read_bytes() == after
        torn.unlink()


def test_lines_that_were_there_cannot_go(tmp_path: Path) -> None:
    journal = begun(tmp_path / "journal.jsonl")
    journal.append(some(2, journal.head()), journal.head())
    text = journal.path.read_bytes()
    journal.path.write_bytes(text[: text.index(b"\n") + 1])
    with pytest.raises(Rejected, match="gone"):
        journal.read()


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    journal = begun(tmp_path / "journal.jsonl")
    with journal.path.open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(Rejected, match="line 1"):
        FileJournal(journal.path).read()


def _write(path: Path, number: int) -> None:
    journal = FileJournal(path)
    for place in range(number):
        while True:
            head = journal.head()
            try:
                journal.append([note(f"{place}", head)], head)
                break
            except Refused:
                continue


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_many_writers_make_one_chain(tmp_path: Path, kind: str) -> None:
    journal = begun(tmp_path / "journal.jsonl")
    start = threading.Thread if kind == "threads" else multiprocessing.get_context("fork").Process
    writers = [start(target=_write, args=(journal.path, 10)) for _ in range(3)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    lines = FileJournal(journal.path).read()
    assert len(lines) == 31
    verify_lines(lines)
