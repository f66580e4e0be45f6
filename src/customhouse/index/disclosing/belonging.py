"""Whether somebody still belongs to a case: an owner only as long as he acts for its project."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.model import Case, Member
from customhouse.catalog import rights


def still_belongs(sql: Connection, case: Case, member: Member) -> bool:
    """Whoever was put in as an owner or maintainer and is none any more knows nothing of the case from then on.

    Those who have removed him need not know that there is one, so nobody else would take him out of it.
    """
    if member.left_at is not None:
        return False
    if member.role != "owner" or member.account_id is None or case.project_id is None:
        return True
    return rights.role_of(sql, case.project_id, member.account_id) is not None
