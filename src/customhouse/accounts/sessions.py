"""Sessions of people in a browser: rows on the server, a random cookie in the browser, its hash in the row.

A session ends when it has been idle for too long, when it is too old, when its owner signs out, changes the password or
a factor, or is frozen. A ``half`` session belongs to somebody who still owes a second factor, a ``waiting`` one to
somebody whose browser nobody knows until a link in a mail is followed: both count as nobody, and die soon.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.events import Proved, SignedIn, SignedOut
from customhouse.accounts.factor_events import SignInBegun
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import account, session
from customhouse.accounts.users import User
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused

COOKIE_BYTES = 32
SEEN_EVERY = timedelta(minutes=5)
USER_AGENT_LENGTH = 300
HALF_LIFE = timedelta(minutes=15)
WAITING_LIFE = timedelta(hours=1)

ProvedBy = Literal["password", "linked", "totp", "webauthn", "recovery-code"]
State = Literal["full", "half", "waiting"]
_PROOFS: dict[str, ProvedBy] = {proof: proof for proof in get_args(ProvedBy)}
_OWES = {"half": "a second factor", "waiting": "a click on the link in a mail"}

_FIND = (
    sa.select(
        session.c.id_hash, session.c.state, session.c.created_at, session.c.seen_at, session.c.proved_at,
        session.c.proved_by, account.c.id, account.c.name, account.c.frozen_at, account.c.site_role,
    )
    .join(account, account.c.id == session.c.account_id)
    .where(session.c.id_hash == sa.bindparam("id_hash"))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Session:
    """A living session and whose it is."""

    id_hash: str
    user: User
    created_at: datetime
    seen_at: datetime
    proved_at: datetime
    proved_by: ProvedBy = "password"
    """What its owner last proved himself with."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A session that is nobody's yet: whose it will be, and what is still owed."""

    id_hash: str
    user: User
    state: State
    proved_at: datetime
    proved_by: ProvedBy


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as its owner sees it in a list."""

    id_hash: str
    created_at: datetime
    seen_at: datetime
    network: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a session lives unused, and at most."""

    idle: timedelta
    life: timedelta


@dataclass(frozen=True, slots=True)
class SignIn:
    """A user who has just proved who he is, or half of it."""

    user: User
    network: str
    user_agent: str
    state: State = "full"
    replaces: str | None = None
    """The hash of a session that this one takes the place of."""
    proved_by: ProvedBy = "password"
    proved_at: datetime | None = None
    """When; None means now."""
    browser: str = ""
    """What is known of the browser, for the ledger."""
    password_hash: str | None = field(default=None, repr=False)
    """What the password was compared with, if it was a password: the account must still have it."""
    owed: bool = False
    """Whether the session that this one replaces was unfinished: then it is used up, and must still be there."""


def new_cookie() -> str:
    """256 random bits for a cookie."""
    return secrets.token_urlsafe(COOKIE_BYTES)


def hash_of(cookie: str) -> str:
    """What the row keeps of a cookie."""
    return hashlib.sha256(cookie.encode()).hexdigest()


def form_token(key: ServerKey, cookie: str) -> str:
    """The token that forms of this session (or of a visitor's form cookie) must carry (CSRF)."""
    return key.mark("form", cookie)


def sign_in(command: SignIn, tx: Tx) -> str:
    """Open a session under a new random id (A4: an id from before is never taken over); returns the cookie.

    Raises `Refused` if what was proved holds no longer: the password was changed, the account frozen, or the unfinished
    session ended since. Whoever changes those ends sessions, and would not see this one.
    """
    cookie, now = new_cookie(), tx.now()
    of_account = account.c.id == command.user.id
    row = tx.sql.execute(
        sa.select(account.c.frozen_at, account.c.password_hash).where(of_account).with_for_update()
    ).one()
    if row.frozen_at is not None or command.password_hash not in (None, row.password_hash):
        raise changed_meanwhile()
    if command.replaces:
        gone = session.delete().where(session.c.id_hash == command.replaces)
        replaced = tx.sql.execute(gone.where(session.c.state != "full") if command.owed else gone).rowcount
        if command.owed and not replaced:
            raise changed_meanwhile()
    tx.sql.execute(
        session.insert().values(
            id_hash=hash_of(cookie),
            account_id=command.user.id,
            state=command.state,
            created_at=now,
            seen_at=now,
            proved_at=command.proved_at or now,
            proved_by=command.proved_by,
            network=command.network,
            user_agent=command.user_agent[:USER_AGENT_LENGTH],
        )
    )
    identity = command.user.identity
    if command.state == "full":
        agent = command.user_agent[:USER_AGENT_LENGTH]
        tx.record(SignedIn(identity, None, command.network, agent, by=command.proved_by, browser=command.browser))
    else:
        owes = _OWES[command.state]
        tx.record(SignInBegun(identity, None, user_id=str(command.user.id), network=command.network, owes=owes))
    return cookie


def changed_meanwhile() -> Refused:
    """What was proved does not open a session any more."""
    return Refused(
        "changed-meanwhile", "Your password, your factors or this way in have changed meanwhile.",
        "Sign in again at /account/sign-in/.", status=409,
    )  # fmt: skip


def prove(old: Session, tx: Tx, by: ProvedBy = "password") -> str:
    """Note that its owner proved again who he is: the same session under a new id; returns the new cookie."""
    cookie = new_cookie()
    tx.sql.execute(
        session.update()
        .where(session.c.id_hash == old.id_hash)
        .values(id_hash=hash_of(cookie), proved_at=tx.now(), proved_by=by)
    )
    tx.record(Proved(old.user.identity, None, by=by))
    return cookie


def find_session(sql: Connection, cookie: str, now: datetime, lifetimes: Lifetimes) -> Session | None:
    """The session of a cookie; None if it is unknown, over, unfinished, or its account is frozen."""
    row = sql.execute(_FIND, {"id_hash": hash_of(cookie)}).one_or_none()
    if row is None or row.state != "full" or row.frozen_at is not None:
        return None
    if now - row.seen_at > lifetimes.idle or now - row.created_at > lifetimes.life:
        return None
    user = User(row.id, row.name, frozen=False, site_role=row.site_role)
    return Session(row.id_hash, user, row.created_at, row.seen_at, row.proved_at, _PROOFS[row.proved_by])


def find_unfinished(sql: Connection, cookie: str, now: datetime) -> Unfinished | None:
    """The half or waiting session of a cookie; None if there is none, or if it is too old."""
    row = sql.execute(_FIND, {"id_hash": hash_of(cookie)}).one_or_none()
    if row is None or row.state == "full" or row.frozen_at is not None:
        return None
    if now - row.created_at > (HALF_LIFE if row.state == "half" else WAITING_LIFE):
        return None
    user = User(row.id, row.name, frozen=False, site_role=row.site_role)
    return Unfinished(row.id_hash, user, row.state, row.proved_at, _PROOFS[row.proved_by])


def touch(sql: Connection, found: Session, now: datetime) -> None:
    """Note that the session is in use."""
    sql.execute(session.update().where(session.c.id_hash == found.id_hash).values(seen_at=now))


@dataclass(frozen=True, slots=True)
class SignOut:
    """A user's wish to end one of his sessions, or all but the one he speaks through."""

    user: User
    id_hash: str | None = None
    all_but: str | None = None


def sign_out(command: SignOut, tx: Tx) -> int:
    """End sessions of a user; returns how many. Somebody else's are out of reach."""
    mine = session.delete().where(session.c.account_id == command.user.id)
    if command.id_hash is not None:
        mine = mine.where(session.c.id_hash == command.id_hash)
    if command.all_but is not None:
        mine = mine.where(session.c.id_hash != command.all_but)
    ended = tx.sql.execute(mine).rowcount
    tx.record(SignedOut(command.user.identity, None, sessions=ended))
    return ended


def sessions_of(sql: Connection, account_id: int) -> list[SessionRow]:
    """Every session of an account, the one used last first."""
    rows = sql.execute(
        sa.select(session.c.id_hash, session.c.created_at, session.c.seen_at, session.c.network, session.c.user_agent)
        .where(session.c.account_id == account_id, session.c.state == "full")
        .order_by(session.c.seen_at.desc())
    )
    return [SessionRow(*row) for row in rows]


def forget_old_sessions(sql: Connection, now: datetime, lifetimes: Lifetimes) -> int:
    """Remove the rows of sessions that are over; running it again removes nothing."""
    unfinished = sa.and_(session.c.state != "full", session.c.created_at < now - WAITING_LIFE)
    over = sa.or_(session.c.seen_at < now - lifetimes.idle, session.c.created_at < now - lifetimes.life, unfinished)
    return sql.execute(session.delete().where(over)).rowcount
