"""The numbers of our own advisories: PREFIX-YEAR-1 and so on, each given once."""

from __future__ import annotations

import re

import sqlalchemy as sa

from customhouse.advisories.tables import advisory
from customhouse.advisories.triage.tables import triage_case
from customhouse.ledger.tx import Tx


def next_id(tx: Tx, prefix: str) -> str:
    """The next free id of this year. Our turn among writers has come by then, so nobody else gets the same."""
    tx.serialize()
    begin = f"{prefix}-{tx.now().year}-"
    pattern = re.compile(re.escape(begin) + r"([1-9][0-9]{0,8})")
    taken = [0]
    for column in (advisory.c.id, triage_case.c.advisory_id):
        ids = tx.sql.execute(sa.select(column).where(column.startswith(begin, autoescape=True))).scalars()
        taken.extend(int(found[1]) for one in ids if (found := pattern.fullmatch(one)))
    return f"{begin}{max(taken) + 1}"
