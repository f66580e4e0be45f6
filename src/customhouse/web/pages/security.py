"""What happened to my account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from customhouse.accounts import history
from customhouse.accounts.history import Happened
from customhouse.ledger.public import sentence, who
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the page."""

    at: datetime
    text: str
    network: str
    serial: int


def security_doors() -> list[Door]:
    """The door of the history of one's own account."""
    return [door("GET", "/account/security/", security_page, Permission.ACCOUNT_READ)]


def security_page(visit: Visit) -> Response:
    """Who signed in, and every change of what lets somebody in, the newest first."""
    with visit.app.database.read() as sql:
        found = history.history_of(sql, visit.me.id)
    lines = [Line(one.entry.at, _text(one), one.network, one.entry.serial) for one in found]
    return visit.page("security.html", lines=lines, most=history.SHOWN)


def _text(one: Happened) -> str:
    by = "You" if one.mine else who(one.entry)
    return f"{by[:1].upper()}{by[1:]} {sentence(one.entry)}."
