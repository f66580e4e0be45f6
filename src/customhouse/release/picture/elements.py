"""Pieces of SVG as text: every text and attribute is escaped here, and nothing else makes a tag."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from customhouse.formats.plain import plain
from customhouse.release.picture.layout import Point


def tag(name: str, *inside: str, **attributes: object) -> str:
    """An element; ``class_`` is class, ``_`` in names is ``-``. What is inside is SVG already."""
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}={quoteattr(number(value))}"
        for key, value in attributes.items() if value is not None and value != ""
    )  # fmt: skip
    return f"<{name}{written}>{''.join(inside)}</{name}>" if inside else f"<{name}{written}/>"


def words(text: object, limit: int = 400) -> str:
    """Somebody's text, escaped: one line, every character visible."""
    return escape(plain(text, limit))


def label(x: float, y: float, said: object, class_: str, **attributes: object) -> str:
    """One line of text; ``y`` is its base line."""
    return tag("text", words(said), x=x, y=y, class_=class_, **attributes)


def told(*lines: object) -> str:
    """What appears when the pointer rests on an element: its first child."""
    return tag("title", "\n".join(words(one) for one in lines if one))


def group(*inside: str, class_: str = "") -> str:
    """Several elements."""
    return tag("g", *inside, class_=class_)


def number(value: object) -> str:
    """A number to a tenth of a unit, anything else as it is."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def way(points: Iterable[Point], radius: float = 6.0) -> str:
    """A path along points with round corners."""
    ones = list(points)
    said = [f"M{number(float(ones[0][0]))} {number(float(ones[0][1]))}"]
    for before, at, after in zip(ones, ones[1:], ones[2:], strict=False):
        near = _toward(at, before, radius)
        far = _toward(at, after, radius)
        said.append(f"L{_pair(near)}Q{_pair(at)} {_pair(far)}")
    said.append(f"L{_pair(ones[-1])}")
    return "".join(said)


def _toward(at: Point, other: Point, radius: float) -> Point:
    """A point so far from one to the other, at most half of the way."""
    dx, dy = other[0] - at[0], other[1] - at[1]
    length = abs(dx) + abs(dy)
    share = min(radius, length / 2) / length if length else 0.0
    return (at[0] + dx * share, at[1] + dy * share)


def _pair(point: Point) -> str:
    return f"{number(float(point[0]))} {number(float(point[1]))}"


def ring(x: float, y: float) -> str:
    """The sign of an end."""
    return tag("circle", cx=x, cy=y, r=7, class_="ring") + tag("circle", cx=x, cy=y, r=3.5, class_="dot")
