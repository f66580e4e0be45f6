"""Tokens that trusted publishers are given: who stands behind one, and using one up that works once (A29, PEP 807).

They read like API tokens and are checked by the same key (`accounts.tokens.read_token`); this is what their rows say.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.formats.caveats import scope_of
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor, Identity
from customhouse.terms.scope import Scope
from customhouse.trust.tables import minted_token, trusted_publisher

# Made once: building a statement costs more than running it.
_ROW = (
    sa.select(
        minted_token.c.publisher_id,
        minted_token.c.publishers,
        minted_token.c.caveats,
        minted_token.c.single_use,
        minted_token.c.expires_at,
        minted_token.c.used_at,
        minted_token.c.revoked_at,
        trusted_publisher.c.title,
    )
    .join(trusted_publisher, trusted_publisher.c.id == minted_token.c.publisher_id)
    .where(minted_token.c.id == sa.bindparam("token"))
)
_NOTE_USE = (
    minted_token.update()
    .where(minted_token.c.id == sa.bindparam("token"), minted_token.c.used_at.is_(None))
    .values(used_at=sa.bindparam("now"), used_from=sa.bindparam("address"))
)


def is_minted(sql: Connection, token_id: str) -> bool:
    """Whether a token with this identifier was made for a publisher."""
    return sql.execute(_ROW, {"token": token_id}).first() is not None


def bearer(sql: Connection, token_id: str, shown_caveats: tuple[str, ...], now: datetime, address: str) -> Actor:
    """The publisher behind a token whose signature has been checked, within what row and text both allow.

    Raises `Refused` (401) for a token that does not exist, or exists no more; (403) for a caveat that does not hold.
    """
    row = _find(sql, token_id)
    _refuse_dead(row, now)
    if row.single_use and row.used_at is not None:
        raise _spent()
    projects = Scope(projects=frozenset(name for name, _publisher, _title in row.publishers))
    scope = projects.and_also(scope_of(tuple(row.caveats.split("~")))).and_also(scope_of(shown_caveats))
    if (refusal := scope.refusal_here(now, address)) is not None:
        raise refusal
    identity = Identity("publisher", str(row.publisher_id), row.title)
    publishers = tuple((name, publisher_id, title) for name, publisher_id, title in row.publishers)
    return Actor(identity, scope=scope, token_id=token_id, publisher_id=row.publisher_id, publishers=publishers)


def look_again(tx: Tx, token_id: str, scope: Scope) -> None:
    """Once our turn among all writers has come: is the token still good? Whatever was said before this counts.

    Whether one that works once is used up, `use` has said.
    """
    _refuse_dead(_find(tx.sql, token_id), tx.now())
    if scope.expires is not None and (refusal := Scope(expires=scope.expires).refusal_here(tx.now(), "")) is not None:
        raise refusal


def use(tx: Tx, token_id: str, address: str = "") -> None:
    """Note the first use of a token, in the deed that uses it; one that works once is used up by it.

    Raises `Refused` (401) if it was used up before. Of two deeds at once the second waits, and is refused.
    """
    row = _find(tx.sql, token_id)
    first = tx.sql.execute(_NOTE_USE, {"token": token_id, "now": tx.now(), "address": address[:64]}).rowcount
    if row.single_use and not first:
        raise _spent()


def claims_of(sql: Connection, token_id: str) -> dict[str, str]:
    """What is remembered of the ID token that this one was exchanged for: where, which commit, which run."""
    found = sql.execute(sa.select(minted_token.c.claims).where(minted_token.c.id == token_id)).scalar_one_or_none()
    return dict(found or {})


def _find(sql: Connection, token_id: str) -> Any:
    row = sql.execute(_ROW, {"token": token_id}).one_or_none()
    if row is None:
        raise _no_such_token()
    return row


def _refuse_dead(row: Any, now: datetime) -> None:
    if row.revoked_at is not None:
        raise _no_such_token()
    if row.expires_at <= now:
        raise Refused("token-expired", "This token of a trusted publisher has expired.", "Exchange a new ID token.")


def _spent() -> Refused:
    return Refused(
        "token-used-up", "This token was for one upload, and has been used.", "Exchange a new ID token.", status=401
    )


def _no_such_token() -> Refused:
    return Refused(
        "bad-token", "This token is not valid here.", "Let the trusted publisher exchange a new ID token.", status=401
    )
