"""Why a release must wait for people instead of being published at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.catalog.model import Project
from customhouse.index.approving.model import Reason
from customhouse.index.publication import StoredFile
from customhouse.terms.identity import Actor


def reasons_to_wait(
    _sql: Connection, _by: Actor, _project: Project | None, _version: str, _files: Sequence[StoredFile], _now: datetime
) -> tuple[Reason, ...]:
    """Every reason; none if it may be published at once."""
    return ()
