"""Pictures drawn here as SVG: no scripts, no inline style; the colours of light and dark come from classes."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

_SVG = Markup(
    '<svg class="{kind}" role="img" aria-labelledby="{key}-title {key}-desc" viewBox="0 0 {width} {height}">'
    '<title id="{key}-title">{title}</title><desc id="{key}-desc">{description}</desc>{inside}</svg>'
)


def picture(
    key: str, size: tuple[int, int], inside: Sequence[Markup], *, title: str, description: str, kind: str = ""
) -> Markup:
    """The picture with its title and its words, for those who do not see it.

    ``key`` begins the ids, so that two may stand on one page; ``size`` is width and height in the picture's own units;
    ``kind`` is a class beside "chart".
    """
    return _SVG.format(
        kind=f"chart {kind}".rstrip(), key=key, width=size[0], height=size[1], title=title, description=description,
        inside=Markup().join(inside),
    )  # fmt: skip


def short(number: float) -> str:
    """A place, to a tenth of a unit."""
    return f"{number:.1f}"
