"""Bar charts, drawn here as SVG: no scripts, no inline style; the colours of light and dark come from classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from customhouse.web.pages.svg import picture, short

WIDTH, HEIGHT = 720, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 718, 14, 152
_STEPS = (2, 4, 6, 8, 10)
_LINE = Markup('<line class="rule" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
_NUMBER = Markup('<text class="scale" x="{x}" y="{y}" text-anchor="end">{text}</text>')
_MONTH = Markup('<text class="scale" x="{x}" y="{y}">{text}</text>')
_TICK = Markup('<line class="rule" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>')
_BAR = Markup('<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"/>')
_DAY = Markup("<g><title>{title}</title>{bars}</g>")


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: a solid bar before a pale one."""

    day: date
    solid: int
    pale: int
    title: str


def bar_chart(key: str, bars: Sequence[Bar], *, title: str, description: str) -> Markup:
    """The chart of consecutive days. ``key`` begins the ids, so that two charts may stand on one page."""
    top = scale_top(max((bar.pale for bar in bars), default=0))
    step = (_RIGHT - _LEFT) / max(len(bars), 1)
    inside = [_grid(top), *(_month(bar.day, _LEFT + step * number) for number, bar in enumerate(bars))]
    inside += [_day(bar, _LEFT + step * number, step, top) for number, bar in enumerate(bars) if bar.pale]
    return picture(key, (WIDTH, HEIGHT), inside, title=title, description=description)


def scale_top(highest: int) -> int:
    """The round, even number at which the scale ends: one of 2, 4, 6, 8, 10, 20, 40 and so on."""
    unit = 1
    while True:
        for step in _STEPS:
            if step * unit >= highest:
                return step * unit
        unit *= 10


def _grid(top: int) -> Markup:
    drawn = []
    for value in (0, top // 2, top):
        y = _y(value, top)
        drawn += [
            _LINE.format(left=_LEFT, right=_RIGHT, y=y),
            _NUMBER.format(x=_LEFT - 8, y=y + 4, text=f"{value:,}"),
        ]
    return Markup().join(drawn)


def _month(day: date, x: float) -> Markup:
    """A tick and a name where a month begins."""
    if day.day != 1:
        return Markup()
    return _TICK.format(x=short(x), top=_BOTTOM, bottom=_BOTTOM + 8) + _MONTH.format(
        x=short(x), y=_BOTTOM + 26, text=f"{day:%b %Y}" if day.month == 1 else f"{day:%b}"
    )


def _day(bar: Bar, x: float, step: float, top: int) -> Markup:
    width = short(step * 0.8)
    bars = [
        _BAR.format(kind=kind, x=short(x + step * 0.1), y=_y(value, top), width=width, height=_BOTTOM - _y(value, top))
        for kind, value in (("pale", bar.pale), ("solid", bar.solid))
        if value
    ]
    return _DAY.format(title=bar.title, bars=Markup().join(bars))


def _y(value: int, top: int) -> int:
    """Whole units; what is not zero is at least one high."""
    height = round((_BOTTOM - _TOP) * value / top)
    return _BOTTOM - (max(height, 1) if value else 0)
