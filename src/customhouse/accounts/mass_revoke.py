"""Revoking many tokens at once, by an operator: after an incident, or because they are old."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.events import AccountTokensRevoked, TokenMassRevoked, TokensMassRevoked
from customhouse.accounts.tables import api_token
from customhouse.accounts.tokens import scope_of_row
from customhouse.accounts.users import find_user, refuse_unless_operator
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.terms.names import ProjectName

BATCH = 50
"""So many in a transaction, so that nobody else waits for long."""
_ACCEPTED = "a user, a project, an age in days, or all; those that are given must all hold"


@dataclass(frozen=True, slots=True)
class RevokeMany:
    """An operator's wish that all tokens which meet every condition stop working; ``everything`` stands for none."""

    reason: str
    user: str = ""
    project: str = ""
    older_than: timedelta | None = None
    everything: bool = False
    by: Actor = COMMAND_LINE

    @property
    def selection(self) -> str:
        """The conditions in words."""
        parts = [
            f"of {self.user}" if self.user else "",
            f"made for the project {self.project}" if self.project else "",
            f"older than {self.older_than.days} days" if self.older_than is not None else "",
        ]
        return ", ".join(part for part in parts if part) or "all"


@dataclass(frozen=True, slots=True)
class Revoked:
    """How many tokens of how many accounts work no longer."""

    tokens: int
    accounts: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    id: str
    account_id: int


def chosen(sql: Connection, command: RevokeMany, now: datetime) -> list[_Candidate]:
    """The working tokens that it is about, those of one account together.

    A project's are those that were made for it, alone or with others. What their holders have narrowed goes with them.
    """
    if not command.reason.strip():
        raise Rejected("no-reason", "reason", "is empty", "why; it is kept in the ledger and told to the owners")
    if command.everything is bool(command.user or command.project or command.older_than is not None):
        raise Rejected("no-selection", "tokens", "it is not clear which", _ACCEPTED)
    wanted = sa.select(api_token.c.id, api_token.c.account_id, api_token.c.caveats, api_token.c.project)
    wanted = wanted.where(api_token.c.revoked_at.is_(None)).order_by(api_token.c.account_id, api_token.c.id)
    if command.user:
        wanted = wanted.where(api_token.c.account_id == find_user(sql, command.user).id)
    if command.older_than is not None:
        wanted = wanted.where(api_token.c.created_at <= now - command.older_than)
    rows = sql.execute(wanted).all()
    if command.project:
        name = ProjectName.parse(command.project, where="project").normalized
        rows = [row for row in rows if name in (scope_of_row(row.caveats, row.project).projects or ())]
    return [_Candidate(row.id, row.account_id) for row in rows]


def revoke_many(deeds: Deeds, command: RevokeMany) -> Revoked:
    """Revoke them in batches. First the whole is an event, then each token; each owner is told once.

    Cut off in the middle, it goes on when it is asked again: what is revoked already is not chosen.
    """
    refuse_unless_operator(command.by)
    with deeds.database.read() as sql:
        found = chosen(sql, command, deeds.clock.now())
    if not found:
        return Revoked(0, 0)
    deeds.do(_begin, (command, len(found)))
    gone: Counter[int] = Counter()
    for start in range(0, len(found), BATCH):
        following = found[start + BATCH].account_id if start + BATCH < len(found) else None
        batch = found[start : start + BATCH]
        gone.update(deeds.do(partial(_revoke_batch, batch, following, gone), command))
    return Revoked(gone.total(), len(gone))


def _begin(wish: tuple[RevokeMany, int], tx: Tx) -> None:
    command, count = wish
    tx.record(
        TokensMassRevoked(
            command.by.as_operator, None, selection=command.selection, tokens=count, reason=command.reason[:1000]
        )
    )


def _revoke_batch(
    batch: Sequence[_Candidate], following: int | None, before: Counter[int], command: RevokeMany, tx: Tx
) -> Counter[int]:
    """Revoke one batch; whoever has no tokens in the ``following`` one is told how many there were."""
    rows = tx.sql.execute(
        api_token.update()
        .where(api_token.c.id.in_([one.id for one in batch]), api_token.c.revoked_at.is_(None))
        .values(revoked_at=tx.now())
        .returning(api_token.c.id, api_token.c.account_id, api_token.c.project)
    ).all()
    gone = Counter(row.account_id for row in rows)
    for row in rows:
        tx.record(TokenMassRevoked(command.by.as_operator, row.project, token_id=row.id, user_id=str(row.account_id)))
    for account_id in dict.fromkeys(one.account_id for one in batch):
        count = before[account_id] + gone[account_id]
        if account_id != following and count:
            tx.record(
                AccountTokensRevoked(
                    command.by.as_operator, None, user_id=str(account_id), tokens=count, reason=command.reason[:1000]
                )
            )
    return gone
