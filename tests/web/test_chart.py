"""The bar chart: pure, so a table of rows and a few properties hold it."""

from __future__ import annotations

from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.web.pages.chart import Bar, bar_chart, scale_top

FIRST = date(2026, 8, 27)


def chart(*values: tuple[int, int], title: str = "t") -> ET.Element:
    bars = [Bar(FIRST + timedelta(days=n), solid, pale, f"day {n}") for n, (solid, pale) in enumerate(values)]
    return ET.fromstring(bar_chart("key", bars, title=title, description="d"))  # noqa: S314 - our own drawing


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0, 2), (1, 2), (2, 2), (3, 4), (9, 10), (10, 10), (11, 20), (21, 40), (99, 100), (101, 200), (81_000, 100_000)],
)
def test_the_scale_ends_at_a_round_number(highest: int, top: int) -> None:
    assert scale_top(highest) == top


@given(
    st.lists(st.integers(0, 10**12).flatmap(lambda pale: st.tuples(st.integers(0, pale), st.just(pale))), max_size=90)
)
def test_every_bar_stands_on_the_ground_and_inside_the_picture(values: list[tuple[int, int]]) -> None:
    drawn = chart(*values)
    rects = list(drawn.iter("rect"))
    assert len(rects) == sum((solid > 0) + (pale > 0) for solid, pale in values)
    for rect in rects:
        x, y, width, height = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        assert 50 < x < x + width < 720
        assert y + height == 152
        assert y >= 14
        assert height >= 1


def test_twice_as_many_is_twice_as_high() -> None:
    heights = [int(rect.attrib["height"]) for rect in chart((0, 10), (0, 5)).iter("rect")]
    assert heights == [138, 69]


def test_months_are_named_where_they_begin() -> None:
    names = [text.text for text in chart(*[(1, 1)] * 130).iter("text")][3:]
    assert names == ["Sep", "Oct", "Nov", "Dec", "Jan 2027"]


def test_a_title_cannot_leave_its_place() -> None:
    assert (
        chart((1, 1), title="</title><script>alert(1)</script>&").findtext("title")
        == "</title><script>alert(1)</script>&"
    )
