"""What is missing before a staged release may be published."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.catalog.staged import Session
from customhouse.index.approving.model import Missing
from customhouse.terms.identity import Actor


def missing(_sql: Connection, _session: Session, _by: Actor | None, _now: datetime) -> Missing | None:
    """What is missing; None if it may be published."""
    return None
