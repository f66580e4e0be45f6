"""Signing in and out, and proving once more who one is."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from starlette.responses import Response

from customhouse.accounts import index_flags, sessions
from customhouse.accounts.events import SignInFailed
from customhouse.accounts.passwords import is_password
from customhouse.accounts.sessions import SignIn, SignOut
from customhouse.accounts.tables import account
from customhouse.accounts.users import User
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import ANONYMOUS
from customhouse.web.address import safe_next
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import FORM_COOKIE, Visit


def sign_in_doors() -> list[Door]:
    """The doors by which people come in and go."""
    return [
        door("GET", "/account/sign-in/", sign_in_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/sign-in/", sign_in, Permission.SIGN_IN),
        door("POST", "/account/sign-out/", sign_out, Permission.ACCOUNT_WRITE),
        door("GET", "/account/again/", prove_form, Permission.PROVE_FORM),
        door("POST", "/account/again/", prove, Permission.PROVE),
    ]


def sign_in_form(visit: Visit) -> Response:
    """Name and password."""
    if visit.user is not None:
        return visit.go(safe_next(visit.query.get("next")))
    return visit.page("sign_in.html", next=safe_next(visit.query.get("next")), name="", wrong=False)


def sign_in(visit: Visit) -> Response:
    """Open a session, or say that name and password do not go together: the same for every reason."""
    name, password_text = visit.field("name", limit=254), visit.form.get("password", "")
    onward = safe_next(visit.form.get("next"))
    found = find_credentials(visit, name)
    right = is_password(password_text, found.password_hash if found else None)
    if found is None or not right or found.user.frozen:
        if found is not None:
            visit.app.do(note_failure, (found.user, visit.address, "frozen" if right else "password"))
        return visit.page("sign_in.html", status=403, next=onward, name=name, wrong=True)
    with visit.app.database.read() as sql:
        index_flags.refuse_if_flagged(sql, "no-sign-in", actor=found.user.actor)
    old = visit.session.id_hash if visit.session is not None else None
    agent = visit.request.headers.get("user-agent", "")
    visit.start_session(visit.app.do(sessions.sign_in, SignIn(found.user, visit.address, agent, replaces=old)))
    visit.cookies.append(f"{FORM_COOKIE}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax")
    return visit.go(onward)


def sign_out(visit: Visit) -> Response:
    """End this session."""
    if visit.session is not None:
        visit.app.do(sessions.sign_out, SignOut(visit.me, id_hash=visit.session.id_hash))
    visit.end_session()
    return visit.go("/", said="You are signed out.")


def prove_form(visit: Visit) -> Response:
    """Ask for the password again before a dangerous page."""
    return visit.page("again.html", next=safe_next(visit.query.get("next")), wrong=False)


def prove(visit: Visit) -> Response:
    """Note that the password was typed again; the session gets a new id."""
    onward = safe_next(visit.form.get("next"))
    found = find_credentials(visit, visit.me.name)
    if visit.session is None or found is None or not is_password(visit.form.get("password", ""), found.password_hash):
        visit.app.do(note_failure, (visit.me, visit.address, "password"))
        return visit.page("again.html", status=403, next=onward, wrong=True)
    visit.start_session(visit.app.do(sessions.prove, visit.session))
    return visit.go(onward)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account and what its password is compared with."""

    user: User
    password_hash: str | None


def find_credentials(visit: Visit, name: str) -> Credentials | None:
    """The account of that name, or with that address if it is the only one."""
    wanted = account.c.email == name if "@" in name else account.c.normalized == name.lower()
    columns = (account.c.id, account.c.name, account.c.frozen_at, account.c.site_role, account.c.password_hash)
    with visit.app.database.read() as sql:
        rows = sql.execute(sa.select(*columns).where(wanted).limit(2)).all() if name else []
    if len(rows) != 1:
        return None
    row = rows[0]
    return Credentials(User(row.id, row.name, row.frozen_at is not None, row.site_role), row.password_hash)


def note_failure(command: tuple[User, str, str], tx: Tx) -> None:
    """Record that somebody failed to sign in: whose account, from where, and why."""
    user, network, why = command
    tx.record(SignInFailed(ANONYMOUS, None, user_id=str(user.id), network=network, why=why))
