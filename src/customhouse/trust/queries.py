"""Reads of trusted publishers that every upload needs."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.trust.tables import trusted_publisher

# Made once: building a statement costs more than running it.
_PUBLISHES = sa.select(sa.literal(1)).where(
    trusted_publisher.c.id == sa.bindparam("publisher"),
    trusted_publisher.c.project_id == sa.bindparam("project"),
    trusted_publisher.c.removed_at.is_(None),
)


def publishes_into(sql: Connection, publisher_id: int, project_id: int) -> bool:
    """Whether exactly this publisher may publish into this project at this moment (see `Actor.for_project`)."""
    return sql.execute(_PUBLISHES, {"publisher": publisher_id, "project": project_id}).first() is not None
