"""The pages of one's own account: signing in and out, the password, sessions, API tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from starlette.responses import Response

from customhouse.accounts import index_flags, links, sessions
from customhouse.accounts.events import SignInFailed
from customhouse.accounts.links import MakePasswordLink, SetPassword
from customhouse.accounts.passwords import hash_password, is_password
from customhouse.accounts.sessions import SignIn, SignOut
from customhouse.accounts.tables import account
from customhouse.accounts.tokens import CreateToken, RevokeToken, revoke_token, tokens_of
from customhouse.accounts.users import User
from customhouse.catalog import organizations, rights
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import ANONYMOUS
from customhouse.web.address import safe_next
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import FORM_COOKIE, Visit


def account_doors() -> list[Door]:
    """The doors of one's own account."""
    return [
        door("GET", "/account/sign-in/", sign_in_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/sign-in/", sign_in, Permission.SIGN_IN),
        door("POST", "/account/sign-out/", sign_out, Permission.ACCOUNT_WRITE),
        door("GET", "/account/again/", prove_form, Permission.PROVE_FORM),
        door("POST", "/account/again/", prove, Permission.PROVE),
        door("GET", "/account/reset/", reset_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/reset/", reset, Permission.PASSWORD_LINK),
        door("GET", "/account/link/{link}/", link_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/link/{link}/", link, Permission.PASSWORD_BY_LINK),
        door("GET", "/account/", overview, Permission.ACCOUNT_READ),
        door("GET", "/account/password/", password_form, Permission.ACCOUNT_DANGER_FORM),
        door("POST", "/account/password/", password, Permission.ACCOUNT_DANGER),
        door("GET", "/account/sessions/", sessions_page, Permission.ACCOUNT_READ),
        door("POST", "/account/sessions/end/", end_sessions, Permission.ACCOUNT_WRITE),
        door("GET", "/account/tokens/", tokens_page, Permission.ACCOUNT_DANGER_FORM),
        door("POST", "/account/tokens/", new_token, Permission.ACCOUNT_DANGER),
        door("POST", "/account/tokens/{token}/revoke/", drop_token, Permission.ACCOUNT_WRITE),
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
    found = _credentials(visit, name)
    right = is_password(password_text, found.password_hash if found else None)
    if found is None or not right or found.user.frozen:
        if found is not None:
            visit.app.do(_note_failure, (found.user, visit.address, "frozen" if right else "password"))
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
    found = _credentials(visit, visit.me.name)
    if visit.session is None or found is None or not is_password(visit.form.get("password", ""), found.password_hash):
        visit.app.do(_note_failure, (visit.me, visit.address, "password"))
        return visit.page("again.html", status=403, next=onward, wrong=True)
    visit.start_session(visit.app.do(sessions.prove, visit.session))
    return visit.go(onward)


def reset_form(visit: Visit) -> Response:
    """Ask for a name or an address to send a link to."""
    return visit.page("reset.html", sent=False, mail=bool(visit.app.settings.smtp_host))


def reset(visit: Visit) -> Response:
    """Send a link, if there is such an account; the answer is the same if there is none (TOB-5)."""
    found = _credentials(visit, visit.field("name", limit=254))
    if found is not None and not found.user.frozen:
        life = timedelta(seconds=visit.app.settings.link_seconds)
        visit.app.do(links.make_password_link, MakePasswordLink(found.user, life, ANONYMOUS))
    return visit.page("reset.html", sent=True, mail=bool(visit.app.settings.smtp_host))


def link_form(visit: Visit) -> Response:
    """A link from a mail: choose a password."""
    with visit.app.database.read() as sql:
        user, _ = links.user_of_link(visit.app.key, sql, visit.path["link"], visit.app.clock.now())
    return visit.page("link.html", name=user.name, problem="")


def link(visit: Visit) -> Response:
    """Set the password that the link allows to set; every session of the account ends."""
    with visit.app.database.read() as sql:
        user, _ = links.user_of_link(visit.app.key, sql, visit.path["link"], visit.app.clock.now())
    new, again = visit.form.get("password", ""), visit.form.get("again", "")
    if new != again:
        return visit.page("link.html", status=400, name=user.name, problem="The two passwords differ.")
    hashed = hash_password(new)
    visit.app.do(
        lambda command, tx: links.set_password(visit.app.key, command, tx), SetPassword(hashed, link=visit.path["link"])
    )
    return visit.go("/account/sign-in/", said="Your password is set. Sign in with it.")


def overview(visit: Visit) -> Response:
    """What is mine: projects, organizations, invitations."""
    with visit.app.database.read() as sql:
        projects = rights.projects_of(sql, visit.me.id)
        mine = organizations.organizations_of(sql, visit.me.id)
    return visit.page("account.html", projects=projects, organizations=mine)


def password_form(visit: Visit) -> Response:
    """Choose another password."""
    return visit.page("password.html", problem="")


def password(visit: Visit) -> Response:
    """Change the password; every other session ends."""
    new, again = visit.form.get("password", ""), visit.form.get("again", "")
    if new != again:
        return visit.page("password.html", status=400, problem="The two passwords differ.")
    command = SetPassword(
        hash_password(new), user=visit.me, keep_session=visit.session.id_hash if visit.session else None
    )
    visit.app.do(lambda wish, tx: links.set_password(visit.app.key, wish, tx), command)
    return visit.go("/account/", said="Your password is changed, and your other sessions are over.")


def sessions_page(visit: Visit) -> Response:
    """Where I am signed in."""
    with visit.app.database.read() as sql:
        rows = sessions.sessions_of(sql, visit.me.id)
    return visit.page("sessions.html", rows=rows, mine=visit.session.id_hash if visit.session else "")


def end_sessions(visit: Visit) -> Response:
    """End one session, or all but this one."""
    chosen = visit.field("session", limit=64)
    keep = visit.session.id_hash if visit.session else None
    command = SignOut(visit.me, id_hash=chosen) if chosen else SignOut(visit.me, all_but=keep)
    ended = visit.app.do(sessions.sign_out, command)
    return visit.go("/account/sessions/", said=f"{ended} {'session' if ended == 1 else 'sessions'} ended.")


def tokens_page(visit: Visit) -> Response:
    """My API tokens."""
    return _tokens(visit, text="")


def new_token(visit: Visit) -> Response:
    """Make a token and show it, once."""
    project, note = visit.field("project", limit=100) or None, visit.field("note", limit=200)
    made = visit.app.create_token(CreateToken(visit.me.name, project, note, visit.me.identity))
    return _tokens(visit, text=made.text)


def drop_token(visit: Visit) -> Response:
    """Revoke a token of mine."""
    visit.app.do(revoke_token, RevokeToken(visit.path["token"], visit.actor))
    return visit.go("/account/tokens/", said="The token is revoked: it works no longer.")


def _tokens(visit: Visit, *, text: str) -> Response:
    with visit.app.database.read() as sql:
        rows = tokens_of(sql, visit.me.id)
        projects = [name for name, role in rights.projects_of(sql, visit.me.id).items() if role]
    return visit.page("tokens.html", rows=rows, projects=projects, text=text)


@dataclass(frozen=True, slots=True)
class _Credentials:
    """An account and what its password is compared with."""

    user: User
    password_hash: str | None


def _credentials(visit: Visit, name: str) -> _Credentials | None:
    """The account of that name, or with that address if it is the only one."""
    wanted = account.c.email == name if "@" in name else account.c.normalized == name.lower()
    columns = (account.c.id, account.c.name, account.c.frozen_at, account.c.site_role, account.c.password_hash)
    with visit.app.database.read() as sql:
        rows = sql.execute(sa.select(*columns).where(wanted).limit(2)).all() if name else []
    if len(rows) != 1:
        return None
    row = rows[0]
    return _Credentials(User(row.id, row.name, row.frozen_at is not None, row.site_role), row.password_hash)


def _note_failure(command: tuple[User, str, str], tx: Tx) -> None:
    user, network, why = command
    tx.record(SignInFailed(ANONYMOUS, None, user_id=str(user.id), network=network, why=why))
