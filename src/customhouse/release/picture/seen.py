"""What a picture shows of each step: how far it is, who acts, how long it took, and what it waits for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from customhouse.formats.pipeline import graph
from customhouse.formats.pipeline.model import Pipeline, Step
from customhouse.release.state import State, StepState

Status = Literal["planned", "waiting", "asked", "ready", "running", "done", "failed", "skipped", "undone", "stopped"]
"""As `StepStatus`; ``planned`` without a run, and ``stopped`` where the run stopped."""

STATUS_WORDS: Mapping[Status, str] = {
    "planned": "planned", "waiting": "waiting", "asked": "asked", "ready": "ready", "running": "running",
    "done": "done", "failed": "failed", "skipped": "skipped", "undone": "taken back", "stopped": "stopped here",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """One step as it is shown."""

    step: Step
    status: Status
    who: str
    """The title of the actor."""
    machine: bool
    took: timedelta | None = None
    """From start to end, or until now; of a question, how long people have been asked."""
    approved: tuple[str, ...] = ()
    """Titles of actors who said yes."""
    missing: tuple[str, ...] = ()
    """Titles of actors who can still say yes; empty where enough have."""
    quorum: int = 0
    """How many are needed; 0 without a gate."""
    waits_for: tuple[str, ...] = ()
    """Ids of steps that must come to their end first."""
    why: str = ""
    """Why it failed, or why the run stopped here."""
    attempt: int = 1

    @property
    def gate_words(self) -> str:
        """``2 of 3``; empty without a gate."""
        return f"{min(len(self.approved), self.quorum)} of {self.quorum}" if self.quorum else ""


def look(pipeline: Pipeline, state: State | None, now: datetime | None) -> tuple[Seen, ...]:
    """Every step, in the file's order."""
    follows = graph.direct(pipeline)
    titles = {one.id: one.title for one in pipeline.actors}
    return tuple(_seen(pipeline, step, state, now, follows[step.id], titles) for step in pipeline.steps)


def _seen(
    pipeline: Pipeline, step: Step, state: State | None, now: datetime | None, follows: tuple[str, ...],
    titles: Mapping[str, str],
) -> Seen:  # fmt: skip
    actor = pipeline.actor(step.actor)
    quorum = step.gate.quorum if step.gate else 0
    need = step.gate.need if step.gate else ()
    found = None if state is None else state.steps.get(step.id)
    if state is None or found is None:
        missing = tuple(titles[one] for one in need)
        return Seen(step, "planned", actor.title, actor.machine, missing=missing, quorum=quorum)
    yes = dict.fromkeys(approved.actor for _, _, approved in found.approvals)
    enough = len(yes) >= quorum or found.status in {"running", "done"}
    stop = state.stop if state.stop is not None and state.stop.step == step.id else None
    ended = {one for one, each in state.steps.items() if each.status in {"done", "skipped"}}
    return Seen(
        step,
        "stopped" if stop is not None and found.status != "done" else found.status,
        actor.title,
        actor.machine,
        took=took(found, now),
        approved=tuple(titles.get(one, one) for one in yes),
        missing=() if enough else tuple(titles[one] for one in need if one not in yes),
        quorum=quorum,
        waits_for=tuple(one for one in follows if one not in ended) if found.status == "waiting" else (),
        why=found.failure or (_stop_words(stop.saw, stop.expected, stop.place) if stop else ""),
        attempt=found.attempt,
    )


def took(found: StepState, now: datetime | None) -> timedelta | None:
    """How long a step took, or has been running; of a question, how long it has been asked."""
    begun = found.asked_at if found.status == "asked" else found.started_at
    end = found.ended_at or (now if found.status in {"running", "asked"} else None)
    return max(end - begun, timedelta()) if begun is not None and end is not None else None


def stop_words(state: State) -> str:
    """Why a run stands still; empty if it does not."""
    return "" if state.stop is None else _stop_words(state.stop.saw, state.stop.expected, state.stop.place)


def _stop_words(saw: str, expected: str, place: str) -> str:
    sentence = f"{place}: {saw}" if place else saw
    return f"{sentence}; expected {expected}" if expected else sentence


def time_words(length: timedelta) -> str:
    """A duration in at most eight characters: ``0.3 s``, ``42 s``, ``3:05 min``, ``2:10 h``, ``4 d``."""
    seconds = length.total_seconds()
    if seconds < 9.95:  # noqa: PLR2004 - with a tenth as long as one can be seen
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes}:{rest:02} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02} h" if hours < 48 else f"{hours // 24} d"  # noqa: PLR2004 - two days are told in days
