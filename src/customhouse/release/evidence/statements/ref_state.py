"""Where a ref is after a step of git, and whether it is locked. Our own predicate: nobody has a standard one."""

from __future__ import annotations

from customhouse.release.events import StepDone, TagSeen
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.statement import Statement, descriptor, moment, of_line
from customhouse.release.sealed import Sealed


def ref_state(told: History, line: Sealed) -> Statement:
    """Of the line of `StepDone`. ``refs`` is where the run has seen its refs by then, on each remote."""
    event = line.event
    assert isinstance(event, StepDone)  # noqa: S101 - whoever calls has looked
    step, base = told.step(line), uris.base_of(told.created.places)
    seen: dict[tuple[str, str], TagSeen] = {}
    for one in told.lines[: line.seq]:
        if isinstance(one.event, TagSeen):
            seen[one.event.remote, one.event.ref] = one.event
    return Statement(
        uris.ref_state(base),
        (of_line(line),),
        {
            "run": told.run,
            "step": step.id,
            "does": step.uses,
            "place": dict(told.created.places.get(step.env, {})),
            "materials": [descriptor(one) for _, things in sorted(told.at(line).inputs.items()) for one in things],
            "products": [descriptor(one) for _, things in sorted(event.outputs.items()) for one in things],
            "refs": [
                {"remote": one.remote, "ref": one.ref, "oid": one.oid, "commit": one.commit}
                for _, one in sorted(seen.items())
            ],
            "facts": dict(event.facts),
            "at": moment(line.at),
        },
    )
