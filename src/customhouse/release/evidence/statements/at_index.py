"""Provenance that is shown at the index beside its file (PEP 740): of one file, said by who has built it.

A run asks for it by its place: ``attest = "provenance"``. It is said besides the provenance of a whole step, because
PEP 740 wants exactly one subject, and signed for the first version of the log's API, because verifiers take no other.
"""

from __future__ import annotations

from collections.abc import Mapping

from customhouse.formats.filenames import parse_filename
from customhouse.formats.pipeline.model import Pipeline
from customhouse.release.events import StepDone
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.provenance import provenance
from customhouse.release.evidence.statements.statement import Statement, files
from customhouse.release.sealed import Sealed
from customhouse.release.things import Thing, Things
from customhouse.terms.errors import Rejected

ATTEST = "attest"
"""The setting of an index's place."""
WORD = "provenance"
_STAGE = "index.stage"


def is_shown(pipeline: Pipeline, places: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether the run stages at an index whose place asks for the builders' word."""
    return any(step.uses == _STAGE and places.get(step.env, {}).get(ATTEST) == WORD for step in pipeline.steps)


def shown_files(told: History, line: Sealed) -> Things:
    """The files of a build, by its line of `StepDone`, that an index takes."""
    event = line.event
    if not isinstance(event, StepDone) or not is_shown(told.pipeline, told.created.places):
        return ()
    return tuple(sorted({one for things in event.outputs.values() for one in things if _is_taken(one)}))


def provenance_of_file(told: History, line: Sealed, thing: Thing) -> Statement:
    """What `provenance` says, of this file alone."""
    said = provenance(told, line)
    return Statement(said.predicate_type, files([thing]), said.predicate)


def _is_taken(thing: Thing) -> bool:
    """Whether it is a wheel or an sdist; so `ship.portions` chooses what goes to an index."""
    try:
        parse_filename(thing.name)
    except Rejected:
        return False
    return thing.algorithm == "sha256"
