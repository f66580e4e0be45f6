"""What waits as lines on one axis of time: from when it was asked for to when it takes effect. SVG, drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from customhouse.index.slow.model import PendingChange
from customhouse.web.pages.svg import picture

WIDTH = 720
MOST = 12
_LEFT, _RIGHT, _TOP, _STEP, _THICK = 36, 704, 26, 26, 10
_LETTER = 8
_BAR = Markup('<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}" rx="2"/>')
_LINE = Markup('<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>')
_TEXT = Markup('<text class="scale" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{text}</text>')


def pending_chart(changes: Sequence[PendingChange], now: datetime) -> Markup:
    """Draw what waits; empty if nothing does. What is contested has no end, and runs on to the edge, pale."""
    shown = sorted(changes, key=lambda one: one.effective_at)[:MOST]
    if not shown:
        return Markup()
    begin = min(one.requested_at for one in shown)
    end = max(*(one.effective_at for one in shown), now) + timedelta(hours=1)
    span = (end - begin).total_seconds()

    def x_of(at: datetime) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (at - begin).total_seconds() / span

    height = _TOP + _STEP * len(shown) + 28
    bottom = _TOP + _STEP * len(shown)
    inside = [_LINE.format(x=x_of(now), top=_TOP - 6, bottom=bottom), _now(x_of(now))]
    for number, one in enumerate(shown):
        y = _TOP + _STEP * number + (_STEP - _THICK) // 2
        inside.append(_TEXT.format(x=_LEFT - 8, y=y + _THICK, anchor="end", text=number + 1))
        contested = one.state == "contested"
        left, right = x_of(one.requested_at), _RIGHT if contested else x_of(one.effective_at)
        done = min(max(x_of(now), left), right)
        inside.append(_BAR.format(kind="pale", x=left, y=y, width=max(right - left, 2), height=_THICK))
        if not contested:
            inside.append(_BAR.format(kind="solid", x=left, y=y, width=max(done - left, 2), height=_THICK))
    inside.append(_TEXT.format(x=_LEFT, y=bottom + 20, anchor="start", text=_moment(begin)))
    inside.append(_TEXT.format(x=_RIGHT, y=bottom + 20, anchor="end", text=_moment(end - timedelta(hours=1))))
    words = " ".join(f"{number}: {_in_words(one)}." for number, one in enumerate(shown, start=1))
    return picture("pending", (WIDTH, height), inside, title="How long what waits has to wait", description=words)


def _now(x: float) -> Markup:
    middle = min(max(x, _LEFT + 2 * _LETTER), _RIGHT - 2 * _LETTER)
    return _TEXT.format(x=middle, y=_TOP - 10, anchor="middle", text="now")


def _in_words(one: PendingChange) -> str:
    if one.state == "contested":
        return f"{one.sentence}, since {_moment(one.requested_at)}, until an operator decides"
    return f"{one.sentence}, from {_moment(one.requested_at)} to {_moment(one.effective_at)}"


def _moment(at: datetime) -> str:
    return f"{at:%-d %b, %H:%M}"
