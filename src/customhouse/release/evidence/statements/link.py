"""What a step took and what it made: in-toto's link predicate, version 0.3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.release.events import StepDone
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.statement import Statement, descriptor, subjects_or_line
from customhouse.release.sealed import Sealed
from customhouse.release.things import Thing


def link(told: History, line: Sealed) -> Statement:
    """Of the line of `StepDone`. ``materials`` came in, ``products`` went out, each under its artifact."""
    event = line.event
    assert isinstance(event, StepDone)  # noqa: S101 - whoever calls has looked
    step, attempt = told.step(line), told.at(line)
    made = [thing for things in event.outputs.values() for thing in things]
    return Statement(
        uris.LINK,
        subjects_or_line(made, line),
        {
            "name": step.id,
            "command": list(step.run) or [step.uses],
            "materials": _all(attempt.inputs),
            "products": _all(event.outputs),
            "byproducts": dict(event.facts),
            "environment": {"actor": step.actor, "env": step.env, "run": told.run, "attempt": event.attempt},
        },
    )


def _all(by_artifact: Mapping[str, tuple[Thing, ...]]) -> list[dict[str, Any]]:
    return [
        descriptor(thing, annotations={"artifact": artifact})
        for artifact, things in sorted(by_artifact.items())
        for thing in things
    ]
