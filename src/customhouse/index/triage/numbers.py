"""The numbers of our own advisories: PREFIX-YEAR-1 and so on, each given once."""

from __future__ import annotations

import re

import sqlalchemy as sa

from customhouse.advisories.tables import advisory
from customhouse.advisories.triage.tables import triage_case
from customhouse.ledger.tx import Tx

LOOKED_AT = 50


def next_id(tx: Tx, prefix: str) -> str:
    """The next free id of this year. Our turn among writers has come by then, so nobody else gets the same."""
    return next_ids(tx, prefix, 1)[0]


def next_ids(tx: Tx, prefix: str, count: int) -> list[str]:
    """So many in a row."""
    tx.serialize()
    begin = f"{prefix}-{tx.now().year}-"
    pattern = re.compile(re.escape(begin) + r"([1-9][0-9]{0,8})")
    taken = [0]
    for column in (advisory.c.id, triage_case.c.advisory_id):
        # The longest are the highest numbers; ids of disclosures have a dash in their last part.
        tail = sa.func.substr(column, len(begin) + 1)
        ours = (column.startswith(begin, autoescape=True), ~tail.contains("-"))
        statement = (
            sa.select(column).where(*ours).order_by(sa.func.length(column).desc(), column.desc()).limit(LOOKED_AT)
        )
        taken.extend(int(found[1]) for one in tx.sql.execute(statement).scalars() if (found := pattern.fullmatch(one)))
    return [f"{begin}{max(taken) + 1 + at}" for at in range(count)]
