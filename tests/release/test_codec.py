"""Events as JSON and back: strictly, and the same in every process."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.release.codec import KINDS, from_body, read_line, to_body, write_line
from customhouse.release.events import Event
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected
from toy_release import created, first_line

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
THINGS = st.builds(
    Thing, TEXTS, st.sampled_from(["sha256", "gitCommit", "gitTag", "gitTree"]), TEXTS, st.integers(0, 2**53 - 1)
)
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is beside
OF_TYPE: dict[Any, Any] = {
    str: TEXTS, int: st.integers(-(2**53) + 1, 2**53 - 1), bool: st.booleans(), datetime: TIMES, Thing: THINGS,
}  # fmt: skip


def values(hint: Any) -> Any:
    if hint in OF_TYPE:
        return OF_TYPE[hint]
    name = str(hint)
    inner = hint.__args__
    if name.startswith("tuple"):
        return st.lists(values(inner[0]), max_size=3).map(tuple)
    return st.dictionaries(TEXTS, values(inner[1]), max_size=3)


def events(kind: type[Event]) -> st.SearchStrategy[Event]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{one.name: values(hints[one.name]) for one in fields(kind)})


EVENTS = st.one_of([events(kind) for kind in KINDS.values()])


@given(EVENTS)
def test_what_is_written_is_what_is_read(event: Event) -> None:
    body = json.loads(json.dumps(to_body(event)))
    assert from_body(event.kind, body) == event


@given(EVENTS, st.data())
def test_no_field_may_be_missing_or_added(event: Event, data: st.DataObject) -> None:
    body = to_body(event)
    with pytest.raises(Rejected) as rejected:
        from_body(event.kind, {**body, "more": 1}, where="line 7")
    assert "'more'" in str(rejected.value) or not body
    if set(body) - event.later:
        gone = data.draw(st.sampled_from(sorted(set(body) - event.later)))
        with pytest.raises(Rejected, match="line 7"):
            from_body(event.kind, {name: value for name, value in body.items() if name != gone}, where="line 7")


def test_a_field_that_came_later_is_not_in_journals_of_before() -> None:
    old = first_line(created(rules=1))
    text = write_line(old)
    assert '"rules"' not in text
    assert read_line(text) == old
    assert '"rules":2' in write_line(first_line(created(rules=2)))
    with pytest.raises(Rejected, match="spelled in another way"):
        read_line(text.replace('"rehearsal":false', '"rehearsal":false,"rules":1'))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("never-heard-of", {}),
        ("note", {"text": 1, "step": ""}),
        ("note", {"text": None, "step": ""}),
        ("note", []),
        ("confirmed", {"actor": ["rm"], "person": "rosa"}),
        ("checked", {"step": "a", "attempt": True, "check": "c", "ok": True, "expected": "", "saw": "", "place": ""}),
        ("checked", {"step": "a", "attempt": 1, "check": "c", "ok": 1, "expected": "", "saw": "", "place": ""}),
        ("checked", {"step": "a", "attempt": 1.0, "check": "c", "ok": True, "expected": "", "saw": "", "place": ""}),
        ("published", {"step": "a", "attempt": 1, "address": "", "things": {}}),
        ("published", {"step": "a", "attempt": 1, "address": "", "things": [{"name": "x"}]}),
        (
            "published",
            {"step": "a", "attempt": 1, "address": "", "things": [
                {"name": "x", "algorithm": "md5", "digest": "", "size_bytes": 0}
            ]},
        ),
    ],
)  # fmt: skip
def test_another_type_is_refused_with_the_line(kind: str, body: Any) -> None:
    with pytest.raises(Rejected) as rejected:
        from_body(kind, body, where="line 3")
    assert str(rejected.value).startswith("line 3")


@pytest.mark.parametrize("time", ["2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00", "today", ""])
def test_a_time_has_one_spelling(time: str) -> None:
    text = write_line(first_line())
    found = json.loads(text)
    with pytest.raises(Rejected):
        read_line(json.dumps({**found, "at": time}, separators=(",", ":"), sort_keys=True))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", ", ", 1),
        lambda text: text.replace('"at"', '"\\u0061t"', 1),
        lambda text: text.replace('"seq":0', '"seq":0.0'),
        lambda text: text.replace('"seq":0', '"seq":-0'),
        lambda text: text[:-1] + ',"seq":0}',
        lambda text: " " + text,
        lambda text: text + "x",
        lambda text: text[:-1],
        lambda _text: "[]",
        lambda _text: "null",
        lambda _text: "[" * 100_000,
        lambda _text: "\ud800",
    ],
)
def test_a_line_has_one_spelling(change: Any) -> None:
    text = write_line(first_line())
    assert read_line(text) == first_line()
    with pytest.raises(Rejected):
        read_line(change(text), where="line 0")
