"""API tokens: an identifier and a signature derived from the server's key, so that no database holds a secret.

How a token reads, and how its holder narrows it, stands in `formats.api_token`. Here is what only the server can do: an
identifier's chain begins with a root that is an HMAC of it under the server's key, so a token is checked by making its
signature again. Whoever steals the database or its backup can make no token: the server key is kept outside both. A
token of another key, an earlier one of ours too, is no token: whoever changes the key revokes every token at once.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.events import TokenNotYours, TokenRevoked, TokenUsedRevoked
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import account, api_token
from customhouse.accounts.users import User, find_user
from customhouse.formats.api_token import PREFIX, ApiToken, chain
from customhouse.formats.caveats import caveats_of, scope_of
from customhouse.ledger.events import TokenCreated
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import base64url, new_id
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import ANONYMOUS, OPERATOR, Actor, Identity
from customhouse.terms.names import ProjectName
from customhouse.terms.scope import WHOLE, Scope

USED_EVERY = timedelta(minutes=5)
"""The last use is noted no oftener, so that a build with a thousand requests writes one row."""
UNUSED_AFTER = timedelta(days=90)
"""A token that nobody has used for so long is most likely forgotten, and better revoked."""

# Made once: building a statement costs more than running it.
_HOLDER = (
    sa.select(
        api_token.c.project,
        api_token.c.caveats,
        api_token.c.revoked_at,
        api_token.c.used_at,
        api_token.c.used_revoked_at,
        account.c.id,
        account.c.name,
        account.c.frozen_at,
        account.c.site_role,
    )
    .join(account, account.c.id == api_token.c.account_id)
    .where(api_token.c.id == sa.bindparam("id"))
)
_DUE = (
    sa.select(api_token.c.id)
    .where(
        api_token.c.id == sa.bindparam("token"),
        sa.or_(api_token.c.used_at.is_(None), api_token.c.used_at < sa.bindparam("before")),
    )
    # Whoever finds the row locked leaves it alone: the other one notes the same use (SQLite has one writer anyway).
    .with_for_update(skip_locked=True)
)
_NOTE_USE = (
    api_token.update()
    .where(api_token.c.id.in_(_DUE))
    .values(used_at=sa.bindparam("now"), used_from=sa.bindparam("address"))
)


@dataclass(frozen=True, slots=True)
class CreateToken:
    """A wish for a token of a user, for one project or for all of his, within a scope."""

    user: str
    project: str | None = None
    note: str = ""
    operator: Identity = OPERATOR
    scope: Scope = WHOLE


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
    scope: Scope = WHOLE
    used_at: datetime | None = None
    """When the token was used before, to some minutes."""

    @property
    def actor(self) -> Actor:
        """The bearer as somebody who wants something done. A token never makes an operator."""
        return Actor(self.user.identity, self.user.id, scope=self.scope, token_id=self.token_id)


class RevokedToken(Refused):
    """A token that was good once. Its bearer hears what he would hear of any other text."""

    def __init__(self, token_id: str, *, noted: bool) -> None:
        """``noted``: whether somebody has tried it before."""
        self.token_id = token_id
        self.noted = noted
        unknown = _unknown_token()
        super().__init__(unknown.code, unknown.sentence, unknown.accepted, status=unknown.status)


def signature_of(key: ServerKey, identifier: str, caveats: tuple[str, ...] = ()) -> str:
    """The signature of the token with this identifier and these caveats."""
    root = key.mac("api-token", identifier)
    return base64url(chain(root, (f"{PREFIX}.{identifier}", *caveats)))


def create_token(key: ServerKey, command: CreateToken, tx: Tx) -> NewToken:
    """Make a token. Its projects need not exist yet: such a token may claim exactly those names.

    The caveats stand in its text, so that its holder can read them, and in its row, so that they hold whatever text is
    shown.
    """
    user = find_user(tx.sql, command.user)
    scope = command.scope
    if command.project:
        only = Scope(projects=frozenset({ProjectName.parse(command.project, where="project").normalized}))
        scope = only.and_also(scope)
    if len(command.note) > 200:  # noqa: PLR2004 - the column's length
        raise Rejected("note-too-long", "note", f"{len(command.note)} characters", "at most 200 characters")
    if scope.expires is not None and scope.expires <= max(tx.now(), scope.not_before or tx.now()):
        raise Rejected("bad-expiry", "expires", "the token would never work", "a later moment")
    identifier = new_id()
    caveats = caveats_of(scope)
    try:
        token = ApiToken.parse(ApiToken(identifier, caveats, signature_of(key, identifier, caveats)).text)
    except Rejected as error:
        raise Rejected("too-many-caveats", "caveats", "the token would be too long", error.accepted) from error
    tx.sql.execute(
        api_token.insert().values(
            id=identifier,
            account_id=user.id,
            project=scope.only_project,
            caveats="~".join(caveats) or None,
            note=command.note,
            created_at=tx.now(),
        )
    )
    tx.record(
        TokenCreated(
            command.operator,
            scope.only_project,
            token_id=identifier,
            user_id=str(user.id),
            note=command.note,
            limits="; ".join(scope.words()),
        )
    )
    return NewToken(identifier, token.text)


def read_token(key: ServerKey, text: str) -> ApiToken:
    """A token that was made with our key, narrowed by its holder or not; raises `Refused` (401) for any other text."""
    try:
        token = ApiToken.parse(text.strip())
    except Rejected:
        raise _unknown_token() from None
    if not hmac.compare_digest(signature_of(key, token.id, token.caveats), token.signature):
        raise _unknown_token()
    return token


def authenticate(key: ServerKey, sql: Connection, text: str, *, now: datetime, address: str = "") -> Bearer:
    """Who a token belongs to, and what it may be used for here and now.

    Raises `Refused` (401) alike for a malformed, forged, unknown or revoked token, so that nobody learns which. What
    only the token's holder can hear is named (403): a frozen account, a caveat that does not hold or is not understood.
    """
    token = read_token(key, text)
    row = sql.execute(_HOLDER, {"id": token.id}).one_or_none()
    if row is None:
        raise _unknown_token()
    if row.revoked_at is not None:
        raise RevokedToken(token.id, noted=row.used_revoked_at is not None)
    if row.frozen_at is not None:
        raise _frozen(row.name)
    scope = _scope(row.caveats, row.project, token.caveats)
    if (refusal := scope.refusal_here(now, address)) is not None:
        raise refusal
    return Bearer(User(row.id, row.name, frozen=False, site_role=row.site_role), token.id, scope, row.used_at)


def look_again(tx: Tx, token_id: str, scope: Scope) -> None:
    """Once our turn among all writers has come: is the token still good? Whatever was said before this counts."""
    row = tx.sql.execute(_HOLDER, {"id": token_id}).one_or_none()
    if row is None:
        raise _unknown_token()
    if row.revoked_at is not None:
        raise RevokedToken(token_id, noted=row.used_revoked_at is not None)
    if row.frozen_at is not None:
        raise _frozen(row.name)
    if scope.expires is not None and (refusal := Scope(expires=scope.expires).refusal_here(tx.now(), "")) is not None:
        raise refusal


def note_use(sql: Connection, token_id: str, now: datetime, address: str) -> None:
    """Note that a token was used. Of several at once one writes, and nobody waits for it."""
    sql.execute(_NOTE_USE, {"token": token_id, "before": now - USED_EVERY, "now": now, "address": address[:64]})


@dataclass(frozen=True, slots=True)
class NoteRevokedUse:
    """Somebody has tried a revoked token."""

    token_id: str
    address: str


def note_revoked_use(command: NoteRevokedUse, tx: Tx) -> None:
    """The first such use is an event; no later one is. No letter: most such uses are forgotten machines."""
    row = tx.sql.execute(
        api_token.update()
        .where(
            api_token.c.id == command.token_id,
            api_token.c.revoked_at.is_not(None),
            api_token.c.used_revoked_at.is_(None),
        )
        .values(used_revoked_at=tx.now())
        .returning(api_token.c.account_id, api_token.c.project)
    ).one_or_none()
    if row is not None:
        tx.record(
            TokenUsedRevoked(
                ANONYMOUS, row.project, token_id=command.token_id, user_id=str(row.account_id), network=command.address
            )
        )


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
    scope: Scope
    note: str
    created_at: datetime
    used_at: datetime | None
    used_from: str | None

    @property
    def phrases(self) -> list[str]:
        """What it may be used for, in words; its end stands elsewhere."""
        return replace(self.scope, expires=None).words()

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.scope.expires is not None and self.scope.expires <= now

    def warnings(self, now: datetime) -> list[str]:
        """What its owner should think about."""
        found = []
        if now - (self.used_at or self.created_at) >= UNUSED_AFTER:
            found.append(f"{'not used' if self.used_at else 'never used'} for {UNUSED_AFTER.days} days: revoke it?")
        if self.scope.expires is None:
            found.append("works for ever: make one that expires?")
        return found


def tokens_of(sql: Connection, account_id: int) -> list[TokenRow]:
    """The tokens of an account that are not revoked, newest first."""
    rows = sql.execute(
        sa.select(api_token)
        .where(api_token.c.account_id == account_id, api_token.c.revoked_at.is_(None))
        .order_by(api_token.c.created_at.desc(), api_token.c.id)
    )
    return [
        TokenRow(row.id, scope_of_row(row.caveats, row.project), row.note, row.created_at, row.used_at, row.used_from)
        for row in rows
    ]


@lru_cache(1024)
def _scope(caveats: str | None, project: str | None, shown: tuple[str, ...]) -> Scope:
    """What the row and the text allow together."""
    return scope_of_row(caveats, project).and_also(scope_of(shown))


def scope_of_row(caveats: str | None, project: str | None) -> Scope:
    """The caveats that a token was made with; those from before there were caveats had a project at most."""
    if caveats is not None:
        return scope_of(tuple(caveats.split("~")))
    return WHOLE if project is None else Scope(projects=frozenset({project}))


def _frozen(name: str) -> Refused:
    return Refused("account-frozen", f"The account {name!r} is frozen.", "Ask an operator of this index.")


def _unknown_token() -> Refused:
    return Refused(
        "bad-token",
        "This API token is not valid here.",
        "Use the user name __token__ and a token made by `customhouse token create` on this index.",
        status=401,
    )
