"""One thing that is wrong with a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, where, and what to do about it."""

    level: Level
    """An error leaves a way in; a warning is unwise."""
    code: str
    """Stable, for programs."""
    place: str
    """As the file names it: ``step build``, ``artifact dists``."""
    sentence: str
    next_step: str
    step: str = ""
    """The step that it is about, where it is about one."""
    risk: str = ""


def error(code: str, place: str, sentence: str, next_step: str, *, risk: str = "") -> Finding:
    """A finding that leaves a way in."""
    return Finding("error", code, place, sentence, next_step, _step_of(place), risk)


def warning(code: str, place: str, sentence: str, next_step: str, *, risk: str = "") -> Finding:
    """A finding that is unwise."""
    return Finding("warning", code, place, sentence, next_step, _step_of(place), risk)


def _step_of(place: str) -> str:
    return place.removeprefix("step ") if place.startswith("step ") else ""
