"""The files that a check looks at: those that the step has just made, or those that come in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from customhouse.release.actions import Outcome, StepRun
from customhouse.release.things import Thing, Things


def looked_at(run: StepRun, outcome: Outcome | None) -> dict[str, Things]:
    """By artifact, the files in question: the step's outputs where it has some, else its inputs."""
    made = _files(run, outcome.outputs if outcome is not None else {})
    return made or _files(run, run.inputs)


def _files(run: StepRun, things: Mapping[str, Things]) -> dict[str, Things]:
    names = {one.id for one in run.pipeline.artifacts if one.type == "files"}
    return {
        name: tuple(one for one in some if one.algorithm == "sha256") for name, some in things.items() if name in names
    }


def fetched(run: StepRun, thing: Thing) -> Path:
    """The file, from the store, in a folder of its own."""
    folder = run.folder / "looked-at" / thing.digest[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return run.store.fetch(thing, folder)


def told(faults: list[str], most: int = 5) -> str:
    """Faults as one line: the first few, and how many more there are."""
    more = f"; and {len(faults) - most} more" if len(faults) > most else ""
    return "; ".join(faults[:most]) + more
