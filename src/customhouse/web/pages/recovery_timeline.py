"""A recovery case as one line: its moments, numbered as in the list below it, and the delay as a band. SVG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from customhouse.index.recovery.model import Case, Step
from customhouse.web.pages.svg import picture

WIDTH, HEIGHT = 720, 92
_LEFT, _RIGHT, _AXIS, _DOT = 24.0, 696.0, 44, 12
_GAP = 30.0
_LINE = Markup('<line class="rule" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
_BAND = Markup('<rect class="pale" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}"/>')
_MOMENT = Markup(
    '<circle class="{kind}" cx="{x:.1f}" cy="{y}" r="{r}"><title>{title}</title></circle>'
    '<text class="number {kind}" x="{x:.1f}" y="{text_y}" text-anchor="middle">{number}</text>'
)
_NAME = Markup('<text class="scale" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{text}</text>')


def case_line(steps: Sequence[Step], case: Case, now: datetime) -> Markup:
    """Draw a case. Moments keep their order and a distance that can be read; beyond that, their place is their time."""
    places = _places([step.at for step in steps])
    inside = [_LINE.format(left=_LEFT, right=_RIGHT, y=_AXIS)]
    if case.approved_at is not None and case.due_at is not None:
        begun = max((x for x, step in zip(places, steps, strict=True) if step.at <= case.approved_at), default=_LEFT)
        due = next((x for x, step in zip(places, steps, strict=True) if step.at >= case.due_at), _RIGHT)
        inside.append(_BAND.format(x=begun, y=_AXIS - 5, width=max(due - begun, 0.0), height=10))
    for number, (x, step) in enumerate(zip(places, steps, strict=True), 1):
        kind = "future" if step.at > now else step.kind
        title = f"{number}. {step.words}, {step.at:%-d %b %Y, %H:%M} UTC"
        inside.append(
            _MOMENT.format(kind=kind, x=x, y=_AXIS, r=_DOT, title=title, text_y=_AXIS + 5, number=number)
        )  # fmt: skip
    inside.append(_NAME.format(x=_LEFT - 12, y=_AXIS + 36, anchor="start", text=f"{steps[0].at:%-d %b %Y}"))
    inside.append(_NAME.format(x=_RIGHT + 12, y=_AXIS + 36, anchor="end", text=f"{steps[-1].at:%-d %b %Y}"))
    words = " ".join(f"{number}. {step.words}." for number, step in enumerate(steps, 1))
    return picture(
        "case-line", (WIDTH, HEIGHT), inside, title="The case over time", description=words, kind="case-line"
    )


def _places(moments: Sequence[datetime]) -> list[float]:
    """Where each moment stands: by its time, but never closer to its neighbours than can be read."""
    whole = max((moments[-1] - moments[0]).total_seconds(), 1.0)
    gap = min(_GAP, (_RIGHT - _LEFT) / max(len(moments) - 1, 1))
    places = [_LEFT + (_RIGHT - _LEFT) * (at - moments[0]).total_seconds() / whole for at in moments]
    for index in range(1, len(places)):
        places[index] = max(places[index], places[index - 1] + gap)
    edge = _RIGHT
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], edge)
        edge = places[index] - gap
    return places
