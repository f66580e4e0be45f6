"""Areas over days, one on the other, drawn here as SVG. A day without a number is a gap: nothing is drawn across it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from markupsafe import Markup

from customhouse.web.pages.svg import picture, short

WIDTH, HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 712, 34, 256
_NAME_WIDTH, _WIDE_NAME, _LETTER, _MARGIN = 96, 120, 14.4, 25
_MOST_TITLES = 60
_WEEK, _THOUSAND, _MILLION = 7, 1_000, 1_000_000
_SHORT_RANGE_DAYS = 75
_TOPS = (10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100)
"""Tenths at which a scale may end: each has a half that is easily read."""
_RULE = Markup('<line class="rule" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
_NUMBER = Markup('<text class="scale" x="{x}" y="{y}" text-anchor="end">{text}</text>')
_TICK = Markup('<line class="rule" x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>')
_NAME = Markup('<text class="scale" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>')
_AREA = Markup('<path class="{kind}" d="{path}"/>')
_COLUMN = Markup('<rect class="over" x="{x}" y="{top}" width="{width}" height="{height}"><title>{title}</title></rect>')
_FLAG = Markup(
    '<g class="flag"><title>{title}</title><line x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'
    '<circle cx="{x}" cy="{y}" r="11"/><text x="{x}" y="{text_y}" text-anchor="middle">{number}</text></g>'
)


@dataclass(frozen=True, slots=True)
class Column:
    """One day: the values from the lowest area to the highest, or None if there are none."""

    day: date
    values: tuple[int, ...] | None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Flag:
    """A day that is marked by a number; what it means stands beside the chart."""

    day: date
    number: int
    title: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The days and the numbers that the chart spans."""

    since: date
    until: date
    top: int

    @property
    def step(self) -> float:
        """How wide a day is."""
        return (_RIGHT - _LEFT) / max((self.until - self.since).days, 1)

    def x(self, day: date) -> float:
        """Where a day is."""
        return _LEFT + (day - self.since).days * self.step

    def y(self, value: float) -> float:
        """Where a number is."""
        return _BOTTOM - (_BOTTOM - _TOP) * value / self.top


@dataclass(frozen=True, slots=True)
class Name:
    """What stands below a tick, as wide as on a phone."""

    x: float
    anchor: str
    text: str

    @property
    def left(self) -> float:
        """Where it begins."""
        return self.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor] * _LETTER * len(self.text)

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.left + _LETTER * len(self.text)


def area_chart(
    key: str,
    columns: Sequence[Column],
    kinds: Sequence[str],
    *,
    since: date,
    until: date,
    title: str,
    description: str,
    flags: Sequence[Flag] = (),
) -> Markup:
    """The chart. ``kinds`` are the classes of the areas, from the lowest; ``key`` begins the ids."""
    told = [column for column in columns if column.values is not None]
    frame = Frame(since, until, scale_top(max((sum(column.values or ()) for column in told), default=0)))
    inside = [_scale(frame), _calendar(frame)]
    for run in runs(columns):
        inside += [_area(frame, run, kind, index) for index, kind in enumerate(kinds)]
    inside += [_flag(frame, flag) for flag in flags if since <= flag.day <= until]
    step = -(-len(told) // _MOST_TITLES) or 1
    inside += [_column(frame, column, step) for column in told[::-step]]
    return picture(key, (WIDTH, HEIGHT), inside, title=title, description=description)


def runs(columns: Sequence[Column]) -> list[list[Column]]:
    """The columns in stretches of days that follow each other and have numbers."""
    found: list[list[Column]] = []
    last: date | None = None
    for column in columns:
        if column.values is None:
            last = None
            continue
        if last is None or column.day - last != timedelta(days=1):
            found.append([])
        found[-1].append(column)
        last = column.day
    return found


def _area(frame: Frame, run: Sequence[Column], kind: str, index: int) -> Markup:
    """One area of one stretch. A stretch is half a day wider at both ends, so that a single day is seen, too."""
    half = frame.step / 2
    points = [(frame.x(column.day), column.values or ()) for column in run]
    points = [
        (max(points[0][0] - half, _LEFT), points[0][1]),
        *points,
        (min(points[-1][0] + half, _RIGHT), points[-1][1]),
    ]
    upper = [f"{short(x)},{short(frame.y(sum(values[: index + 1])))}" for x, values in points]
    lower = [f"{short(x)},{short(frame.y(sum(values[:index])))}" for x, values in reversed(points)]
    return _AREA.format(kind=kind, path=f"M{' L'.join([*upper, *lower])}Z")


def _column(frame: Frame, column: Column, days: int) -> Markup:
    """What a pointer finds out about a day, on the width of the days before it that have no words of their own."""
    x = max(frame.x(column.day) - frame.step * (days - 0.5), _LEFT)
    width = min(frame.x(column.day) + frame.step / 2, _RIGHT) - x
    return _COLUMN.format(x=short(x), top=_TOP, width=short(width), height=_BOTTOM - _TOP, title=column.title)


def _flag(frame: Frame, flag: Flag) -> Markup:
    x = short(frame.x(flag.day))
    return _FLAG.format(
        title=flag.title, x=x, top=_TOP - 9, bottom=_BOTTOM, y=_TOP - 20, text_y=_TOP - 15, number=flag.number
    )


def _scale(frame: Frame) -> Markup:
    drawn = []
    for value in (0, frame.top // 2, frame.top):
        y = short(frame.y(value))
        drawn += [_RULE.format(left=_LEFT, right=_RIGHT, y=y)]
        drawn += [_NUMBER.format(x=_LEFT - 8, y=short(frame.y(value) + 4), text=compact(value))]
    return Markup().join(drawn)


def _calendar(frame: Frame) -> Markup:
    """Ticks at weeks or months, and names at every so many of them, as far apart as a phone needs."""
    ticks = _ticks(frame)
    width = _WIDE_NAME if len({day.year for day in ticks}) > 1 and _is_long(frame) else _NAME_WIDTH
    every = max(1, -(-width * len(ticks) // (_RIGHT - _LEFT)))
    # A name that begins or ends at its tick reaches farther to one side than the others do.
    while _touch(names := _names(frame, ticks[::every])):
        every += 1
    drawn = [_TICK.format(x=short(frame.x(day)), top=_BOTTOM, bottom=_BOTTOM + 7) for day in ticks]
    drawn += [_NAME.format(x=short(one.x), y=_BOTTOM + 27, anchor=one.anchor, text=one.text) for one in names]
    return Markup().join(drawn)


def _names(frame: Frame, named: Sequence[date]) -> list[Name]:
    """The names of these days. One near an edge does not reach beyond it."""
    found = []
    for number, day in enumerate(named):
        x, text = frame.x(day), _name(frame, named, number)
        half = _LETTER * len(text) / 2
        anchor = "start" if x - half < _LEFT else "end" if x + half > WIDTH + _MARGIN else "middle"
        found.append(Name(x, anchor, text))
    return found


def _touch(names: Sequence[Name]) -> bool:
    return any(before.right + 1 > after.left for before, after in pairwise(names))


def _name(frame: Frame, named: Sequence[date], number: int) -> str:
    """A day, or a month; with its year where that is another than before and there is room for it."""
    day, x = named[number], frame.x(named[number])
    if not _is_long(frame):
        return f"{day:%-d %b}"
    if number:
        with_year = day.year != named[number - 1].year and x + _WIDE_NAME / 2 < WIDTH + _MARGIN
    else:
        # It begins at the left edge, so it reaches far to the right.
        after = named[1] if len(named) > 1 else None
        with_year = after is None or (after.year == day.year and frame.x(after) - x > _WIDE_NAME + _MARGIN)
    return f"{day:%b %Y}" if with_year else f"{day:%b}"


def _ticks(frame: Frame) -> list[date]:
    days = [frame.since + timedelta(days=number) for number in range((frame.until - frame.since).days + 1)]
    if _is_long(frame):
        return [day for day in days if day.day == 1]
    return [day for day in days if (frame.until - day).days % _WEEK == 0 and day > frame.since]


def _is_long(frame: Frame) -> bool:
    """Whether months are told, and not days."""
    return (frame.until - frame.since).days >= _SHORT_RANGE_DAYS


def scale_top(highest: int) -> int:
    """The even number at which the scale ends: little above the highest value, and at least 2."""
    unit = 1
    while True:
        for tenths in _TOPS:
            top = tenths * unit // 10
            if top * 10 == tenths * unit and top % 2 == 0 and top >= max(highest, 2):
                return top
        unit *= 10


def compact(value: int) -> str:
    """A number for a scale: 400, 1.2k, 4M."""
    for unit, letter in ((_MILLION, "M"), (_THOUSAND, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{letter}"
    return str(value)
