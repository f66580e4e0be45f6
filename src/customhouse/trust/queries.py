"""Reads of trusted publishers that every upload needs."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.trust.tables import trusted_publisher

# Made once: building a statement costs more than running it.
_SHOWN = trusted_publisher.alias("shown")
_SAME_PLACE = sa.and_(trusted_publisher.c.issuer == _SHOWN.c.issuer, trusted_publisher.c.place == _SHOWN.c.place)
_PUBLISHES = sa.select(sa.literal(1)).where(
    _SHOWN.c.id == sa.bindparam("publisher"),
    _SHOWN.c.removed_at.is_(None),
    trusted_publisher.c.project_id == sa.bindparam("project"),
    trusted_publisher.c.removed_at.is_(None),
    sa.or_(trusted_publisher.c.id == _SHOWN.c.id, _SAME_PLACE),
)


def publishes_into(sql: Connection, publisher_id: int, project_id: int) -> bool:
    """Whether this publisher may publish into this project at this moment.

    One place may publish into several projects, each of which has a row for it. A token speaks for all of those that it
    was minted for: its scope lists them.
    """
    return sql.execute(_PUBLISHES, {"publisher": publisher_id, "project": project_id}).first() is not None
