"""What is mine, and where I am signed in."""

from __future__ import annotations

from starlette.responses import Response

from customhouse.accounts import emails, sessions
from customhouse.accounts.lost_address import find_lost
from customhouse.accounts.sessions import SignOut
from customhouse.catalog import organizations, rights
from customhouse.index.approving.waiting_releases import waiting_releases
from customhouse.index.recovery.concern import concerns_of
from customhouse.web.doors import Door, door
from customhouse.web.pages.pending import waiting_for
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def account_doors() -> list[Door]:
    """The doors of one's own account."""
    return [
        door("GET", "/account/", overview, Permission.ACCOUNT_READ),
        door("GET", "/account/sessions/", sessions_page, Permission.ACCOUNT_READ),
        door("POST", "/account/sessions/end/", end_sessions, Permission.ACCOUNT_WRITE),
    ]


def overview(visit: Visit) -> Response:
    """What is mine: projects, organizations, invitations."""
    with visit.app.database.read() as sql:
        projects = rights.projects_of(sql, visit.me.id)
        mine = organizations.organizations_of(sql, visit.me.id)
        waiting = len(waiting_for(sql, visit.me.id))
        cases = [one for one in concerns_of(sql, visit.me.id) if not one.own]
        owes = emails.address_of(sql, visit.me.id).owes
        lost = find_lost(sql, visit.me.id)
        staged = waiting_releases(sql, visit.me.id, visit.app.clock.now())
    return visit.page(
        "account.html", projects=projects, organizations=mine, waiting=waiting, owes=owes, cases=cases, lost=lost,
        staged=staged,
    )  # fmt: skip


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
