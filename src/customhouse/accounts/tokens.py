"""API tokens: an identifier and a signature derived from the server's key, so that no database holds a secret.

A token reads ``ch1.IDENTIFIER.SIGNATURE``. Its root key is ``HMAC-SHA256(server key, identifier)``, its signature
``HMAC-SHA256(root key, "ch1." + identifier)``. That is the first link of a macaroon's chain (Birgisson et al., 2014): a
later token with caveats puts them between the two and signs each with the signature before it, and the tokens of today
stay valid. Whoever steals the database or its backup can make no token: the server key is kept outside both.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.events import TokenNotYours, TokenRevoked
from customhouse.accounts.tables import account, api_token
from customhouse.accounts.users import User, find_user
from customhouse.ledger.events import TokenCreated
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import OPERATOR, Actor, Identity
from customhouse.terms.names import ProjectName

PREFIX = "ch1"
_TOKEN = re.compile(r"ch1\.([a-z2-7]{26})\.([A-Za-z0-9_-]{43})", re.ASCII)

_HOLDER = (
    sa.select(
        api_token.c.project,
        api_token.c.revoked_at,
        account.c.id,
        account.c.name,
        account.c.frozen_at,
        account.c.site_role,
    )
    .join(account, account.c.id == api_token.c.account_id)
    .where(api_token.c.id == sa.bindparam("id"))
)


@dataclass(frozen=True, slots=True)
class ServerKey:
    """The 32 bytes that every token is derived from. Never printed."""

    secret: bytes

    def __repr__(self) -> str:
        return "ServerKey(…)"

    def sign(self, identifier: str) -> str:
        """The signature of the token with this identifier, in base64url without padding."""
        root = hmac.digest(self.secret, b"api-token\0" + identifier.encode(), hashlib.sha256)
        signature = hmac.digest(root, f"{PREFIX}.{identifier}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class CreateToken:
    """An operator's wish for a token of a user, for one project or for all of his."""

    user: str
    project: str | None = None
    note: str = ""
    operator: Identity = OPERATOR


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token at the only moment when its text exists."""

    id: str
    text: str

    def __repr__(self) -> str:
        return f"NewToken({self.id}, …)"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who stands behind a valid token, and what the token is for."""

    user: User
    token_id: str
    project: str | None
    """Normalised name of the only project that the token is for, or None for all."""

    @property
    def actor(self) -> Actor:
        """The bearer as somebody who wants something done. A token never makes an operator."""
        return Actor(self.user.identity, self.user.id, token_project=self.project)


def create_token(key: ServerKey, command: CreateToken, tx: Tx) -> NewToken:
    """Make a token. The project need not exist yet: such a token may claim exactly that name."""
    user = find_user(tx.sql, command.user)
    project = ProjectName.parse(command.project, where="project").normalized if command.project else None
    if len(command.note) > 200:  # noqa: PLR2004 - the column's length
        raise Rejected("note-too-long", "note", f"{len(command.note)} characters", "at most 200 characters")
    identifier = base64.b32encode(secrets.token_bytes(16)).rstrip(b"=").decode().lower()
    tx.sql.execute(
        api_token.insert().values(
            id=identifier, account_id=user.id, project=project, note=command.note, created_at=tx.now()
        )
    )
    tx.record(TokenCreated(command.operator, project, token_id=identifier, user_id=str(user.id), note=command.note))
    return NewToken(identifier, f"{PREFIX}.{identifier}.{key.sign(identifier)}")


def authenticate(key: ServerKey, sql: Connection, text: str) -> Bearer:
    """Who a token belongs to.

    Raises `Refused` (401) alike for a malformed, forged, unknown or revoked token, so that nobody learns which; a
    frozen account is named, because only the token's holder can hear it.
    """
    match = _TOKEN.fullmatch(text.strip())
    if match is None or not hmac.compare_digest(key.sign(match[1]), match[2]):
        raise _unknown_token()
    row = sql.execute(_HOLDER, {"id": match[1]}).one_or_none()
    if row is None or row.revoked_at is not None:
        raise _unknown_token()
    if row.frozen_at is not None:
        raise Refused("account-frozen", f"The account {row.name!r} is frozen.", "Ask an operator of this index.")
    return Bearer(User(row.id, row.name, frozen=False, site_role=row.site_role), match[1], row.project)


@dataclass(frozen=True, slots=True)
class RevokeToken:
    """Somebody's wish that one of his tokens stops working; an operator may revoke any."""

    token_id: str
    by: Actor


def revoke_token(command: RevokeToken, tx: Tx) -> None:
    """Revoke a token; doing it again is no fault. Somebody else's is answered like one that does not exist (TOB-11)."""
    row = tx.sql.execute(
        sa.select(api_token.c.account_id, api_token.c.project, api_token.c.revoked_at).where(
            api_token.c.id == command.token_id
        )
    ).one_or_none()
    if row is None or (row.account_id != command.by.account_id and not command.by.operator):
        raise Refused(
            "no-such-token", "You have no such token.", status=404,
            records=(TokenNotYours(command.by.identity, None, token_id=command.token_id[:80]),),
        )  # fmt: skip
    if row.revoked_at is None:
        tx.sql.execute(api_token.update().where(api_token.c.id == command.token_id).values(revoked_at=tx.now()))
    tx.record(TokenRevoked(command.by.identity, row.project, token_id=command.token_id, user_id=str(row.account_id)))


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as its owner sees it in a list."""

    id: str
    project: str | None
    note: str
    created_at: datetime


def tokens_of(sql: Connection, account_id: int) -> list[TokenRow]:
    """The working tokens of an account, newest first."""
    rows = sql.execute(
        sa.select(api_token.c.id, api_token.c.project, api_token.c.note, api_token.c.created_at)
        .where(api_token.c.account_id == account_id, api_token.c.revoked_at.is_(None))
        .order_by(api_token.c.created_at.desc())
    )
    return [TokenRow(*row) for row in rows]


def _unknown_token() -> Refused:
    return Refused(
        "bad-token",
        "This API token is not valid here.",
        "Use the user name __token__ and a token made by `customhouse token create` on this index.",
        status=401,
    )
