"""Passwords: forgotten ones by a link in a mail, known ones changed."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from customhouse.accounts import links
from customhouse.accounts.devices import Remember, remember
from customhouse.accounts.limits import Counted, Limit, network_of
from customhouse.accounts.links import SetPassword
from customhouse.accounts.sign_in_limits import second_limits
from customhouse.terms.errors import Rejected
from customhouse.web.doors import Door, door
from customhouse.web.new_password import new_password, problem_of, send_reset
from customhouse.web.pages.sign_in import find_credentials
from customhouse.web.permissions import Permission
from customhouse.web.secret_address import without_referrer
from customhouse.web.visit import Visit

RESETS_OF_NETWORK = Limit("resets-network", 30, timedelta(hours=1))


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
    """Send a link, if there is such an account; the answer is the same if there is none, and whoever it is (TOB-5)."""
    name = visit.field("name", limit=254)
    network = Counted(RESETS_OF_NETWORK, network_of(visit.address))
    visit.app.limiter.take(network, sentence="Too many links were asked for from your network.")
    found = find_credentials(visit, name)
    send_reset(visit, found.user if found else None, str(found.user.id) if found else f"name:{name.lower()}")
    return visit.page("reset.html", sent=True, mail=bool(visit.app.settings.smtp_host))


def link_form(visit: Visit) -> Response:
    """A link from a mail: choose a password."""
    return _link_page(visit, "")


def link(visit: Visit) -> Response:
    """Set the password that the link allows to set; every session of the account ends."""
    with visit.app.database.read() as sql:
        links.user_of_link(visit.app.key, sql, visit.path["link"], visit.app.clock.now())
    try:
        new = new_password(visit)
    except Rejected as error:
        return _link_page(visit, problem_of(error), status=400)
    command = SetPassword(new.hash, link=visit.path["link"], unchecked=new.unchecked)
    user = visit.app.do(lambda wish, tx: links.set_password(visit.app.key, wish, tx), command)
    visit.app.limiter.forget(*second_limits(user))
    # The link came by mail, which is what a new browser would be asked for, or an operator has handed it over.
    visit.know_browser(visit.app.do(remember, Remember(user.id, visit.browser)))
    return visit.go("/account/sign-in/", said="Your password is set. Sign in with it.")


def password_form(visit: Visit) -> Response:
    """Choose another password."""
    return visit.page("password.html", problem="", compared=bool(visit.app.breached.described))


def password(visit: Visit) -> Response:
    """Change the password; every other session ends."""
    try:
        new = new_password(visit)
    except Rejected as error:
        compared = bool(visit.app.breached.described)
        return visit.page("password.html", status=400, problem=problem_of(error), compared=compared)
    keep = visit.session.id_hash if visit.session else None
    command = SetPassword(new.hash, user=visit.me, keep_session=keep, unchecked=new.unchecked)
    visit.app.do(lambda wish, tx: links.set_password(visit.app.key, wish, tx), command)
    return visit.go("/account/", said="Your password is changed, and your other sessions are over.")


def _link_page(visit: Visit, problem: str, *, status: int = 200) -> Response:
    with visit.app.database.read() as sql:
        user, _ = links.user_of_link(visit.app.key, sql, visit.path["link"], visit.app.clock.now())
    compared = bool(visit.app.breached.described)
    return without_referrer(
        visit.page("link.html", status=status, name=user.name, problem=problem, compared=compared)
    )  # fmt: skip
