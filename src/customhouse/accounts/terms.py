"""Terms of use: each wording is a revision, and it is kept who agreed to which, and when. An index needs none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import terms_acceptance, terms_revision
from customhouse.accounts.users import User, refuse_unless_operator
from customhouse.infra.db import insert_new
from customhouse.ledger.events import Event
from customhouse.ledger.tx import Tx
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor

LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class TermsPublished(Event):
    """There is a new wording of the terms of use."""

    kind: ClassVar[str] = "terms-published"
    revision: int
    sha256: str
    required_at: str
    """From when on uploads need the agreement, or empty."""


@dataclass(frozen=True, slots=True)
class TermsAccepted(Event):
    """Somebody has agreed to a wording."""

    kind: ClassVar[str] = "terms-accepted"
    user_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class PublishTerms:
    """An operator's wish for a new wording. ``required_at``: from then on nobody uploads who has not agreed."""

    text: str
    required_at: datetime | None = None
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class AcceptTerms:
    """Somebody agrees to the wording that he was shown."""

    user: User
    revision: int


@dataclass(frozen=True, slots=True)
class Revision:
    """One wording."""

    number: int
    published_at: datetime
    required_at: datetime | None
    text: str


_CURRENT = (
    sa.select(
        terms_revision.c.id, terms_revision.c.published_at, terms_revision.c.required_at, terms_revision.c.text
    )
    .order_by(terms_revision.c.id.desc())
    .limit(1)
)  # fmt: skip
# One look at what nearly always is an empty table: it stands at many doors.
_NEWEST = sa.select(sa.func.max(terms_revision.c.id)).scalar_subquery()
_OWED = sa.select(terms_revision.c.id, terms_revision.c.required_at).where(
    terms_revision.c.id == _NEWEST,
    ~sa.exists().where(
        terms_acceptance.c.account_id == sa.bindparam("account"), terms_acceptance.c.revision_id == terms_revision.c.id
    ),
)


def publish_terms(command: PublishTerms, tx: Tx) -> Revision:
    """Make a new wording the current one. Whoever has agreed to an older one is asked again."""
    refuse_unless_operator(command.by)
    text = command.text.strip()
    if not text or len(text) > LONGEST or "\0" in text:
        raise Rejected("bad-terms", "text", f"{len(text)} characters", f"a text of 1 to {LONGEST} characters")
    tx.serialize()
    row = tx.sql.execute(
        terms_revision.insert()
        .values(published_at=tx.now(), required_at=command.required_at, text=text)
        .returning(terms_revision.c.id)
    ).one()
    required = command.required_at.isoformat() if command.required_at is not None else ""
    tx.record(
        TermsPublished(
            command.by.as_operator, None, revision=row.id, sha256=Digest.of(text.encode()).hex, required_at=required
        )
    )
    return Revision(row.id, tx.now(), command.required_at, text)


def accept_terms(command: AcceptTerms, tx: Tx) -> None:
    """Note that somebody agrees. Agreeing again is no fault; to a wording that is not current it is refused."""
    current = current_terms(tx.sql)
    if current is None or current.number != command.revision:
        raise Refused("other-terms", "There is a newer wording of the terms.", "Read it, and agree to it.", status=409)
    user = command.user
    new = insert_new(
        tx.sql, terms_acceptance, account_id=user.id, revision_id=command.revision, accepted_at=tx.now()
    )  # fmt: skip
    if new is not None:
        tx.record(TermsAccepted(user.identity, None, user_id=str(user.id), revision=command.revision))


def current_terms(sql: Connection) -> Revision | None:
    """The wording of now; None if there are no terms."""
    row = sql.execute(_CURRENT).one_or_none()
    return Revision(*row) if row is not None else None


def owes_agreement(sql: Connection, account_id: int) -> bool:
    """Whether somebody has not agreed to the current wording."""
    return sql.execute(_OWED, {"account": account_id}).first() is not None


def agreement_overdue(sql: Connection, account_id: int, now: datetime) -> Refused | None:
    """Whoever has not agreed uploads nothing after the day that the operator has set, if one is set."""
    row = sql.execute(_OWED, {"account": account_id}).first()
    if row is None or row.required_at is None or row.required_at > now:
        return None
    return Refused(
        "terms-not-accepted", "The terms of use of this index have changed, and you have not agreed to them yet.",
        "Sign in and agree at /account/terms/.",
    )  # fmt: skip


def accepted_by(sql: Connection, account_id: int, revision: int) -> datetime | None:
    """When somebody agreed to a wording."""
    return sql.execute(
        sa.select(terms_acceptance.c.accepted_at).where(
            terms_acceptance.c.account_id == account_id, terms_acceptance.c.revision_id == revision
        )
    ).scalar()


def count_accepted(sql: Connection, revision: int) -> int:
    """How many have agreed to a wording."""
    query = sa.select(sa.func.count()).where(terms_acceptance.c.revision_id == revision)
    return sql.execute(query).scalar_one()
