"""What a deed about an organization is about: found and locked, with what the actor is in it."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from customhouse.catalog.organizations import Organization, OrganizationRole, unknown_organization
from customhouse.catalog.tables import organization
from customhouse.index import people
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import Actor

_COLUMNS = (organization.c.id, organization.c.name, organization.c.display, organization.c.created_at)
_LOCK = sa.select(*_COLUMNS).where(organization.c.normalized == sa.bindparam("normalized")).with_for_update()
_LOCK_SEVERAL = (
    sa.select(organization.c.id)
    .where(organization.c.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(organization.c.id)
    .with_for_update()
)
_LOCK_BY_ID = sa.select(*_COLUMNS).where(organization.c.id == sa.bindparam("id")).with_for_update()


def lock_organization(tx: Tx, name: str, by: Actor) -> tuple[Organization, OrganizationRole | None]:
    """Find it and keep rival deeds about its people waiting; returns it with the actor's role.

    A deed that locks a project too locks the project first. Raises `Refused` (404) for whoever does not belong to it.
    """
    row = tx.sql.execute(_LOCK, {"normalized": name.strip().lower()}).one_or_none()
    found = Organization(*row) if row is not None else None
    role = people.member_role(tx.sql, found.id, by.account_id) if found is not None else None
    if found is None or (role is None and not by.operator):
        raise unknown_organization(name)
    return found, role


def lock_holder(tx: Tx, organization_id: int, account_id: int | None) -> tuple[Organization, OrganizationRole | None]:
    """The same for an organization that one of our own rows names."""
    found = Organization(*tx.sql.execute(_LOCK_BY_ID, {"id": organization_id}).one())
    return found, people.member_role(tx.sql, found.id, account_id)


def lock_in_order(tx: Tx, organization_ids: Iterable[int | None]) -> None:
    """Lock several organizations, always in the same order, so that two deeds never wait for each other."""
    tx.sql.execute(_LOCK_SEVERAL, {"ids": sorted({one for one in organization_ids if one is not None})}).all()
