"""The API tokens of one person."""

from __future__ import annotations

from starlette.responses import Response

from customhouse.accounts.tokens import CreateToken, RevokeToken, revoke_token, tokens_of
from customhouse.catalog import rights
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def token_doors() -> list[Door]:
    """The doors of API tokens."""
    return [
        door("GET", "/account/tokens/", tokens_page, Permission.ACCOUNT_DANGER_FORM),
        door("POST", "/account/tokens/", new_token, Permission.ACCOUNT_DANGER),
        door("POST", "/account/tokens/{token}/revoke/", drop_token, Permission.ACCOUNT_WRITE),
    ]


def tokens_page(visit: Visit) -> Response:
    """My API tokens."""
    return _tokens(visit, text="")


def new_token(visit: Visit) -> Response:
    """Make a token and show it, once."""
    project, note = visit.field("project", limit=100) or None, visit.field("note", limit=200)
    made = visit.app.create_token(CreateToken(visit.me.name, project, note, visit.me.identity))
    return _tokens(visit, text=made.text)


def drop_token(visit: Visit) -> Response:
    """Revoke a token of mine."""
    visit.app.do(revoke_token, RevokeToken(visit.path["token"], visit.actor))
    return visit.go("/account/tokens/", said="The token is revoked: it works no longer.")


def _tokens(visit: Visit, *, text: str) -> Response:
    with visit.app.database.read() as sql:
        rows = tokens_of(sql, visit.me.id)
        projects = [name for name, role in rights.projects_of(sql, visit.me.id).items() if role]
    return visit.page("tokens.html", rows=rows, projects=projects, text=text)
