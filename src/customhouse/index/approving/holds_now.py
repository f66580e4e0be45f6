"""The holds on a staged release as they would be found now, from the rows of all its files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.catalog import queries
from customhouse.catalog.staged import Session, StagedFile
from customhouse.index.approving.facts import Sender, asked_of, facts_of, startup_files_of
from customhouse.index.approving.holds import holds
from customhouse.index.approving.model import Reason
from customhouse.index.provenance import continuity_of
from customhouse.trust.attestations import Attested, attested, from_json
from customhouse.trust.continuity import Continuity


def holds_now(sql: Connection, session: Session, files: Sequence[StagedFile], now: datetime) -> tuple[Reason, ...]:
    """Every reason to ask the owners; nothing unless the project is critical.

    The project may have become critical since the files came, or a burst of their sender have begun.
    """
    if session.project_id is None:
        return ()
    compared: Continuity | None = None
    found: dict[str, Reason] = {}
    for account_id, publisher_id in sorted({(one.account_id or 0, one.publisher_id or 0) for one in files}):
        sender = Sender(account_id or None, publisher_id or None)
        if not asked_of(sql, session.project_id, sender).is_critical:
            return ()
        compared = compared or compared_with_earlier(sql, session, files)
        signals = [signal for one in files for signal in one.signals or ()]
        startup = tuple(sorted(startup_files_of(signals, session.version)))
        facts = facts_of(sql, session.project_id, session.normalized, sender, startup, now, compared)
        for reason in holds(facts):
            found.setdefault(reason.code, reason)
    return tuple(found.values())


def compared_with_earlier(sql: Connection, session: Session, files: Sequence[StagedFile]) -> Continuity:
    """Whether the release comes from where the one before it came from."""
    project = queries.find_project(sql, session.normalized)
    waiting = {one.filename: attested_of(one) for one in files if one.state == "completed"}
    return continuity_of(sql, project, session.version, waiting)


def attested_of(file: StagedFile) -> Sequence[Attested]:
    """What was verified of a staged file."""
    return attested(from_json(file.attested)) if file.attested else ()
