"""The lists that somebody has registered to be audited again and again."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from customhouse.index.standing import queries
from customhouse.index.standing.look import counts
from customhouse.index.standing.model import MOST_COMPONENTS, PER_ACCOUNT
from customhouse.index.standing.register import Registered, Revoke, register, revoke
from customhouse.web.api.standing import command_of
from customhouse.web.api.standing import one as one_in_json
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

HERE = "/account/standing/"


def standing_doors() -> list[Door]:
    """The doors of standing audits."""
    return [
        door("GET", HERE, listing, Permission.ACCOUNT_READ),
        door("POST", HERE, add, Permission.ACCOUNT_WRITE),
        door("GET", HERE + "{standing}/", one, Permission.ACCOUNT_READ),
        door("GET", HERE + "{standing}/findings.json", download, Permission.ACCOUNT_READ),
        door("POST", HERE + "{standing}/revoke/", end, Permission.ACCOUNT_WRITE),
    ]


def listing(visit: Visit) -> Response:
    """My lists, and the form for another one."""
    with visit.app.database.read() as sql:
        rows = queries.standings_of(sql, visit.me.id)
        found = counts(sql, [row.id for row in rows])
    return visit.page("standing.html", rows=rows, found=found, most=PER_ACCOUNT, most_components=MOST_COMPONENTS)


def add(visit: Visit) -> Response:
    """Register a list and show it, with the key of its webhook once."""
    return _one(visit, visit.app.do(partial(register, visit.app.key.secret), command_of(visit)))


def one(visit: Visit) -> Response:
    """A list and what is known of it."""
    return _one(visit, None)


def download(visit: Visit) -> Response:
    """The list and what is known of it, as the API says it, to be kept as a file."""
    answer = one_in_json(visit)
    answer.headers["content-disposition"] = f'attachment; filename="standing-{visit.path["standing"][:26]}.json"'
    return answer


def _one(visit: Visit, made: Registered | None) -> Response:
    standing_id = made.standing_id if made is not None else visit.path["standing"]
    with visit.app.database.read() as sql:
        found = queries.own_standing(sql, standing_id, visit.me.id)
        told = queries.told_of(sql, found.id)
    return visit.page("standing_one.html", found=found, told=told, made=made)


def end(visit: Visit) -> Response:
    """Forget a list."""
    title = visit.app.do(revoke, Revoke(visit.path["standing"], visit.actor))
    return visit.go(HERE, said=f"{title} is audited no more, and forgotten.")
