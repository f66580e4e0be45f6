"""Reading mandates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.catalog.tables import organization
from customhouse.index.mandates.model import Dates, Exemption, Mandate
from customhouse.index.mandates.tables import mandate, mandate_exemption
from customhouse.terms.errors import Refused

_MANDATES = (
    sa.select(mandate, organization.c.name.label("organization"))
    .outerjoin(organization, organization.c.id == mandate.c.organization_id)
    .order_by(mandate.c.ended_at.is_not(None), mandate.c.enforced_at, mandate.c.id)
)
_ONE = _MANDATES.where(mandate.c.id == sa.bindparam("id"))
_LIVE = _MANDATES.where(mandate.c.ended_at.is_(None))
_OF_PROJECT = _LIVE.where(mandate.c.project == sa.bindparam("project"))
_EXEMPTIONS = (
    sa.select(mandate_exemption, account.c.name.label("account"))
    .outerjoin(account, account.c.id == mandate_exemption.c.account_id)
    .where(mandate_exemption.c.mandate_id.in_(sa.bindparam("mandates", expanding=True)))
    .order_by(mandate_exemption.c.id)
)


def mandates(sql: Connection, *, ended: bool = True) -> list[Mandate]:
    """All mandates, or those that have not ended; the next to be enforced first, ended ones last."""
    return [_mandate(row) for row in sql.execute(_MANDATES if ended else _LIVE)]


def find_mandate(sql: Connection, mandate_id: int, *, lock: bool = False) -> Mandate:
    """The mandate with that number; raises `Refused` (404)."""
    if lock:
        sql.execute(sa.select(mandate.c.id).where(mandate.c.id == mandate_id).with_for_update()).one_or_none()
    row = sql.execute(_ONE, {"id": mandate_id}).one_or_none()
    if row is None:
        raise unknown_mandate(str(mandate_id))
    return _mandate(row)


def mandate_of_project(sql: Connection, normalized: str) -> Mandate | None:
    """What the owners of a project ask of everybody who publishes it."""
    row = sql.execute(_OF_PROJECT, {"project": normalized}).one_or_none()
    return _mandate(row) if row is not None else None


def exemptions(sql: Connection, mandate_ids: Sequence[int]) -> list[Exemption]:
    """Who is, was or will be let off."""
    if not mandate_ids:
        return []
    return [_exemption(row) for row in sql.execute(_EXEMPTIONS, {"mandates": list(mandate_ids)})]


def _mandate(row: Any) -> Mandate:
    return Mandate(
        id=row.id, title=row.title, text=row.text, scope=row.scope, methods=row.methods,
        dates=Dates(row.announced_at, row.warned_at, row.enforced_at), created_at=row.created_at,
        created_by=row.created_by, organization=row.organization or "", organization_id=row.organization_id,
        project=row.project or "", ended_at=row.ended_at, end_reason=row.end_reason,
    )  # fmt: skip


def _exemption(row: Any) -> Exemption:
    return Exemption(
        id=row.id, mandate_id=row.mandate_id, account_id=row.account_id, account=row.account or "",
        project=row.project or "", reason=row.reason, until=row.until, made_at=row.made_at, made_by=row.made_by,
        ended_at=row.ended_at,
    )  # fmt: skip


def unknown_mandate(text: str) -> Refused:
    """There is no such mandate (404)."""
    return Refused("unknown-mandate", f"There is no mandate {text[:60]}.", "See /admin/mandates/.", status=404)
