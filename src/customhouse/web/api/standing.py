"""Standing audits for programs: ``POST /api/standing/`` with an API token, and what belongs to it.

A flat JSON object: ``title``; ``components``, a list of ``name==version`` or one text with a line for each; and
``webhook``, the address that findings are sent to instead of letters. The same title again replaces the list.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from starlette.responses import Response

from customhouse.accounts.limits import Counted, Limit
from customhouse.index.standing import queries
from customhouse.index.standing.model import Standing, Told, read_components
from customhouse.index.standing.register import Register, Revoke, register, revoke
from customhouse.infra.targets import Target
from customhouse.terms.errors import Rejected
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

FIELDS = ("title", "components", "webhook")
MOST_TEXT = 400_000
REGISTERING = Limit("standing", 60, timedelta(hours=1))
"""So many lists are sent by one account, new or anew: each of those it may have three times."""


def standing_api_doors() -> list[Door]:
    """The doors of standing audits for programs."""
    return [
        door("GET", "/api/standing/", listing, Permission.STANDING_READ),
        door("POST", "/api/standing/", post_standing, Permission.STANDING_WRITE),
        door("GET", "/api/standing/{standing}/", one, Permission.STANDING_READ),
        door("POST", "/api/standing/{standing}/revoke", post_revoke, Permission.STANDING_WRITE),
    ]


def listing(visit: Visit) -> Response:
    """Every list of mine."""
    with visit.app.database.read() as sql:
        rows = queries.standings_of(sql, visit.me.id)
    return visit.json({"standing": [_plain(row) for row in rows]})


def one(visit: Visit) -> Response:
    """One list with what is known of it."""
    with visit.app.database.read() as sql:
        found = queries.own_standing(sql, visit.path["standing"], visit.me.id)
        told = queries.told_of(sql, found.id)
    return visit.json({**_plain(found), "findings": [_finding(row) for row in told]})


def post_standing(visit: Visit) -> Response:
    """Take a list: 201 if it is new, else 200. The key of a webhook is in this one answer."""
    unknown = sorted(set(visit.form) - set(FIELDS))
    if unknown:
        raise Rejected("unknown-field", unknown[0][:80], "is not a member of a standing audit", ", ".join(FIELDS))
    made = visit.app.do(partial(register, visit.app.key.secret), command_of(visit))
    address = f"{visit.site}/account/standing/{made.standing_id}/"
    answer = {"id": made.standing_id, "components": made.components, "page": address}
    return visit.json(answer | ({"key": made.key} if made.key else {}), status=201 if made.is_new else 200)


def command_of(visit: Visit) -> Register:
    """The wish of a form or of a JSON object; each leaves an entry, so there are not very many."""
    visit.app.limiter.take(Counted(REGISTERING, str(visit.me.id)), sentence="You register lists very often.")
    webhook = visit.field("webhook")
    return Register(
        visit.field("title", limit=1000, required=True),
        read_components(visit.field("components", limit=MOST_TEXT, required=True)),
        Target.parse(webhook, where="webhook") if webhook else None,
        visit.actor,
    )


def post_revoke(visit: Visit) -> Response:
    """Forget a list."""
    title = visit.app.do(revoke, Revoke(visit.path["standing"], visit.actor))
    return visit.json({"revoked": visit.path["standing"], "title": title})


def _plain(row: Standing) -> dict[str, object]:
    return {
        "id": row.id, "title": row.title, "components": row.components, "webhook": row.target or None,
        "registered": row.registered_at.isoformat(), "checked": row.checked_at.isoformat() if row.checked_at else None,
    }  # fmt: skip


def _finding(row: Told) -> dict[str, object]:
    return {
        "package": row.name, "version": row.version, "vulnerability": row.vulnerability, "names": list(row.names),
        "level": row.level, "fix": row.fix or None, "summary": row.summary, "exploited": row.exploited,
    }  # fmt: skip
