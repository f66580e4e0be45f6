"""Which letters somebody gets."""

from __future__ import annotations

import sqlalchemy as sa
from starlette.responses import Response

from customhouse.accounts.mail_preference import TOPICS, SetMailPreference, set_mail_preference, wanted_topics
from customhouse.accounts.tables import account
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def mail_doors() -> list[Door]:
    """The doors of the page about letters."""
    return [
        door("GET", "/account/mail/", preferences, Permission.ACCOUNT_READ),
        door("POST", "/account/mail/", choose, Permission.ACCOUNT_WRITE),
    ]


def preferences(visit: Visit) -> Response:
    """What comes, where to, and what can be switched off."""
    with visit.app.database.read() as sql:
        wanted = wanted_topics(sql, visit.me.id)
        address = sql.execute(sa.select(account.c.email).where(account.c.id == visit.me.id)).scalar_one()
    sends = bool(visit.app.settings.smtp_host)
    return visit.page("mail.html", topics=TOPICS, wanted=wanted, address=address, sends=sends)


def choose(visit: Visit) -> Response:
    """Note which letters somebody wants."""
    wanted = frozenset(topic for topic in TOPICS if visit.form.get(topic) == "yes")
    visit.app.do(set_mail_preference, SetMailPreference(visit.me, wanted))
    return visit.go("/account/mail/", said="Your choice is kept.")
