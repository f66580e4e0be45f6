"""The API tokens of one person, and the operators' way to revoke many."""

from __future__ import annotations

import re
from datetime import timedelta

import sqlalchemy as sa
from starlette.responses import Response

from customhouse.accounts.mass_revoke import RevokeMany, revoke_many
from customhouse.accounts.tables import api_token
from customhouse.accounts.tokens import CreateToken, RevokeToken, revoke_token, tokens_of
from customhouse.catalog import rights
from customhouse.terms.errors import Rejected
from customhouse.terms.numbers import number_of
from customhouse.terms.scope import ACTIONS, Scope, scope_for
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

SPANS = {"1": "a day", "7": "a week", "30": "30 days", "90": "90 days", "365": "a year", "": "no end"}
USUAL_SPAN = "365"
MOST_DAYS = 3650
_SEPARATORS = re.compile(r"[\s,;]+")


def token_doors() -> list[Door]:
    """The doors of API tokens."""
    return [
        door("GET", "/account/tokens/", tokens_page, Permission.ACCOUNT_DANGER_FORM),
        door("POST", "/account/tokens/", new_token, Permission.ACCOUNT_DANGER),
        door("POST", "/account/tokens/{token}/revoke/", drop_token, Permission.ACCOUNT_WRITE),
        door("GET", "/admin/tokens/", mass_form, Permission.ADMIN_DANGER_FORM),
        door("POST", "/admin/tokens/", drop_many, Permission.ADMIN_DANGER),
    ]


def tokens_page(visit: Visit) -> Response:
    """My API tokens."""
    return _tokens(visit, text="")


def new_token(visit: Visit) -> Response:
    """Make a token and show it, once."""
    wish = CreateToken(visit.me.name, None, visit.field("note", limit=200), visit.me.identity, _scope(visit))
    made = visit.app.create_token(wish)
    return _tokens(visit, text=made.text)


def drop_token(visit: Visit) -> Response:
    """Revoke a token of mine."""
    visit.app.do(revoke_token, RevokeToken(visit.path["token"], visit.actor))
    return visit.go("/account/tokens/", said="The token is revoked: it works no longer.")


def mass_form(visit: Visit) -> Response:
    """How many tokens there are, and which to revoke."""
    with visit.app.database.read() as sql:
        working = sa.select(sa.func.count()).select_from(api_token).where(api_token.c.revoked_at.is_(None))
        return visit.page("admin_tokens.html", working=sql.execute(working).scalar_one())


def drop_many(visit: Visit) -> Response:
    """Revoke the tokens that meet every condition."""
    days = _days(visit, "older_than")
    wish = RevokeMany(
        visit.field("reason", limit=1000, required=True),
        visit.field("user", limit=100),
        visit.field("project", limit=100),
        timedelta(days=days) if days is not None else None,
        everything=visit.field("everything") == "yes",
        by=visit.actor,
    )
    gone = revoke_many(visit.app.deeds, wish)
    return visit.go("/admin/tokens/", said=f"Tokens revoked: {gone.tokens}, of {gone.accounts} accounts.")


def _scope(visit: Visit) -> Scope:
    """What the form says. No action marked means every action."""
    days = _days(visit, "expires")
    version = visit.field("version", limit=200)
    return scope_for(
        projects=_several(visit.field("project", limit=4000)),
        versions=[version] if version else (),
        actions=[action for action in ACTIONS if visit.field(f"may-{action}") == "yes"],
        networks=_several(visit.field("networks", limit=2000)),
        expires=visit.app.clock.now() + timedelta(days=days) if days is not None else None,
    )


def _several(text: str) -> list[str]:
    return [part for part in _SEPARATORS.split(text) if part]


def _days(visit: Visit, name: str) -> int | None:
    text = visit.field(name, limit=10)
    if not text:
        return None
    days = number_of(text)
    if days is None or days > MOST_DAYS:
        raise Rejected("bad-days", name, f"{text!r} is no number of days", f"0 to {MOST_DAYS}, or nothing")
    return days


def _tokens(visit: Visit, *, text: str) -> Response:
    with visit.app.database.read() as sql:
        rows = tokens_of(sql, visit.me.id)
        projects = [name for name, role in rights.projects_of(sql, visit.me.id).items() if role]
    return visit.page(
        "tokens.html", rows=rows, projects=projects, text=text, now=visit.app.clock.now(), spans=SPANS,
        usual=USUAL_SPAN, actions=ACTIONS,
    )  # fmt: skip
