"""What the members of a case are called."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.advisories.disclosure.model import Member


def names_of(sql: Connection, members: Collection[Member]) -> dict[int, str]:
    """What members are called: the name of the account, or what they have said."""
    ids = [one.account_id for one in members if one.account_id is not None]
    rows = sql.execute(sa.select(account.c.id, account.c.name).where(account.c.id.in_(ids)))
    known = {row.id: str(row.name) for row in rows}
    return {one.id: known.get(one.account_id or 0) or one.name or one.email or "somebody" for one in members}
