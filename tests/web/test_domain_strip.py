"""The small picture of how a mail domain was over time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from customhouse.index.domains.queries import Turn
from customhouse.web.pages.domains import DAYS_SHOWN, WIDTH, strip

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def pieces(picture: str) -> list[tuple[str, float, float]]:
    found = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="0" width="([\d.]+)"', picture)
    return [(kind, float(left), float(width)) for kind, left, width in found]


def test_each_state_is_a_piece_as_long_as_it_lasted() -> None:
    turns = [
        Turn(NOW - 60 * DAY, "fine", ""), Turn(NOW - 20 * DAY, "suspicious", "gone"), Turn(NOW - 19 * DAY, "lost", "gone")
    ]  # fmt: skip
    picture = str(strip(NOW - 400 * DAY, turns, NOW))
    day = WIDTH / DAYS_SHOWN
    assert pieces(picture) == [
        ("rest", 0, WIDTH), ("rest", 0, 30 * day), ("pale", 30 * day, 40 * day), ("warned", 70 * day, day),
        ("solid", 71 * day, 19 * day),
    ]  # fmt: skip
    assert "suspicious from 4 November 2026, lost from 5 November 2026" in picture


def test_what_is_over_for_long_is_left_out_and_a_fresh_domain_is_an_empty_line() -> None:
    assert [kind for kind, _left, _width in pieces(str(strip(NOW, [], NOW)))] == ["rest"]
    old = [Turn(NOW - 300 * DAY, "suspicious", "moved"), Turn(NOW - 299 * DAY, "fine", "")]
    assert [kind for kind, _left, _width in pieces(str(strip(NOW - 400 * DAY, old, NOW)))] == ["rest", "pale"]
