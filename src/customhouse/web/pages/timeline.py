"""A project's life as one line: a dot for each release, with as many names as there is room for. SVG, drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup
from packaging.version import Version

from customhouse.web.pages.svg import picture

WIDTH, HEIGHT = 720, 96
_LEFT, _RIGHT, _AXIS = 24, 696, 56
_LABEL_WIDTH_PER_LETTER = 7.6
MAX_DOTS = 400
_AXIS_LINE = Markup('<line class="rule" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
_DOT = Markup('<circle class="{kind}" cx="{x:.1f}" cy="{y}" r="5"><title>{title}</title></circle>')
_NAME = Markup('<text class="scale" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{text}</text>')


@dataclass(frozen=True, slots=True)
class Moment:
    """One release on the line."""

    version: str
    at: datetime
    yanked: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """The picture, and the same in words."""

    svg: Markup
    words: str


def timeline_of(moments: Sequence[Moment], now: datetime) -> Timeline | None:
    """Draw the releases of a project; None if there are none. Older ones than the last 400 are left out."""
    ordered = sorted(moments, key=lambda one: one.at)[-MAX_DOTS:]
    if not ordered:
        return None
    first, last = ordered[0], ordered[-1]
    words = f"{len(moments)} {'release' if len(moments) == 1 else 'releases'}"
    words += f", the first on {_day(first.at)}" if len(moments) > 1 else f" on {_day(first.at)}"
    words += f", the last, {last.version}, on {_day(last.at)}." if len(moments) > 1 else "."
    whole = max((now - first.at).total_seconds(), 1.0)

    def x_of(at: datetime) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (at - first.at).total_seconds() / whole

    dots = [
        _DOT.format(kind=_kind(one), x=x_of(one.at), y=_AXIS, title=f"{one.version}, {_day(one.at)}") for one in ordered
    ]
    inside = [
        _AXIS_LINE.format(left=_LEFT, right=_RIGHT, y=_AXIS),
        *dots,
        *_names([(one, x_of(one.at)) for one in ordered]),
        _NAME.format(x=_LEFT, y=_AXIS + 28, anchor="start", text=_day(first.at)),
        _NAME.format(x=_RIGHT, y=_AXIS + 28, anchor="end", text=f"today, {_day(now)}"),
    ]
    svg = picture("timeline", (WIDTH, HEIGHT), inside, title="Releases over time", description=words, kind="timeline")
    return Timeline(svg, words)


def _names(placed: Sequence[tuple[Moment, float]]) -> list[Markup]:
    """Names above the dots: the newest first, then whatever does not touch another."""
    taken: list[tuple[float, float]] = []
    names = []
    for one, x in reversed(placed):
        half = len(one.version) * _LABEL_WIDTH_PER_LETTER / 2
        middle = min(max(x, half), WIDTH - half)
        if all(middle + half < left or middle - half > right for left, right in taken):
            taken.append((middle - half - 6, middle + half + 6))
            names.append(_NAME.format(x=middle, y=_AXIS - 18, anchor="middle", text=one.version))
    return names


def _kind(one: Moment) -> str:
    if one.yanked:
        return "yanked"
    return "pre" if Version(one.version).is_prerelease else "final"


def _day(moment: datetime) -> str:
    return f"{moment:%-d %b %Y}"
