"""How long steps took, and how long they will take: the median of earlier runs of the same project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median

from customhouse.release.engine.folder import runs_in
from customhouse.release.events import StepDone, StepStarted
from customhouse.release.sealed import Sealed
from customhouse.terms.errors import CustomhouseError

MOST_RUNS = 10
"""The newest count."""


def times_of(lines: Sequence[Sealed]) -> dict[str, timedelta]:
    """How long each step took in its newest attempt, from its first start to its end."""
    began: dict[tuple[str, int], Sealed] = {}
    found: dict[str, timedelta] = {}
    for line in lines:
        event = line.event
        if isinstance(event, StepStarted):
            began.setdefault((event.step, event.attempt), line)
        elif isinstance(event, StepDone) and (event.step, event.attempt) in began:
            found[event.step] = line.at - began[event.step, event.attempt].at
    return found


def forecast(journals: Iterable[Sequence[Sealed]]) -> dict[str, timedelta]:
    """By step, the median."""
    all_of: dict[str, list[float]] = {}
    for lines in journals:
        for step, length in times_of(lines).items():
            all_of.setdefault(step, []).append(length.total_seconds())
    return {step: timedelta(seconds=median(lengths)) for step, lengths in all_of.items()}


def forecast_in(runs: Path, project: str, *, but: str = "") -> Mapping[str, timedelta]:
    """From the runs of a folder, without this one. A journal that cannot be read tells nothing."""
    journals: list[Sequence[Sealed]] = []
    for one in reversed(runs_in(runs)):
        try:
            if one.name != but and one.created().project == project:
                journals.append(one.journal.read())
        except CustomhouseError:
            continue
        if len(journals) == MOST_RUNS:
            break
    return forecast(journals)
