"""Dated lists as people have them: whole, or each bad line named and none of it."""

from __future__ import annotations

import json
from datetime import date

import pytest

from customhouse.formats.signal_list import read as reading
from customhouse.formats.signal_list.read import read_signal_list
from customhouse.terms.errors import Rejected

TOP = {
    "last_update": "2026-11-01 07:38:41",
    "query": {"bytes_billed": 1, "bytes_processed": 1},
    "rows": [
        {"download_count": 1_400_000_000, "project": "boto3"},
        {"download_count": 900, "project": "Zope.Interface"},
    ],
}
"""As hugovk's list of top packages is laid out."""


def test_the_list_of_top_packages_is_read_as_it_is_with_its_own_date() -> None:
    found = read_signal_list(json.dumps(TOP).encode(), "downloads", "top.json")
    assert found.values == {"boto3": "1400000000", "zope-interface": "900"}
    assert found.dated == date(2026, 11, 1)


@pytest.mark.parametrize(
    "text",
    [
        "project,downloads\nboto3,12\n",
        "\ufeffproject,num_downloads\r\nboto3,12\r\n",
        "# of November\nnum_downloads,x,PROJECT\n12,,boto3\n",
        '"project","downloads"\n"boto3","12"\n',
        '{"rows": [{"project": "boto3", "num_downloads": 12}]}',
        '[{"name": "boto3", "downloads": "12"}]',
        '{"boto3": 12}',
        '{"date": "2026-11-01", "packages": {"boto3": 12}}',
    ],
)
def test_layouts_that_people_have(text: str) -> None:
    assert read_signal_list(text.encode(), "downloads", "x").values == {"boto3": "12"}


@pytest.mark.parametrize(
    ("signal", "text", "value"),
    [
        ("owner-2fa", "project,owner-2fa\na,ALL\n", "all"),
        ("owners", "project,owners\na,3\n", "3"),
        ("dependents", "package,value\na,0\n", "0"),
        ("owner-changed", "project,changed\na,2026-11-01\n", "2026-11-01T00:00:00+00:00"),
        ("owner-changed", "project,changed\na,2026-11-01T12:00:00+02:00\n", "2026-11-01T10:00:00+00:00"),
        ("critical", "project\na\n", "yes"),
        ("critical", '["a"]', "yes"),
        ("critical", '{"a": true}', "yes"),
    ],
)
def test_each_signal_has_its_values(signal: str, text: str, value: str) -> None:
    assert read_signal_list(text.encode(), signal, "x").values == {"a": value}


@pytest.mark.parametrize(
    ("signal", "text", "said"),
    [
        ("downloads", "project,downloads\na,1\nb b,2\nc,-3\n", ("line 3: 'b b' is no name", "line 4: '-3' of c")),
        ("downloads", "project,downloads\nA,1\na,1\n", ("line 3: a is given twice, first in line 2",)),
        ("downloads", "project,downloads\na\n", ("line 2: '' is no name",)),
        ("downloads", "project,downloads\na,1e3\n", ("line 2: '1e3' of a is not a whole number",)),
        ("downloads", "name;count\na;1\n", ("its first line is 'name;count'",)),
        ("downloads", "project,downloads\n", ("it names no project",)),
        ("downloads", '{"rows": [{"project": "a", "downloads": 1.5}]}', ("row 1: '?' of a",)),
        ("downloads", '{"rows": [3]}', ("row 1: '' is no name",)),
        ("downloads", '{"a": 1, "a": 2}', ("a key stands there twice",)),
        ("downloads", "[" * 100, ("no JSON that can be read",)),
        ("owner-2fa", "project,2fa\na,some\n", ("line 2: 'some' of a is not all, any or none",)),
        ("owner-changed", "project,changed\na,yesterday\n", ("line 2: 'yesterday' of a is not a day",)),
        (
            "owner-changed",
            "project,changed\na,0001-01-01T00:00:00+14:00\n",
            ("line 2: '0001-01-01T00:00:00+14:00' of a is not a day",),
        ),
        ("critical", "project,critical\na,no\n", ("line 2: 'no' of a is not yes",)),
        ("age", "project,age\na,1\n", ("'age' cannot be loaded",)),
        ("downloads", "\x00", ("a byte 0",)),
        ("downloads", 'project,downloads\n"a,1\n', ("line 2:",)),
        ("downloads", f"project,downloads\na,{'9' * 2000}\n", ("line 2: is too long",)),
    ],
)
def test_what_is_bad_is_named_and_nothing_is_taken(signal: str, text: str, said: tuple[str, ...]) -> None:
    with pytest.raises(Rejected) as caught:
        read_signal_list(text.encode(), signal, "list.csv")
    assert all(part in str(caught.value) for part in said), str(caught.value)


def test_no_utf_8_is_named_by_its_byte() -> None:
    with pytest.raises(Rejected, match="byte 18 is no UTF-8"):
        read_signal_list(b"project,downloads\n\xff", "downloads", "x")


def test_bounds_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 2)
    with pytest.raises(Rejected, match="more than 2 rows"):
        read_signal_list(b"project,downloads\na,1\nb,1\nc,1\n", "downloads", "x")
    monkeypatch.setattr(reading, "MAX_BYTES", 3)
    with pytest.raises(Rejected, match="at most 3"):
        read_signal_list(b"abcd", "downloads", "x")


def test_of_many_bad_lines_the_first_are_named() -> None:
    lines = "".join(f"n{at},x\n" for at in range(1000))
    with pytest.raises(Rejected, match="and more after line 21") as caught:
        read_signal_list(f"project,downloads\n{lines}".encode(), "downloads", "x")
    assert str(caught.value).count("line ") == 21
