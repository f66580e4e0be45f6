"""The difference of two texts: right for any two, and bounded for those that were made to be slow."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.line_diff import LineDiff, Means, Row, line_diff

PLENTY = 10**9
texts = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "  d\r\n", "e\rf\n", "g\u2028h\n"]), max_size=40).flatmap(
    lambda lines: st.sampled_from(["", "tail"]).map(lambda tail: "".join(lines) + tail)
)


def diff(old: str, new: str, steps: int = PLENTY) -> LineDiff:
    return line_diff(old, new, Means(steps))


def rows(found: LineDiff) -> list[Row]:
    return [row for hunk in found.hunks() for row in hunk]


def text_of(row: Row) -> str:
    return row.text + ("\n" if row.ended else "")


def lines_of(text: str) -> list[str]:
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1].removesuffix("\n")
    return [line for line in lines if line]


@given(texts, texts)
def test_the_rows_turn_the_old_text_into_the_new_one(old: str, new: str) -> None:
    for steps in (PLENTY, 0):
        found = diff(old, new, steps)
        before, after = lines_of(old), lines_of(new)
        for row in rows(found):
            assert row.sign == "+" or before[row.old - 1] == text_of(row)
            assert row.sign == "-" or after[row.new - 1] == text_of(row)
        removed = {row.old for row in rows(found) if row.sign == "-"}
        added = {row.new for row in rows(found) if row.sign == "+"}
        kept = [line for number, line in enumerate(before, 1) if number not in removed]
        assert kept == [line for number, line in enumerate(after, 1) if number not in added]
        assert (len(added), len(removed), len(rows(found))) == (found.added, found.removed, found.rows)
        assert [line for _, lines in found.added_blocks() for line in lines] == [
            after[number - 1] for number in sorted(added)
        ]


@given(texts)
def test_equal_texts_have_no_difference(text: str) -> None:
    assert diff(text, text, 0).rows == 0


def test_a_change_stands_between_three_lines_of_its_surroundings() -> None:
    old = "".join(f"{n}\n" for n in range(1, 101))
    found = diff(old, old.replace("50\n", "fifty\n"))
    assert rows(found) == [
        Row(" ", 47, 47, "47"), Row(" ", 48, 48, "48"), Row(" ", 49, 49, "49"),
        Row("-", 50, 0, "50"), Row("+", 0, 50, "fifty"),
        Row(" ", 51, 51, "51"), Row(" ", 52, 52, "52"), Row(" ", 53, 53, "53"),
    ]  # fmt: skip
    assert (found.rows, len(found.groups)) == (8, 1)
    assert list(found.added_blocks()) == [(50, ["fifty\n"])]


def test_two_distant_changes_are_two_places() -> None:
    old = "".join(f"{n}\n" for n in range(100))
    found = diff(old, old.replace("20\n", "x\n").replace("80\n", "y\n"))
    assert len(found.groups) == 2
    assert (found.added, found.removed) == (2, 2)


def test_a_missing_line_end_is_a_change() -> None:
    (removed, added) = rows(diff("a\n", "a"))
    assert (removed.sign, removed.ended, added.sign, added.ended) == ("-", True, "+", False)


def test_a_carriage_return_does_not_end_a_line_but_stays_in_it() -> None:
    (added,) = rows(diff("", "# harmless\rimport os\n"))
    assert added.text == "# harmless\rimport os"


def test_one_line_more_in_a_file_of_equal_lines_costs_nearly_nothing() -> None:
    means = Means(100)
    found = line_diff("same\n" * 50_000, "same\n" * 50_000 + "more\n", means)
    assert (found.exact, found.added, found.removed) == (True, 1, 0)


@pytest.mark.parametrize("kinds", [2, 40, 700])
def test_texts_made_to_be_slow_count_as_replaced(kinds: int) -> None:
    chance = random.Random(kinds)  # noqa: S311  # the same texts each time
    old, new = ("".join(f"{chance.randrange(kinds)}\n" for _ in range(30_000)) for _ in range(2))
    means = Means(200_000)
    found = line_diff(old, new, means)
    assert found.exact is (kinds < 100), "lines that are everywhere are no anchors, so they cost nothing"
    assert 29_900 < found.added == found.removed
    assert means.steps >= 0


def test_a_long_line_can_be_shortened_and_says_by_how_much() -> None:
    row = Row("+", 0, 1, "x" * 30)
    assert row.shortened(30) == row
    assert row.shortened(10) == Row("+", 0, 1, "x" * 10, left=20)
