"""Browsers that are known, and the question by mail about one that is not (A12).

A password, a code from an app and a recovery code can be typed on a page that only looks like ours. Whoever relays them
sits in front of another browser: so a browser that has not been confirmed for the account waits until a link in a mail
is followed. A browser is known by a random cookie together with the network it comes from. Keys and passkeys are bound
to our address and need no question.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts import factors, sessions
from customhouse.accounts.factor_events import BrowserConfirmed, BrowsersForgotten
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.sessions import WAITING_LIFE, ProvedBy, SignIn, Unfinished, hash_of, new_cookie
from customhouse.accounts.tables import account, device_question, known_device, session
from customhouse.accounts.users import User
from customhouse.infra.db import put_rows
from customhouse.ledger.tx import Tx
from customhouse.terms.encode import new_id
from customhouse.terms.errors import Refused

FORGOTTEN_AFTER = timedelta(days=180)
IPV4_PREFIX, IPV6_PREFIX = 24, 48
"""Addresses change within these; a new one inside them is no new place."""
NO_MAIL = "not asked: this index sends no mail"
NO_ADDRESS = "not asked: the account has no verified address"
_STAMP = "browser-link"


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser shows of itself."""

    address: str
    user_agent: str
    cookie: str = ""

    @property
    def network(self) -> str:
        """The place that it comes from."""
        try:
            parsed = ip_address(self.address)
        except ValueError:
            return self.address[:64]
        prefix = IPV4_PREFIX if parsed.version == 4 else IPV6_PREFIX  # noqa: PLR2004 - the name of the protocol
        return str(ip_network((parsed, prefix), strict=False))


@dataclass(frozen=True, slots=True)
class Admit:
    """A user who has proved who he is with something that can be relayed, in a browser."""

    user: User
    browser: Browser
    proved_by: ProvedBy
    sends_mail: bool
    replaces: str | None = None
    owed: bool = False
    """As in `SignIn`, like the next."""
    password_hash: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Admitted:
    """The cookie of the session, whether it waits for a mail, and the browser's own cookie if it gets a new one."""

    cookie: str
    waits: bool
    browser_cookie: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """A browser that waits, as the one who is asked sees it."""

    id: str
    user: User
    network: str
    user_agent: str
    created_at: datetime


def admit(command: Admit, tx: Tx) -> Admitted:
    """Open a session in a browser that is known; in another one a session that waits, and ask by mail.

    Where nobody can be asked, because there is no mail server or no verified address, the session opens, and its event
    says so.
    """
    _refuse_if_owing(command.user, command.proved_by, tx)
    row = tx.sql.execute(
        sa.select(account.c.email, account.c.email_verified_at).where(account.c.id == command.user.id)
    ).one()
    if is_known(tx.sql, command.user.id, command.browser, tx.now()):
        browser = "known"
    elif not command.sends_mail:
        browser = NO_MAIL
    elif not row.email or row.email_verified_at is None:
        browser = NO_ADDRESS
    else:
        cookie = sessions.sign_in(_sign_in(command, "waiting", ""), tx)
        _ask(command, hash_of(cookie), tx)
        return Admitted(cookie, waits=True, browser_cookie=None)
    cookie = sessions.sign_in(_sign_in(command, "full", browser), tx)
    return Admitted(cookie, waits=False, browser_cookie=remember(Remember(command.user.id, command.browser), tx))


def is_known(sql: Connection, account_id: int, browser: Browser, now: datetime) -> bool:
    """Whether this browser has been let in for this account, from this network, within half a year."""
    if not browser.cookie:
        return False
    found = sql.execute(
        sa.select(known_device.c.seen_at).where(
            known_device.c.cookie_hash == hash_of(browser.cookie),
            known_device.c.account_id == account_id,
            known_device.c.network == browser.network,
        )
    ).scalar_one_or_none()
    return found is not None and now - found <= FORGOTTEN_AFTER


@dataclass(frozen=True, slots=True)
class Remember:
    """A browser that has shown that the account's mail is read in it, or that was known before."""

    account_id: int
    browser: Browser


def remember(command: Remember, tx: Tx) -> str | None:
    """Know this browser from now on; returns a cookie for it if it needs a new one.

    A cookie that nobody has given out is never taken over.
    """
    account_id, browser = command.account_id, command.browser
    ours = (
        bool(browser.cookie)
        and tx.sql.execute(
            sa.select(sa.exists().where(known_device.c.cookie_hash == hash_of(browser.cookie)))
        ).scalar_one()
    )
    cookie = browser.cookie if ours else new_cookie()
    place = known_device.c.cookie_hash == hash_of(cookie), known_device.c.account_id == account_id
    since = tx.sql.execute(
        sa.select(known_device.c.created_at).where(*place, known_device.c.network == browser.network)
    ).scalar_one_or_none()
    row = {
        "cookie_hash": hash_of(cookie),
        "account_id": account_id,
        "network": browser.network,
        "created_at": since or tx.now(),
        "seen_at": tx.now(),
    }
    put_rows(tx.sql, known_device, [row])
    return None if ours else cookie


def link_text(key: ServerKey, question_id: str) -> str:
    """The whole link text for a question: what stands in the mail after ``/account/browser/``."""
    return key.stamp(_STAMP, question_id)


def question_of_link(key: ServerKey, sql: Connection, text: str, now: datetime) -> Question:
    """Which browser a link asks about; raises the same `Refused` (404) for every dead link."""
    question_id = key.stamped(_STAMP, text)
    if question_id is None:
        raise _dead_link()
    row = sql.execute(
        sa.select(device_question, account.c.name, account.c.site_role)
        .join(account, account.c.id == device_question.c.account_id)
        # The link lives no longer than the session that waits for it.
        .join(session, session.c.id_hash == device_question.c.session_hash)
        .where(device_question.c.id == question_id, account.c.frozen_at.is_(None), session.c.state == "waiting")
    ).one_or_none()
    if row is None or row.confirmed_at is not None or now - row.created_at > WAITING_LIFE:
        raise _dead_link()
    user = User(row.account_id, row.name, frozen=False, site_role=row.site_role)
    return Question(row.id, user, row.network, row.user_agent, row.created_at)


@dataclass(frozen=True, slots=True)
class Confirm:
    """The link of a mail, whole, followed by somebody who wants the browser let in that it asks about."""

    link: str


def confirm(key: ServerKey, command: Confirm, tx: Tx) -> Question:
    """Let the browser in that waits, and no other; once."""
    question = question_of_link(key, tx.sql, command.link, tx.now())
    claimed = tx.sql.execute(
        device_question.update()
        .where(device_question.c.id == question.id, device_question.c.confirmed_at.is_(None))
        .values(confirmed_at=tx.now())
    ).rowcount
    if not claimed:
        raise _dead_link()
    identity = question.user.identity
    tx.record(BrowserConfirmed(identity, None, user_id=str(question.user.id), network=question.network))
    return question


@dataclass(frozen=True, slots=True)
class ComeIn:
    """The browser that waits asks whether it has been let in."""

    waiting: Unfinished
    browser: Browser


def come_in(command: ComeIn, tx: Tx) -> Admitted | None:
    """Open the session under a new id if the browser was confirmed; None if nobody has followed the link yet."""
    waiting = command.waiting
    _refuse_if_owing(waiting.user, waiting.proved_by, tx)
    claimed = tx.sql.execute(
        device_question.delete().where(
            device_question.c.session_hash == waiting.id_hash, device_question.c.confirmed_at.is_not(None)
        )
    ).rowcount
    if not claimed:
        return None
    wish = SignIn(
        waiting.user, command.browser.address, command.browser.user_agent, replaces=waiting.id_hash,
        proved_by=waiting.proved_by, proved_at=waiting.proved_at, browser="confirmed",
        owed=True,
    )  # fmt: skip
    cookie = sessions.sign_in(wish, tx)
    return Admitted(cookie, waits=False, browser_cookie=remember(Remember(waiting.user.id, command.browser), tx))


@dataclass(frozen=True, slots=True)
class ForgetBrowsers:
    """A user's wish that every browser is asked about again."""

    user: User


def forget_browsers(command: ForgetBrowsers, tx: Tx) -> int:
    """Know no browser of the account any more; returns how many were known. Sessions stay."""
    gone = tx.sql.execute(known_device.delete().where(known_device.c.account_id == command.user.id)).rowcount
    tx.record(BrowsersForgotten(command.user.identity, None, user_id=str(command.user.id), browsers=gone))
    return gone


def forget_places(tx: Tx, account_id: int) -> None:
    """Know no browser of an account that was perhaps somebody else's for a while, and ask about none that waits."""
    for table in (known_device, device_question):
        tx.sql.execute(table.delete().where(table.c.account_id == account_id))


def why_not_asked(sql: Connection, account_id: int, *, sends_mail: bool) -> str:
    """Why new browsers are let in without a question; empty if they are asked about."""
    if not sends_mail:
        return NO_MAIL
    row = sql.execute(sa.select(account.c.email, account.c.email_verified_at).where(account.c.id == account_id)).one()
    return "" if row.email and row.email_verified_at is not None else NO_ADDRESS


def forget_old(sql: Connection, now: datetime) -> None:
    """Remove browsers that nobody has used for long, and questions that are over; again it removes nothing."""
    sql.execute(known_device.delete().where(known_device.c.seen_at < now - FORGOTTEN_AFTER))
    sql.execute(device_question.delete().where(device_question.c.created_at < now - WAITING_LIFE))


def _refuse_if_owing(user: User, proved_by: ProvedBy, tx: Tx) -> None:
    """A first step alone opens nothing if a factor was added since; nobody adds one until we have committed."""
    factors.lock_account(tx.sql, user.id)
    if proved_by in ("password", "linked") and factors.has_second_factor(tx.sql, user.id):
        raise sessions.changed_meanwhile()


def _sign_in(command: Admit, state: sessions.State, browser: str) -> SignIn:
    return SignIn(
        command.user, command.browser.address, command.browser.user_agent, state=state, replaces=command.replaces,
        proved_by=command.proved_by, browser=browser, password_hash=command.password_hash, owed=command.owed,
    )  # fmt: skip


def _ask(command: Admit, session_hash: str, tx: Tx) -> None:
    """Write the question, and the job that mails it; the job holds the public half of the link alone."""
    question_id = new_id()
    agent = command.browser.user_agent[: sessions.USER_AGENT_LENGTH]
    tx.sql.execute(
        device_question.insert().values(
            id=question_id,
            account_id=command.user.id,
            session_hash=session_hash,
            network=command.browser.network,
            user_agent=agent,
            created_at=tx.now(),
        )
    )
    values = {"question_id": question_id, "network": command.browser.network, "user_agent": agent}
    tx.later("mail", {"account_id": command.user.id, "template": "confirm-browser", "values": values})


def _dead_link() -> Refused:
    return Refused(
        "dead-link",
        "This link lets no browser in: it was used, it is too old, or the browser waits no longer.",
        "Sign in again to get a new one.",
        status=404,
    )
