"""Terms of use: everybody reads them, people agree to them, an operator writes them. An index needs none."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.responses import Response

from customhouse.accounts import terms
from customhouse.accounts.terms import AcceptTerms, PublishTerms
from customhouse.terms.errors import Rejected
from customhouse.terms.numbers import number_of
from customhouse.web.address import safe_next
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def terms_doors() -> list[Door]:
    """The doors of the terms of use."""
    return [
        door("GET", "/terms/", read_terms, Permission.PUBLIC_READ),
        door("GET", "/account/terms/", terms_page, Permission.ACCOUNT_READ),
        door("POST", "/account/terms/", agree, Permission.ACCOUNT_WRITE),
        door("GET", "/admin/terms/", admin_page, Permission.ADMIN_READ),
        door("POST", "/admin/terms/", publish, Permission.ADMIN_DANGER),
    ]


def read_terms(visit: Visit) -> Response:
    """The wording of now, for everybody."""
    with visit.app.database.read() as sql:
        current = terms.current_terms(sql)
    return visit.page("terms.html", kept=True, current=current, accepted=None, asks=False, next="")


def terms_page(visit: Visit) -> Response:
    """The wording of now, and whether I have agreed to it."""
    with visit.app.database.read() as sql:
        current = terms.current_terms(sql)
        accepted = terms.accepted_by(sql, visit.me.id, current.number) if current is not None else None
    onward = safe_next(visit.query.get("next"))
    return visit.page("terms.html", current=current, accepted=accepted, asks=accepted is None, next=onward)


def agree(visit: Visit) -> Response:
    """Agree to the wording that the page has shown."""
    number = number_of(visit.field("revision", limit=20, required=True))
    if visit.form.get("agree") != "yes" or number is None:
        raise Rejected("not-agreed", "agree", "the box is not ticked", "a tick, if you agree")
    visit.app.do(terms.accept_terms, AcceptTerms(visit.me, number))
    return visit.go(safe_next(visit.form.get("next")), said="Your agreement to the terms of use is recorded.")


def admin_page(visit: Visit) -> Response:
    """The wording of now and how many agree; a form for another one."""
    with visit.app.database.read() as sql:
        current = terms.current_terms(sql)
        agreed = terms.count_accepted(sql, current.number) if current is not None else 0
    return visit.page("admin_terms.html", current=current, agreed=agreed)


def publish(visit: Visit) -> Response:
    """Publish another wording."""
    day = visit.field("required", limit=10)
    wish = PublishTerms(visit.field("text", limit=terms.LONGEST, required=True), _day(day), visit.actor)
    made = visit.app.do(terms.publish_terms, wish)
    said = f"Revision {made.number} of the terms is published. People are asked to agree."
    return visit.go("/admin/terms/", said=said)


def _day(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError as error:
        raise Rejected("bad-date", "required", f"{text!r} is no day", "2027-01-31, or nothing") from error
