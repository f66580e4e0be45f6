"""What may change which releases are affected: hears of it in the ledger, and has it computed anew."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy.engine import Connection

from customhouse.index.advising.malware import malware_cases
from customhouse.index.advising.reverse import hosted_among, keep_affected, may_be_affected
from customhouse.infra import jobs
from customhouse.infra.db import Database
from customhouse.ledger.chain import Entry

AFFECTED_JOB = "find-affected"
MALWARE_JOB = "keep-malware-record"
CHANGED = "advisories-changed"
OF_RELEASES = frozenset({"release-created", "release-published", "deleted", "restored"})
"""Events after which a project may have other releases than before."""
OF_VERDICTS = frozenset(
    {
        "case-decided", "verdict-undone", "project-quarantined", "quarantine-lifted", "release-quarantined",
        "release-quarantine-lifted", "project-visibility-changed",
    }
)  # fmt: skip
"""Events after which our own verdicts of malware may say something else."""


def note_advising(sql: Connection, entry: Entry) -> None:
    """Have computed anew whatever an event concerns."""
    body = json.loads(entry.body)
    if entry.kind == CHANGED:
        names = hosted_among(sql, body["names"])
        if names:
            jobs.add(sql, AFFECTED_JOB, {"names": names}, due_at=entry.at)
    elif entry.kind in OF_RELEASES and entry.project is not None and may_be_affected(sql, entry.project):
        jobs.add(sql, AFFECTED_JOB, {"names": [entry.project]}, due_at=entry.at)
    elif entry.kind in OF_VERDICTS and entry.project is not None:
        cases = malware_cases(sql, entry.project)
        if cases:
            jobs.add(sql, MALWARE_JOB, {"cases": cases}, due_at=entry.at)


def find_affected(database: Database, names: Collection[str]) -> int:
    """Compute some projects anew; how many have changed. Doing it again changes nothing."""
    return sum(keep_affected(database, name) for name in names)
