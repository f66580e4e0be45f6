"""Roles that sleep: who has not used his right to publish for a year confirms it before he publishes again (A36).

An account that nobody looks after is what thieves like best, and what its co-owners have forgotten. The ledger's events
say when a role was used (`note_use` follows them). For roles older than this rule the year begins when it came.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.accounts.users import find_user_by_id
from customhouse.catalog import rights
from customhouse.catalog.tables import project
from customhouse.index.publisher import Publisher
from customhouse.index.slow.events import RoleConfirmed, RoleFallsAsleep
from customhouse.index.slow.tables import role_use
from customhouse.index.subject import lock_subject
from customhouse.infra.db import put_rows
from customhouse.ledger.chain import Entry
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import SYSTEM, Actor
from customhouse.terms.numbers import number_of

YEAR = timedelta(days=365)
REMIND_BEFORE = timedelta(days=30)
NOTE_EVERY = timedelta(days=1)
NO_USE = frozenset(
    {
        "upload-refused", "deletion-refused", "token-created", "token-revoked", "invitation-declined",
        "invitation-withdrawn", "invitation-not-yours", "report-filed", "report-refused", "change-put-off",
        "change-contested", "change-withdrawn",
    }
)  # fmt: skip
"""What somebody does at a project without using a right in it, or in vain."""
_USED_AT = sa.select(role_use.c.used_at).where(
    role_use.c.project_id == sa.bindparam("project"), role_use.c.account_id == sa.bindparam("account")
)
_NOTE = (
    role_use.update()
    .where(
        role_use.c.project_id.in_(sa.select(project.c.id).where(project.c.normalized == sa.bindparam("normalized"))),
        role_use.c.account_id == sa.bindparam("account"),
        role_use.c.used_at < sa.bindparam("a_day_ago"),
        # What sleeps is woken by a confirmation alone.
        role_use.c.used_at > sa.bindparam("a_year_ago"),
    )
    .values(used_at=sa.bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class ConfirmRole:
    """Somebody's word that he still means to publish. The door has asked for a fresh proof of who he is."""

    project: str
    by: Actor


def must_be_awake(sql: Connection, publisher: Publisher) -> Refused | None:
    """Whoever has not used his role in a project for a year confirms it before he publishes."""
    used_at = used(sql, publisher.project.id, publisher.account_id)
    if used_at is None or publisher.now < used_at + YEAR:
        return None
    return Refused(
        "role-asleep",
        f"You have not used your role in {publisher.project.display!r} since {used_at:%Y-%m-%d}.",
        f"Confirm it at {publisher.site}/manage/project/{publisher.project.normalized}/confirm/ first.",
    )


def used(sql: Connection, project_id: int, account_id: int) -> datetime | None:
    """When a role was last used or confirmed; None: nobody has counted yet."""
    return sql.execute(_USED_AT, {"project": project_id, "account": account_id}).scalar()


def confirm_role(command: ConfirmRole, tx: Tx) -> datetime | None:
    """Wake a role; returns since when it was not used. The co-owners of the project are told."""
    subject = lock_subject(tx, command.project, "", "", command.by)
    found = subject.project
    if subject.standing.role is None or command.by.account_id is None:
        raise Refused("no-role", f"You have no role in {found.display!r}.", "Ask one of its owners.")
    before = used(tx.sql, found.id, command.by.account_id)
    row = {"project_id": found.id, "account_id": command.by.account_id, "used_at": tx.now(), "reminded_at": None}
    put_rows(tx.sql, role_use, [row])
    name = command.by.identity.name
    tx.record(
        RoleConfirmed(
            command.by.identity, found.normalized, user_id=str(command.by.account_id), name=name,
            used_at=before.isoformat(timespec="seconds") if before is not None else "",
        )
    )  # fmt: skip
    return before


def note_use(sql: Connection, entry: Entry) -> None:
    """Note that somebody has used his role, at most once a day; a follower of the ledger."""
    if entry.project is None or entry.kind in NO_USE or entry.actor_kind not in ("user", "operator"):
        return
    account_id = number_of(entry.actor_id)
    if account_id is None:
        return
    sql.execute(
        _NOTE,
        {
            "normalized": entry.project, "account": account_id, "at": entry.at,
            "a_day_ago": entry.at - NOTE_EVERY, "a_year_ago": entry.at - YEAR,
        },
    )  # fmt: skip


def keep_roles(_command: None, tx: Tx) -> int:
    """Begin to count for new roles, forget those that ended, and remind who falls asleep soon; returns how many.

    Doing it again finds every role counted and everybody reminded.
    """
    held = rights.all_roles().subquery("held")
    pair = sa.tuple_(role_use.c.project_id, role_use.c.account_id)
    tx.sql.execute(role_use.delete().where(pair.not_in(sa.select(held.c.project_id, held.c.account_id))))
    known = sa.select(sa.literal(1)).where(
        role_use.c.project_id == held.c.project_id, role_use.c.account_id == held.c.account_id
    )
    new = sa.select(held.c.project_id, held.c.account_id, sa.literal(tx.now(), role_use.c.used_at.type)).where(
        ~known.exists()
    )
    tx.sql.execute(role_use.insert().from_select(["project_id", "account_id", "used_at"], new))
    return _remind(tx)


def _remind(tx: Tx) -> int:
    soon = tx.now() - (YEAR - REMIND_BEFORE)
    rows = tx.sql.execute(
        sa.select(role_use.c.project_id, role_use.c.account_id, role_use.c.used_at, project.c.normalized)
        .join(project, project.c.id == role_use.c.project_id)
        .join(account, account.c.id == role_use.c.account_id)
        .where(
            role_use.c.used_at <= soon, role_use.c.reminded_at.is_(None), project.c.deleted_at.is_(None),
            account.c.frozen_at.is_(None),
        )
        .order_by(role_use.c.project_id, role_use.c.account_id)
    ).all()  # fmt: skip
    for row in rows:
        tx.sql.execute(
            role_use.update()
            .where(role_use.c.project_id == row.project_id, role_use.c.account_id == row.account_id)
            .values(reminded_at=tx.now())
        )
        tx.record(
            RoleFallsAsleep(
                SYSTEM, row.normalized, user_id=str(row.account_id),
                name=find_user_by_id(tx.sql, row.account_id).name,
                used_at=row.used_at.isoformat(timespec="seconds"),
                sleeps_at=(row.used_at + YEAR).isoformat(timespec="seconds"),
            )
        )  # fmt: skip
    return len(rows)
