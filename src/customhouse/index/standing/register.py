"""Registering a list of packages to be audited again and again, and ending that.

What is sent is names and versions: whoever registers a lock reads it where it lies, so that its addresses, hashes and
comments never come here.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.hooks.sign import hook_key, written
from customhouse.index.standing.events import StandingRegistered, StandingRevoked
from customhouse.index.standing.model import CODE, LONGEST_TITLE, PER_ACCOUNT, Pinned
from customhouse.index.standing.queries import own_standing
from customhouse.index.standing.tables import standing_audit, standing_component, standing_finding
from customhouse.infra.targets import Target
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import new_id
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Actor

JOB = "standing-audit"


@dataclass(frozen=True, slots=True)
class Register:
    """Somebody's wish that these be audited whenever an advisory changes."""

    title: str
    components: tuple[Pinned, ...]
    target: Target | None
    """Where to send findings; None: by letter."""
    by: Actor


@dataclass(frozen=True, slots=True)
class Registered:
    """What came of it. The key of the webhook is shown once, when the list is new or its webhook is."""

    standing_id: str
    components: int
    is_new: bool
    key: str = ""

    def __repr__(self) -> str:
        return f"Registered({self.standing_id}, …)"


@dataclass(frozen=True, slots=True)
class Revoke:
    """Somebody's wish to hear no more of a list."""

    standing_id: str
    by: Actor


def register(server_key: bytes, command: Register, tx: Tx) -> Registered:
    """Keep the list, in place of the one of the same title. It is looked at as soon as the deed is done.

    Everybody may have `PER_ACCOUNT` lists. What was told of the earlier list is not told again.
    """
    account_id = command.by.account_id
    if account_id is None:
        raise Refused("not-signed-in", "Sign in, or send an API token.", status=401)
    title = " ".join(command.title.split())
    if not title or len(title) > LONGEST_TITLE or not title.isprintable():
        raise Rejected(CODE, "title", "it is empty, too long or cannot be printed", f"1 to {LONGEST_TITLE} characters")
    # Rivals wait here, so that nobody gets more lists than he may have.
    tx.serialize()
    known = tx.sql.execute(
        sa.select(standing_audit.c.id, standing_audit.c.target).where(
            standing_audit.c.account_id == account_id, standing_audit.c.title == title
        )
    ).one_or_none()
    target = str(command.target) if command.target is not None else ""
    now = tx.now()
    values = {"components": len(command.components), "target": target, "registered_at": now}
    if known is None:
        _refuse_more(tx.sql, account_id)
        standing_id = new_id()
        tx.sql.execute(
            standing_audit.insert().values(
                id=standing_id, account_id=account_id, title=title, created_at=now, checked_serial=0, **values
            )
        )
    else:
        standing_id = known.id
        tx.sql.execute(standing_audit.update().where(standing_audit.c.id == standing_id).values(**values))
        tx.sql.execute(standing_component.delete().where(standing_component.c.standing_id == standing_id))
    rows = [{"standing_id": standing_id, "name": one.name, "version": one.version} for one in command.components]
    tx.sql.execute(standing_component.insert(), rows)
    how = "webhook" if target else "mail"
    tx.record(StandingRegistered(command.by.identity, None, str(account_id), standing_id, len(rows), how))
    tx.later(JOB, {"standing": standing_id})
    shown = target and (known is None or known.target != target)
    return Registered(standing_id, len(rows), known is None, written(key_of(server_key, standing_id)) if shown else "")


def key_of(server_key: bytes, standing_id: str) -> bytes:
    """The key with which findings of this list are signed. No database holds it."""
    return hook_key(server_key, f"standing.{standing_id}", 1)


def _refuse_more(sql: Connection, account_id: int) -> None:
    there = sql.execute(
        sa.select(sa.func.count()).select_from(standing_audit).where(standing_audit.c.account_id == account_id)
    ).scalar_one()
    if there >= PER_ACCOUNT:
        raise Refused(
            "too-many-standing", f"You have registered {PER_ACCOUNT} lists already.", "Revoke one first.", status=409
        )


def revoke(command: Revoke, tx: Tx) -> str:
    """Forget a list and everything that was told of it; returns its title."""
    found = own_standing(tx.sql, command.standing_id, command.by.account_id, lock=True)
    forget(tx.sql, found.id)
    tx.record(StandingRevoked(command.by.identity, None, str(found.account_id), found.id))
    return found.title


def forget(sql: Connection, standing_id: str) -> None:
    """Delete the rows of a list."""
    for table in (standing_finding, standing_component):
        sql.execute(table.delete().where(table.c.standing_id == standing_id))
    sql.execute(standing_audit.delete().where(standing_audit.c.id == standing_id))


def forget_all_of(sql: Connection, account_id: int) -> None:
    """Delete all lists of an account, because it is closed."""
    for standing_id in sql.execute(
        sa.select(standing_audit.c.id).where(standing_audit.c.account_id == account_id)
    ).scalars().all():  # fmt: skip
        forget(sql, standing_id)
