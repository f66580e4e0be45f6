"""Organizations and who belongs to them: reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import organization, organization_member
from customhouse.terms.errors import Refused

OrganizationRole = Literal["owner", "manager", "member"]


@dataclass(frozen=True, slots=True)
class Organization:
    """A group of people that holds projects."""

    id: int
    name: str
    display: str
    created_at: datetime


def find_organization(sql: Connection, name: str) -> Organization:
    """The organization of that name, whatever its case; raises `Refused` (404) if there is none."""
    row = sql.execute(
        sa.select(organization.c.id, organization.c.name, organization.c.display, organization.c.created_at).where(
            organization.c.normalized == name.lower()
        )
    ).one_or_none()
    if row is None:
        raise unknown_organization(name)
    return Organization(*row)


def role_in(sql: Connection, name: str, account_id: int) -> OrganizationRole | None:
    """What somebody is in the organization of that name; None also if there is no such organization."""
    return sql.execute(
        sa.select(organization_member.c.role)
        .join(organization, organization.c.id == organization_member.c.organization_id)
        .where(organization.c.normalized == name.lower(), organization_member.c.account_id == account_id)
    ).scalar_one_or_none()


def organizations_of(sql: Connection, account_id: int) -> list[tuple[Organization, OrganizationRole]]:
    """The organizations that somebody belongs to, by name."""
    rows = sql.execute(
        sa.select(
            organization.c.id, organization.c.name, organization.c.display, organization.c.created_at,
            organization_member.c.role,
        )
        .join(organization_member, organization_member.c.organization_id == organization.c.id)
        .where(organization_member.c.account_id == account_id)
        .order_by(organization.c.normalized)
    )  # fmt: skip
    return [(Organization(*row[:4]), row.role) for row in rows]


def unknown_organization(name: str) -> Refused:
    """What is said of an organization that does not exist, or that the one who asks does not belong to."""
    return Refused("unknown-organization", f"There is no organization named {name[:50]!r} here.", status=404)
