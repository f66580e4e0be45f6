"""Whether a build elsewhere came to the same, bit for bit. Our own predicate: a vote, beside a builder's provenance."""

from __future__ import annotations

from customhouse.release.events import Rebuilt
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.statement import Statement, descriptor, moment, subjects_or_line
from customhouse.release.sealed import Sealed


def rebuild(told: History, line: Sealed) -> Statement:
    """Of the line of `Rebuilt`."""
    event = line.event
    assert isinstance(event, Rebuilt)  # noqa: S101 - whoever calls has looked
    step, base = told.step(line), uris.base_of(told.created.places)
    made = [thing for _, things in sorted(event.outputs.items()) for thing in things]
    return Statement(
        uris.rebuild(base),
        subjects_or_line(made, line),
        {
            "run": told.run,
            "step": step.id,
            "attempt": event.attempt,
            "by": {"id": uris.builder(base, event.by, step.rebuild.env if step.rebuild else step.env)},
            "agrees": event.agrees,
            "needed": step.rebuild.agree if step.rebuild else 1,
            "outputs": [descriptor(one) for one in made],
            "difference": event.difference,
            "at": moment(line.at),
        },
    )
