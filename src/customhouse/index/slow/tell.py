"""What the events of a change that waits say, and putting one before an operator."""

from __future__ import annotations

from typing import TypedDict

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import organization, project
from customhouse.index.slow import queries
from customhouse.index.slow.events import ChangeContested
from customhouse.index.slow.model import OF_THE_INDEX, PendingChange
from customhouse.index.slow.tables import pending_change
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import SYSTEM, Identity


class Facts(TypedDict):
    """The fields that all events of changes have."""

    change_id: int
    change: str
    sentence: str
    user_id: str
    organization: str
    co_owners: tuple[str, ...]
    critical: bool


def facts_of(sql: Connection, change: PendingChange) -> Facts:
    """What every event of a change says."""
    named = ""
    if change.organization_id is not None:
        named = sql.execute(
            sa.select(organization.c.name).where(organization.c.id == change.organization_id)
        ).scalar_one()
    touched = queries.touched_projects(sql, change)
    others = queries.co_owners(sql, change) if change.project_id is None else []
    return {
        "change_id": change.id, "change": change.kind, "sentence": change.sentence,
        "user_id": str(change.about) if change.about is not None else "", "organization": named,
        "co_owners": tuple(str(one) for one in others),
        "critical": change.kind in OF_THE_INDEX or any(one.critical for one in touched),
    }  # fmt: skip


def project_of(sql: Connection, change: PendingChange) -> str | None:
    """The normalised name of the project that a change is about, for its events."""
    return queries.name_of(sql, change.project_id) if change.project_id is not None else None


def lock_touched(tx: Tx, change: PendingChange) -> None:
    """Keep rival deeds about the same project or organization waiting. The change itself is locked after that.

    Changes of accounts lock nothing first: rows that name an account are written under the lock of a project, and two
    that wait for each other would be no better.
    """
    if change.project_id is not None:
        tx.sql.execute(sa.select(project.c.id).where(project.c.id == change.project_id).with_for_update())
    elif change.organization_id is not None:
        holder = organization.c.id == change.organization_id
        tx.sql.execute(sa.select(organization.c.id).where(holder).with_for_update())


def contest(tx: Tx, change: PendingChange, *, by: int | None, why: str, identity: Identity = SYSTEM) -> bool:
    """Let a change wait for an operator; False if it does already, or is over."""
    contested = tx.sql.execute(
        pending_change.update()
        .where(pending_change.c.id == change.id, pending_change.c.state == "waiting")
        .values(state="contested", contested_at=tx.now(), contested_by=by)
    ).rowcount
    if contested:
        facts = facts_of(tx.sql, change)
        facts["critical"] = True  # operators must decide it
        tx.record(ChangeContested(identity, project_of(tx.sql, change), **facts, why=why))
    return bool(contested)
