"""Which files views have handed out lately: the read path tells the mirror nothing, so the log of views does."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.views.log.tables import view_decision


def handed_out_since(sql: Connection, day: date) -> list[str]:
    """The names of files that somebody was given on this day or later."""
    c = view_decision.c
    return list(
        sql.execute(
            sa.select(c.filename)
            .where(c.day >= day, c.kind == "file", c.verdict.in_(("allow", "warn")))
            .distinct()
            .order_by(c.filename)
        ).scalars()
    )
