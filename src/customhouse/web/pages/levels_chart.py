"""The four levels as four columns: what of a lock is let in, let in with a warning, and kept back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from customhouse.web.pages.svg import picture, short

WIDTH, HEIGHT = 720, 330
_TOP, _FLOOR, _COLUMN, _GAP = 34, 250, 110, 180
_GROUP = Markup('<g class="level" data-level="{level}">{inside}</g>')
_RECT = Markup('<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"><title>{title}</title></rect>')
_TEXT = Markup('<text class="scale {kind}" x="{x}" y="{y}" text-anchor="middle">{text}</text>')
_FRAME = Markup('<rect class="frame" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"></rect>')


class Column(NamedTuple):
    """One level."""

    name: str
    let_in: int
    warned: int
    kept_back: int
    stopped: str
    """``9 of 12``."""


def levels_chart(columns: Sequence[Column]) -> Markup:
    """The picture. What is kept back stands on top, so that the eye follows how it grows."""
    inside = []
    for number, one in enumerate(columns):
        middle = _GAP * number + _GAP / 2
        inside.append(_GROUP.format(level=one.name, inside=Markup().join(_column(one, middle))))
    told = "; ".join(
        f"{one.name}: {one.kept_back} of {_all(one)} kept back, {one.warned} with a warning" for one in columns
    )
    return picture(
        "levels", (WIDTH, HEIGHT), inside, title="How much of it breaks at each level", description=told, kind="levels"
    )


def _column(one: Column, middle: float) -> list[Markup]:
    whole, x = _all(one) or 1, middle - _COLUMN / 2
    parts = (("kept", one.kept_back, "kept back"), ("warned", one.warned, "let in with a warning"),
             ("let", one.let_in, "let in"))  # fmt: skip
    drawn, y = [_FRAME.format(x=short(x - 22), y=2, width=_COLUMN + 44, height=HEIGHT - 4)], float(_TOP)
    for kind, count, words in parts:
        height = (_FLOOR - _TOP) * count / whole
        if count:
            drawn.append(
                _RECT.format(
                    kind=kind, x=short(x), y=short(y), width=_COLUMN, height=short(max(height - 1, 1.0)),
                    title=f"{one.name}: {count} {words}",
                )
            )  # fmt: skip
        y += height
    drawn += [
        _TEXT.format(kind="number", x=short(middle), y=_TOP - 10, text=f"{one.kept_back} of {_all(one)}"),
        _TEXT.format(kind="name", x=short(middle), y=_FLOOR + 26, text=one.name),
        _TEXT.format(kind="stopped", x=short(middle), y=_FLOOR + 52, text=f"stops {one.stopped}"),
    ]
    return drawn


def _all(one: Column) -> int:
    return one.let_in + one.warned + one.kept_back
