"""Making an account for oneself; the address of an account, verified, changed, and taken back."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from starlette.responses import Response

from customhouse.accounts import emails, index_flags, links, register, terms
from customhouse.accounts.devices import Remember, remember
from customhouse.accounts.emails import AskAddress, AskVerification
from customhouse.accounts.limits import Counted, Limit, network_of
from customhouse.accounts.lost_address import find_lost
from customhouse.accounts.mail_address import MailAddress
from customhouse.accounts.register import ALL_TOGETHER, Register
from customhouse.accounts.users import check_user_name
from customhouse.index.change_address import follow_new_address, undo_new_address
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import NOBODY
from customhouse.web.doors import Door, door
from customhouse.web.new_password import new_password, problem_of
from customhouse.web.permissions import Permission
from customhouse.web.secret_address import without_referrer
from customhouse.web.visit import Visit

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FORMS = 10
"""As many forms are read, for each account that may be made."""
VERIFICATIONS = Limit("verifications", 3, 6 * HOUR)
CHANGES = Limit("address-changes", 5, DAY)


def register_doors() -> list[Door]:
    """The doors of registration and of addresses."""
    return [
        door("GET", "/account/register/", register_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/register/", make_account, Permission.REGISTER),
        door("GET", "/account/verify/{link}/", verify_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/verify/{link}/", verify, Permission.ADDRESS_BY_LINK),
        door("GET", "/account/undo/{link}/", undo_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/undo/{link}/", undo, Permission.ADDRESS_BY_LINK),
        door("GET", "/account/address/", address_page, Permission.ACCOUNT_READ),
        door("POST", "/account/address/", change, Permission.ACCOUNT_DANGER),
        door("POST", "/account/address/again/", send_again, Permission.ACCOUNT_WRITE),
    ]


def register_form(visit: Visit) -> Response:
    """Name, address and password; or that an operator makes the accounts here."""
    return _form(visit)


def make_account(visit: Visit) -> Response:
    """Make an account. What is said is the same whether somebody has the address already or not (A3)."""
    settings = visit.app.settings
    if settings.registration != "open":
        raise Refused("registration-closed", "An operator makes the accounts of this index.", "Ask one.")
    with visit.app.database.read() as sql:
        index_flags.refuse_if_flagged(sql, "no-new-users", actor=NOBODY)
    name = visit.field("name", limit=100)
    try:
        check_user_name(name)
        email = MailAddress.parse(visit.field("email", limit=300))
    except Rejected as error:
        return _form(visit, status=400, problem=problem_of(error))
    network = network_of(visit.address)
    counted = (
        Counted(Limit("registrations-hour", settings.registrations_per_hour, HOUR), network),
        Counted(Limit("registrations-day", 4 * settings.registrations_per_hour, DAY), network),
        Counted(ALL_TOGETHER),
    )
    # Before anything that is slow. What is refused makes no account, but each look at a password counts.
    forms = Counted(Limit("registration-forms", FORMS * settings.registrations_per_hour, HOUR), network)
    attempt = visit.app.limiter.take(*counted, forms, sentence="Too many accounts were made from your network.")
    try:
        new = new_password(visit)
    except Rejected as error:
        visit.app.limiter.give_back(attempt, *counted)
        return _form(visit, status=400, problem=problem_of(error))
    command = Register(
        name, email, new.hash, visit.address, timedelta(seconds=settings.link_seconds), settings.prohibited_user_names,
        settings.prohibited_mail_domains, new.unchecked,
    )  # fmt: skip
    try:
        visit.app.do(register.register, command)
    except Refused as refusal:
        visit.app.limiter.give_back(attempt, *counted)
        return _form(visit, status=refusal.status, problem=str(refusal))
    said = f"The account {name} is made. A letter to {email.text} is on its way: follow its link to verify the address."
    return visit.go("/account/sign-in/", said=said)


def verify_form(visit: Visit) -> Response:
    """A link from a mail. Looking at it changes nothing: programs that look at letters do that, too."""
    return _link_page(visit, "verify.html", "verify", "change")


def verify(visit: Visit) -> Response:
    """Verify the address of an account, or make the new one its address."""
    key, text = visit.app.key, visit.path["link"]
    link = _link(visit, "verify", "change")
    if link.purpose == "verify":
        user = visit.app.do(partial(emails.verify_address, key), text)
        # Its mail is read in this browser: that is what a new one would be asked for.
        visit.know_browser(visit.app.do(remember, Remember(user.id, visit.browser)))
        return visit.go(_home(visit), said=f"The address of the account {user.name} is verified.")
    waits = visit.app.do(partial(follow_new_address, key), text)
    said = waits.says_when if waits is not None else f"The account {link.user.name} has its new address now."
    return visit.go(_home(visit), said=said)


def undo_form(visit: Visit) -> Response:
    """A link in the letter to an old address."""
    return _link_page(visit, "undo.html", "undo")


def undo(visit: Visit) -> Response:
    """Bring the old address back, end every session and send a link to a new password."""
    life = timedelta(seconds=visit.app.settings.link_seconds)
    user = visit.app.do(lambda text, tx: undo_new_address(visit.app.key, text, life, tx), visit.path["link"])
    said = f"The account {user.name} has its old address again. A letter with a link to a new password is on its way."
    return visit.go("/account/sign-in/", said=said)


def address_page(visit: Visit) -> Response:
    """My address, and another one."""
    return _address(visit)


def change(visit: Visit) -> Response:
    """Send a link to a new address."""
    try:
        email = MailAddress.parse(visit.field("email", limit=300, required=True))
        visit.app.limiter.take(Counted(CHANGES, str(visit.me.id)), sentence="Too many changes of address in one day.")
        life = timedelta(seconds=visit.app.settings.link_seconds)
        visit.app.do(emails.ask_address, AskAddress(visit.me, email, life, visit.app.settings.prohibited_mail_domains))
    except Rejected as error:
        return _address(visit, status=400, problem=problem_of(error))
    said = f"A letter to {email.text} is on its way. Its link makes it the address of your account."
    return visit.go("/account/address/", said=said)


def send_again(visit: Visit) -> Response:
    """Send another letter with a link that verifies the address."""
    limit = Counted(VERIFICATIONS, str(visit.me.id))
    attempt = visit.app.limiter.take(limit, sentence="Three letters in six hours are enough.")
    try:
        wish = AskVerification(visit.me, timedelta(seconds=visit.app.settings.link_seconds))
        visit.app.do(emails.send_verification, wish)
    except Refused:
        visit.app.limiter.give_back(attempt, limit)
        raise
    return visit.go("/account/address/", said="Another letter is on its way. Only its link works from now on.")


def _form(visit: Visit, *, status: int = 200, problem: str = "") -> Response:
    settings = visit.app.settings
    with visit.app.database.read() as sql:
        current = terms.current_terms(sql)
        closed = settings.registration != "open" or "no-new-users" in index_flags.flags(sql)
    return visit.page(
        "register.html", status=status, problem=problem, closed=closed, name=visit.form.get("name", "")[:100],
        email=visit.form.get("email", "")[:300], mail=bool(settings.smtp_host), terms=current is not None,
        compared=bool(visit.app.breached.described),
    )  # fmt: skip


def _address(visit: Visit, *, status: int = 200, problem: str = "") -> Response:
    with visit.app.database.read() as sql:
        row = emails.address_of(sql, visit.me.id)
        lost = find_lost(sql, visit.me.id)
    sends = bool(visit.app.settings.smtp_host)
    return visit.page("address.html", status=status, row=row, problem=problem, sends=sends, lost=lost)


def _link(visit: Visit, *purposes: links.Purpose) -> links.Link:
    with visit.app.database.read() as sql:
        return links.read_link(visit.app.key, sql, visit.path["link"], visit.app.clock.now(), *purposes)


def _link_page(visit: Visit, template: str, *purposes: links.Purpose) -> Response:
    link = _link(visit, *purposes)
    email = link.target or link.email
    return without_referrer(visit.page(template, name=link.user.name, email=email, purpose=link.purpose))


def _home(visit: Visit) -> str:
    return "/account/address/" if visit.user is not None else "/account/sign-in/"
