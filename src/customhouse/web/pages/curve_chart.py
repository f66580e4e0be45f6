"""The coverage curve, drawn here as SVG: how much of all downloads so many projects have. Projects in powers of ten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log10

from markupsafe import Markup

from customhouse.web.pages.svg import picture

WIDTH, HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 700, 20, 250
_RULE = Markup('<line class="rule" x1="{left}" x2="{right}" y1="{top}" y2="{bottom}"/>')
_TEXT = Markup('<text class="scale" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>')
_AREA = Markup('<polygon class="pale" points="{points}"/><polyline class="line" points="{points_above}"/>')
_MARK = Markup(
    '<g><title>{title}</title><line class="line dashed" x1="{x}" x2="{x}" y1="{y}" y2="{bottom}"/>'
    '<circle class="solid" cx="{x}" cy="{y}" r="6"/></g>'
)


@dataclass(frozen=True, slots=True)
class Point:
    """So many projects have this share of all downloads, from 0 to 1."""

    projects: int
    share: float


def curve_chart(key: str, points: Sequence[Point], mark: Point | None, *, title: str, description: str) -> Markup:
    """The curve, with a mark where the critical projects stand. ``key`` begins the ids."""
    tens = max(ceil(log10(max((one.projects for one in points), default=1))), 1)
    inside = [_grid(tens)]
    if points:
        above = " ".join(f"{_x(one.projects, tens):.1f},{_y(one.share):.1f}" for one in points)
        first, last = _x(points[0].projects, tens), _x(points[-1].projects, tens)
        around = f"{first:.1f},{_BOTTOM} {above} {last:.1f},{_BOTTOM}"
        inside.append(_AREA.format(points=around, points_above=above))
    if mark is not None and mark.projects:
        inside.append(
            _MARK.format(
                title=f"{mark.projects:,} critical projects: {mark.share:.1%}",
                x=f"{_x(mark.projects, tens):.1f}", y=f"{_y(mark.share):.1f}", bottom=_BOTTOM,
            )
        )  # fmt: skip
    return picture(key, (WIDTH, HEIGHT), inside, title=title, description=description, kind="curve")


def _grid(tens: int) -> Markup:
    drawn = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = f"{_y(share):.1f}"
        drawn += [
            _RULE.format(left=_LEFT, right=_RIGHT, top=y, bottom=y),
            _TEXT.format(x=_LEFT - 8, y=f"{_y(share) + 4:.1f}", anchor="end", text=f"{share:.0%}"),
        ]
    for power in range(tens + 1):
        x = f"{_x(10**power, tens):.1f}"
        anchor = "end" if power == tens else "middle"
        drawn += [
            _RULE.format(left=x, right=x, top=_BOTTOM, bottom=_BOTTOM + 6),
            _TEXT.format(x=x, y=_BOTTOM + 28, anchor=anchor, text=f"{10**power:,}"),
        ]
    return Markup().join(drawn)


def _x(projects: int, tens: int) -> float:
    return _LEFT + (_RIGHT - _LEFT) * log10(max(projects, 1)) / tens


def _y(share: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * share
