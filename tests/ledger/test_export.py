"""An export can be verified by anybody, and no change to it goes unnoticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.ledger.chain import GENESIS, Entry, Fault, canonical, entry_hash
from customhouse.ledger.export import Verified, from_line, to_line, verify
from customhouse.ledger.public import seal
from customhouse.terms.errors import Rejected

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def chain(count: int) -> list[Entry]:
    entries: list[Entry] = []
    for number in range(1, count + 1):
        body = canonical({"number": number, "text": "ünïcode \ud83d", "list": [1, None, True]})
        before = entries[-1].hash if entries else GENESIS
        made = Entry(number, AT + timedelta(seconds=number), "yanked", "user", "1", "älice", "demo", body, before)
        entries.append(replace(made, hash=entry_hash(made)))
    return entries


def lines(entries: list[Entry], *sealed: int) -> list[str]:
    return [to_line(seal(entry) if entry.serial in sealed else entry) for entry in entries]


def test_an_export_holds_with_sealed_entries_and_without() -> None:
    entries = chain(6)
    assert verify(lines(entries)) == Verified(1, 6, 6, 0, 0, entries[-1].hash)
    assert verify(lines(entries, 1, 3, 4, 6)) == Verified(1, 6, 2, 4, 0, entries[-1].hash)
    assert verify(lines(entries)[2:]) == Verified(3, 6, 4, 0, 0, entries[-1].hash)
    assert verify(["\n", *lines(entries)]) == verify(lines(entries))


def test_a_line_is_read_as_it_was_written() -> None:
    for entry in chain(2):
        assert from_line(to_line(entry)) == entry
        assert from_line(to_line(seal(entry))) == seal(entry)
        assert to_line(entry).count("\n") == 1


CHANGES: dict[str, tuple[Callable[[list[str]], list[str]], Fault]] = {
    "an entry is missing": (lambda all_: all_[:2] + all_[3:], Fault(4, "follows serial 2")),
    "two have changed places": (lambda all_: [all_[1], all_[0], *all_[2:]], Fault(1, "follows serial 2")),
    "one stands there twice": (lambda all_: [*all_, all_[-1]], Fault(6, "follows serial 6")),
    "a name was changed": (lambda all_: [line.replace("älice", "bob", 1) for line in all_], Fault(1, "has other contents than its hash says")),
    "a body was changed": (lambda all_: [*all_[:3], all_[3].replace('"number":4', '"number":5'), *all_[4:]], Fault(4, "has other contents than its hash says")),
    "a sealed one has another hash": (lambda all_: [*all_[:4], all_[4].replace('"hash":"', '"hash":"f', 1), *all_[5:]], Fault(6, "does not name the hash of the entry before it")),
    "the first has another past": (lambda all_: [all_[0].replace("0" * 64, "1" * 64), *all_[1:]], Fault(1, "does not name the hash of the entry before it")),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_noticed(name: str) -> None:
    change, fault = CHANGES[name]
    assert verify(change(lines(chain(6), 5))) == fault


def test_gaps_are_allowed_only_when_asked_for_and_then_only_gaps() -> None:
    entries = chain(6)
    some = [line for line, entry in zip(lines(entries), entries, strict=True) if entry.serial in (2, 3, 6)]
    assert verify(some) == Fault(6, "follows serial 3")
    assert verify(some, gaps=True) == Verified(2, 6, 3, 0, 1, entries[-1].hash)
    assert verify([some[1], some[0]], gaps=True) == Fault(2, "follows serial 3")
    assert verify([some[0].replace('"number":2', '"number":9')], gaps=True) == Fault(
        2, "has other contents than its hash says"
    )


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "1", "null", '"kind"', "{}", '{"serial":"1","previous_hash":"","hash":""}', '{"serial":true,"previous_hash":"","hash":""}',
     '{"serial":0,"previous_hash":"","hash":""}', '{"serial":1,"previous_hash":1,"hash":""}', '{"kind":1}', "[" * 100_000,
     '{"serial":1,"kind":"x","at":"2026-01-01T00:00:00","actor":{"kind":"","id":"","name":""},"project":null,"body":{},"previous_hash":"","hash":""}',
     '{"serial":1,"kind":"x","at":"2026-01-01T00:00:00Z","actor":{"kind":"","id":1,"name":""},"project":null,"body":{},"previous_hash":"","hash":""}',
     '{"serial":1,"kind":"x","at":"2026-01-01T00:00:00Z","actor":[],"project":null,"body":NaN,"previous_hash":"","hash":""}'],
)  # fmt: skip
def test_what_is_no_entry_is_named_with_its_line(line: str) -> None:
    with pytest.raises(Rejected, match="line 3" if line else "no entry"):
        verify(["\n", "\n", line])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_every_body_survives_its_line(value: object) -> None:
    made = Entry(1, AT, "x", "user", "1", "a", None, canonical({"value": value}), GENESIS)
    made = replace(made, hash=entry_hash(made))
    read = from_line(json.dumps(json.loads(to_line(made)), ensure_ascii=True))
    assert read == made
    assert isinstance(read, Entry)
    assert entry_hash(read) == made.hash
