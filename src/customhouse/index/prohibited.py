"""Names that operators have prohibited: nobody may have them, and nothing that looks like them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.users import refuse_unless_operator
from customhouse.catalog import queries
from customhouse.catalog.people_events import NameAllowed, NameProhibited
from customhouse.catalog.tables import critical_mark, name, project
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.terms.names import ProjectName, normalize

MAX_REASON = 1000
_WITHOUT_PROJECT = (
    name.c.state == "reserved",
    ~sa.exists().where(project.c.normalized == name.c.normalized),
)


@dataclass(frozen=True, slots=True)
class Prohibit:
    """An operator's wish that nobody may have a name."""

    name: str
    reason: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Allow:
    """An operator's wish that a prohibited name is free again."""

    name: str
    reason: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class ProhibitedName:
    """A name that nobody may have."""

    name: str
    reason: str
    since: datetime


def prohibit(command: Prohibit, tx: Tx) -> str:
    """Prohibit a name that nobody has; returns its normalised spelling.

    A name that is in use is not prohibited: its project is quarantined or deleted, which reserves the name as well.
    """
    refuse_unless_operator(command.by)
    wanted = ProjectName.parse(command.name.strip())
    reason = _reason(command.reason)
    new = insert_new(
        tx.sql, name, normalized=wanted.normalized, ultranormalized=wanted.ultranormalized, state="reserved",
        claimed_at=tx.now(), reason=reason,
    )  # fmt: skip
    if new is None:
        raise _taken(tx, wanted)
    tx.record(NameProhibited(command.by.as_operator, None, name=wanted.normalized, reason=reason))
    return wanted.normalized


def allow(command: Allow, tx: Tx) -> str:
    """Free a prohibited name; returns its normalised spelling. Names of projects stay taken for ever."""
    refuse_unless_operator(command.by)
    wanted, reason = normalize(command.name.strip()), _reason(command.reason)
    marked = sa.exists().where(critical_mark.c.normalized == name.c.normalized)
    gone = tx.sql.execute(name.delete().where(name.c.normalized == wanted, *_WITHOUT_PROJECT, ~marked)).rowcount
    if not gone:
        raise Refused("not-prohibited", f"The name {command.name[:100]!r} is not prohibited.", status=404)
    tx.record(NameAllowed(command.by.as_operator, None, name=wanted, reason=reason))
    return wanted


def prohibited_names(sql: Connection) -> list[ProhibitedName]:
    """What operators have prohibited, by name."""
    rows = sql.execute(
        sa.select(name.c.normalized, name.c.reason, name.c.claimed_at)
        .where(*_WITHOUT_PROJECT)
        .order_by(name.c.normalized)
    )
    return [ProhibitedName(*row) for row in rows]


def _taken(tx: Tx, wanted: ProjectName) -> Refused:
    claim = queries.find_claim(tx.sql, wanted.normalized, wanted.ultranormalized)
    if claim is None or (claim.normalized == wanted.normalized and claim.state == "reserved"):
        return Refused("prohibited-already", f"The name {wanted.display!r} is prohibited already.", status=409)
    if claim.normalized != wanted.normalized:
        return Refused(
            "looks-taken",
            f"{wanted.display!r} looks like {claim.normalized!r}, which is {claim.state}: nobody can have it anyway.",
            status=409,
        )
    if claim.state == "staged":
        return Refused(
            "name-in-use", f"The name {wanted.display!r} is kept for a first release that is being made.",
            "Cancel the session of that release, as an operator may, and prohibit the name then.", status=409,
        )  # fmt: skip
    return Refused(
        "name-in-use", f"The name {wanted.display!r} is {claim.state} here.", "Quarantine or delete its project.",
        status=409,
    )  # fmt: skip


def _reason(text: str) -> str:
    reason = text.strip()
    if not reason or len(reason) > MAX_REASON:
        raise Rejected("no-reason", "reason", f"{len(reason)} characters", f"1 to {MAX_REASON} characters")
    return reason
