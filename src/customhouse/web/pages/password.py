"""Passwords: forgotten ones by a link in a mail, known ones changed."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from customhouse.accounts import links
from customhouse.accounts.links import MakePasswordLink, SetPassword
from customhouse.accounts.passwords import hash_password
from customhouse.terms.identity import ANONYMOUS
from customhouse.web.doors import Door, door
from customhouse.web.pages.sign_in import find_credentials
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def password_doors() -> list[Door]:
    """The doors of passwords."""
    return [
        door("GET", "/account/reset/", reset_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/reset/", reset, Permission.PASSWORD_LINK),
        door("GET", "/account/link/{link}/", link_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/link/{link}/", link, Permission.PASSWORD_BY_LINK),
        door("GET", "/account/password/", password_form, Permission.ACCOUNT_DANGER_FORM),
        door("POST", "/account/password/", password, Permission.ACCOUNT_DANGER),
    ]


def reset_form(visit: Visit) -> Response:
    """Ask for a name or an address to send a link to."""
    return visit.page("reset.html", sent=False, mail=bool(visit.app.settings.smtp_host))


def reset(visit: Visit) -> Response:
    """Send a link, if there is such an account; the answer is the same if there is none (TOB-5)."""
    found = find_credentials(visit, visit.field("name", limit=254))
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
