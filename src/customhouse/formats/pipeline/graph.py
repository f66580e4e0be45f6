"""What comes before what: a step follows the steps that make its inputs, and those that it names in ``after``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from customhouse.formats.pipeline.model import Artifact, Pipeline, Step
from customhouse.terms.errors import Rejected

CONDITION = re.compile(r"""([a-z][a-z0-9_]*)\s*(==|!=)\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=!]+))""")


class Condition(NamedTuple):
    """What a ``when`` asks."""

    parameter: str
    equal: bool
    value: str

    def holds(self, params: Mapping[str, str]) -> bool:
        """Whether it does, for these parameters."""
        return (params.get(self.parameter) == self.value) is self.equal


def condition_of(when: str) -> Condition | None:
    """``kind != security`` as a condition; None for what is none."""
    found = CONDITION.fullmatch(when.strip())
    if found is None:
        return None
    return Condition(found[1], found[2] == "==", found[3] or found[4] or found[5] or "")


def applies(step: Step | Artifact, params: Mapping[str, str]) -> bool:
    """Whether a step is done (or an artifact made) in a run with these parameters."""
    condition = condition_of(step.when) if step.when else None
    return condition is None or condition.holds(params)


def makers(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """By artifact, the steps that make it, in the file's order."""
    found: dict[str, tuple[str, ...]] = {one.id: () for one in pipeline.artifacts}
    for step in pipeline.steps:
        for artifact in step.outputs:
            found[artifact] = (*found.get(artifact, ()), step.id)
    return found


def direct(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """By step, the steps that it follows at once, in the file's order.

    A step that changes what it also takes (``in`` and ``out`` name the same) does not follow itself. Where an artifact
    is made by several steps, each but the last of them in the file's order comes before the next.
    """
    made_by = makers(pipeline)
    place = {step.id: number for number, step in enumerate(pipeline.steps)}
    found = {}
    for step in pipeline.steps:
        before = set(step.after)
        for artifact in step.inputs:
            before |= _makers_for(step, made_by.get(artifact, ()), place)
        if step.id not in step.after:
            before.discard(step.id)
        found[step.id] = tuple(sorted(before, key=place.__getitem__))
    return found


def _makers_for(step: Step, made_by: tuple[str, ...], place: Mapping[str, int]) -> set[str]:
    if step.id in made_by:
        return {one for one in made_by if place[one] < place[step.id]}
    return set(made_by)


def order(pipeline: Pipeline) -> tuple[str, ...]:
    """Every step after all that it follows; among those that could come next, the first in the file.

    Raises `Rejected` (code ``cycle``) naming the steps that wait for each other.
    """
    follows = {step: set(before) for step, before in direct(pipeline).items()}
    done: dict[str, None] = {}
    while len(done) < len(follows):
        ready = next((one for one, before in follows.items() if one not in done and before <= done.keys()), None)
        if ready is None:
            names = " -> ".join(cycle(pipeline))
            raise Rejected("cycle", "steps", f"these wait for each other: {names}", "steps without a circle")
        done[ready] = None
    return tuple(done)


def cycle(pipeline: Pipeline) -> tuple[str, ...]:
    """One circle of steps, the first one again at its end; empty if there is none."""
    follows = direct(pipeline)
    finished: set[str] = set()
    for first in follows:
        trail: list[str] = []
        waiting = [iter((first,))]
        while waiting:
            step = next(waiting[-1], None)
            if step is None:
                waiting.pop()
                if trail:
                    finished.add(trail.pop())
            elif step in trail:
                return tuple(reversed((*trail[trail.index(step) :], step)))
            elif step not in finished:
                trail.append(step)
                waiting.append(iter(follows[step]))
    return ()


def before(pipeline: Pipeline, step_id: str) -> set[str]:
    """Every step that has come to its end before this one starts, never itself; raises `KeyError`."""
    return _reached(direct(pipeline), step_id)


def before_each(pipeline: Pipeline) -> dict[str, set[str]]:
    """`before`, for every step at once."""
    follows = direct(pipeline)
    return {step: _reached(follows, step) for step in follows}


def after(pipeline: Pipeline, step_id: str) -> set[str]:
    """Every step that starts only when this one has come to its end, never itself; raises `KeyError`."""
    follows = direct(pipeline)
    turned: dict[str, tuple[str, ...]] = dict.fromkeys(follows, ())
    for step, ones in follows.items():
        for one in ones:
            turned[one] = (*turned[one], step)
    return _reached(turned, step_id)


def _reached(edges: Mapping[str, tuple[str, ...]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(edges[start])
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.add(step)
            waiting += edges[step]
    return found - {start}
