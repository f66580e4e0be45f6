"""A run in the terminal: one line for each step, and under it what it waits for.

Columns: number, sign, title, who (or how many of the people have said yes), time. Nothing is wider than ``width``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from textwrap import wrap

from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.text import Text

from customhouse.formats.pipeline.model import Pipeline
from customhouse.formats.plain import plain
from customhouse.release.picture.seen import Seen, Status, look, stop_words, time_words
from customhouse.release.state import State

SIGNS: Mapping[Status, tuple[str, str]] = {
    "planned": ("·", "dim"), "waiting": ("·", "dim"), "asked": ("?", "bold yellow"), "ready": ("○", "cyan"),
    "running": ("●", "bold cyan"), "done": ("✓", "green"), "failed": ("✗", "bold red"), "skipped": ("–", "dim"),
    "undone": ("↶", "magenta"), "stopped": ("■", "bold red"),
}  # fmt: skip
"""By status, the sign and its style. Signs differ in form, not only in colour."""
_NUMBER, _WHO, _TIME = 5, 20, 10
_LEAST_TITLE = 12
_INDENT = " " * (_NUMBER + 2)
_NEXT: Mapping[str, str] = {
    "gathering": "waits until everybody is around",
    "open": "running", "stopped": "stopped", "aborting": "being taken back",
    "released": "released", "abandoned": "abandoned",
}  # fmt: skip


def progress(
    pipeline: Pipeline, state: State | None, now: datetime, width: int = 80,
    *, forecast: Mapping[str, timedelta] | None = None,
) -> Group:  # fmt: skip
    """The whole of a run. ``forecast`` is how long each step is expected to take, by id."""
    seen = look(pipeline, state, now)
    lines = [_head(pipeline, state, seen, now, width, forecast or {})]
    if state is not None and state.status == "gathering":
        lines += _gathering(pipeline, state, width)
    for one in seen:
        lines.append(_line(one, width, forecast or {}))
        lines += _below(one, width)
    if state is not None and state.stop is not None:
        lines += _stopped(state, width)
    return Group(*lines)


def _head(
    pipeline: Pipeline, state: State | None, seen: tuple[Seen, ...], now: datetime, width: int,
    forecast: Mapping[str, timedelta],
) -> Text:  # fmt: skip
    version = "" if state is None else f" {state.params.get('version', '')}"
    title = plain(f"{pipeline.project}{version}", 40)
    if state is None:
        return _fit(Text(f"{title}: {len(seen)} steps, not started", "bold"), width)
    ended = sum(one.status in {"done", "skipped"} for one in seen)
    parts = [f"{ended} of {len(seen)} steps", _NEXT[state.status]]
    parts.append(time_words(max((state.finished_at or now) - state.created_at, timedelta())))
    left = sum((forecast.get(one.step.id, timedelta()) for one in seen if _ahead(one)), timedelta())
    if left and state.finished_at is None:
        parts.append(f"about {time_words(left)} to go")
    if state.rehearsal:
        parts.append("rehearsal")
    return _fit(Text.assemble((title, "bold"), f"  {', '.join(parts)}"), width)


def _ahead(one: Seen) -> bool:
    return one.status in {"waiting", "asked", "ready", "running"}


def _line(one: Seen, width: int, forecast: Mapping[str, timedelta]) -> Text:
    sign, style = SIGNS[one.status]
    room = max(width - _NUMBER - 2 - _WHO - _TIME - 2, _LEAST_TITLE)
    who = one.who
    if one.quorum and one.status in {"asked", "waiting", "planned", "ready"}:
        alone = one.missing[0] if len(one.missing) == 1 else "one of them"
        asks = f"asks {one.quorum} people" if one.quorum > 1 else f"asks {alone}"
        who = f"{one.gate_words} approved" if one.status == "asked" else asks
    attempt = f" (attempt {one.attempt})" if one.attempt > 1 else ""
    length = time_words(one.took) if one.took is not None else ""
    expected = forecast.get(one.step.id)
    if not length and expected is not None and _ahead(one):
        length = f"~{time_words(expected)}"
    faint = "dim" if one.status in {"planned", "waiting", "skipped"} else ""
    return _fit(
        Text.assemble(
            (f"{one.step.number:>{_NUMBER - 1}} ", faint), (f"{sign} ", style),
            (_cell(one.step.title, room - len(attempt)) + attempt, faint), " ", (_cell(who, _WHO), "dim"), " ",
            (f"{length:>{_TIME}}", faint),
        ), width,
    )  # fmt: skip


def _below(one: Seen, width: int) -> Iterator[Text]:
    if one.status == "asked" and one.step.gate is not None:
        yield from _told(f"“{one.step.gate.ask}”", width, "")
        missing = (
            " or ".join(one.missing) if one.quorum < len(one.approved) + len(one.missing) else ", ".join(one.missing)
        )
        yield from _told(f"waits for {missing}: customhouse release approve", width, "yellow")
    elif one.status in {"failed", "stopped"} and one.why:
        yield from _told(one.why, width, "red")
    elif one.status == "ready" and not one.machine and one.step.uses == "external.hand_in":
        yield from _told(f"waits for files of {one.who}: customhouse release hand-in", width, "yellow")


def _gathering(pipeline: Pipeline, state: State, width: int) -> Iterator[Text]:
    absent = [one.title for one in pipeline.actors if one.expert and one.id not in state.confirmed]
    if absent:
        yield from _told(f"Who is not around yet: {', '.join(absent)}: customhouse release confirm", width, "yellow")


def _stopped(state: State, width: int) -> Iterator[Text]:
    stop = state.stop
    if stop is None:
        return
    yield from _told(f"Stopped ({stop.code}), seen by {stop.by} at {stop.at:%H:%M:%S} UTC.", width, "bold red", "")
    if not stop.step:
        yield from _told(stop_words(state), width, "red", "")
    yield from _told("Look, then: customhouse release resume, restart or abort.", width, "", "")


def _told(text: str, width: int, style: str, indent: str = _INDENT) -> Iterator[Text]:
    room = max(width - len(indent), _LEAST_TITLE)
    for line in wrap(plain(text, 400), room, break_on_hyphens=False):
        yield _fit(Text(f"{indent}{line}", style), width)


def _cell(text: str, room: int) -> str:
    """The text in exactly so many columns."""
    shown = plain(text, 200)
    if cell_len(shown) > room:
        shown = f"{set_cell_size(shown, room - 1)}…"
    return set_cell_size(shown, room)


def _fit(text: Text, width: int) -> Text:
    text.no_wrap = True
    text.truncate(width, overflow="ellipsis")
    return text
