"""What this index can say of a project's links and addresses by itself."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.catalog.model import Project
from customhouse.catalog.rights import people_of

_PROVED = sa.select(account.c.email).where(
    account.c.id.in_(sa.bindparam("accounts", expanding=True)),
    account.c.email_verified_at.is_not(None),
    account.c.frozen_at.is_(None),
    account.c.email != "",
)


def vouched_prefixes(project: Project, public_url: str) -> tuple[str, ...]:
    """The addresses that are the project's own for certain: so far its page here."""
    return (f"{public_url}/project/{project.normalized}/",)


def owners_addresses(sql: Connection, project: Project) -> frozenset[str]:
    """The e-mail addresses of those who own the project now, each proved by a link that was followed."""
    owners = [account_id for account_id, role in people_of(sql, project.id) if role == "owner"]
    return frozenset(sql.execute(_PROVED, {"accounts": owners}).scalars())
