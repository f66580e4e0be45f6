"""The rule of the operators' pages: a mandate for operators and support closes them to whoever lacks the factor."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.index.mandates.requirements import requirements_of
from customhouse.index.mandates.tables import mandate
from customhouse.index.mandates.text import requirements_text
from customhouse.terms.errors import Refused

_HOLDING = sa.select(mandate.c.id).where(
    mandate.c.scope == "staff",
    mandate.c.ended_at.is_(None),
    mandate.c.enforced_at <= sa.bindparam("now", type_=mandate.c.enforced_at.type),
)


def refuse_unless_staff_ready(sql: Connection, account_id: int, now: datetime, site: str) -> None:
    """Raise `Refused` with the text of the page. One statement where no such mandate is enforced."""
    holding = set(sql.execute(_HOLDING, {"now": now}).scalars())
    if not holding:
        return
    for one in requirements_of(sql, account_id, now):
        if one.because is not None and one.because.mandate.id in holding and one.open:
            raise Refused(
                "second-factor-required",
                requirements_text(one, site),
                f"All that is required of you: {site}/account/required/",
            )
