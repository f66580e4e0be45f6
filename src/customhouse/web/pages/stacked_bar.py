"""Shares of a whole as bars, drawn here as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from customhouse.web.pages.svg import picture

WIDTH, BAR, ROW = 720, 34, 34
_PART = Markup('<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"><title>{title}</title></rect>')
_TEXT = Markup('<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>')
_NAME_ENDS, _BAR_BEGINS, _BAR_ENDS = 118, 130, 640


@dataclass(frozen=True, slots=True)
class Part:
    """One share: its class, how much, and what it is."""

    kind: str
    value: int
    title: str


def whole_bar(key: str, parts: Sequence[Part], *, title: str, description: str) -> Markup:
    """One bar that is the whole, divided."""
    whole = sum(part.value for part in parts) or 1
    inside, x = [], 0.0
    for part in parts:
        width = WIDTH * part.value / whole
        if part.value:
            inside.append(
                _PART.format(
                    kind=part.kind, x=f"{x:.1f}", y=0, width=f"{max(width - 2, 1):.1f}", height=BAR,
                    title=f"{part.title}: {part.value:,}",
                )
            )  # fmt: skip
        x += width
    return picture(key, (WIDTH, BAR), inside, title=title, description=description, kind="whole")


def rows_of_bars(key: str, rows: Sequence[Part], *, title: str, description: str) -> Markup:
    """One bar below the other, each with its name before and its number behind."""
    most = max((row.value for row in rows), default=0) or 1
    inside = []
    for number, row in enumerate(rows):
        y = number * ROW
        width = (_BAR_ENDS - _BAR_BEGINS) * row.value / most
        inside.append(_TEXT.format(kind="scale", x=_NAME_ENDS, y=y + 21, anchor="end", text=row.title))
        if row.value:
            inside.append(
                _PART.format(
                    kind=row.kind, x=_BAR_BEGINS, y=y + 3, width=f"{max(width, 1):.1f}", height=ROW - 12,
                    title=f"{row.title}: {row.value:,}",
                )
            )  # fmt: skip
        inside.append(
            _TEXT.format(
                kind="scale", x=f"{_BAR_BEGINS + width + 9:.1f}", y=y + 21, anchor="start", text=f"{row.value:,}"
            )
        )
    height = max(len(rows), 1) * ROW
    return picture(key, (WIDTH, height), inside, title=title, description=description, kind="rows")
