"""How far a journal went: its head as the subject, so that a transparency log keeps it. Our own predicate."""

from __future__ import annotations

from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.statement import Statement, moment, of_line
from customhouse.release.sealed import Sealed


def journal_head(told: History, line: Sealed) -> Statement:
    """Of any line: once this is logged, no line up to it can be another without being found out."""
    return Statement(
        uris.journal_head(uris.base_of(told.created.places)),
        (of_line(line),),
        {
            "run": told.run,
            "project": told.pipeline.project,
            "pipeline": {"digest": {"sha256": told.created.pipeline_sha256}},
            "engine": told.created.engine_key,
            "lines": line.seq + 1,
            "at": moment(line.at),
        },
    )
