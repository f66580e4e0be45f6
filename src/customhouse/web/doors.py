"""Doors: a route with one permission, checked before its handler runs.

In this order: the body is read within bounds; the visitor's network; who he is (a session cookie, or under ``/api/`` an
API token); whether a form is really ours (CSRF); what the permission asks; whether a dangerous page wants the password
again. Whoever may not know of a project is told that there is none.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import anyio.to_thread
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from customhouse.accounts import factors, index_flags, sessions, terms
from customhouse.app import App
from customhouse.catalog import organizations, queries, rights
from customhouse.index.mandates.staff import refuse_unless_staff_ready
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.names import normalize
from customhouse.web.body import read_body
from customhouse.web.credentials import client_of, token_of
from customhouse.web.facts import unknown_project
from customhouse.web.permissions import TOKEN_ACTIONS, Need, Permission
from customhouse.web.visit import FORM_COOKIE, SESSION_COOKIE, Visit

Handler = Callable[[Visit], Response]

BODY_BYTES = 128 * 1024
MAX_FIELDS = 200
READS = ("GET", "HEAD")
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*+"')
FLAT_JSON = "a JSON object in UTF-8 whose values are texts, numbers, true, false, or lists of texts"
API = "/api/"
_SIGNED_IN = frozenset(Need) - {Need.ANYBODY, Need.READER, Need.OWN_CHECK}
_OF_PROJECT = frozenset({Need.READER, Need.MAINTAINER, Need.OWNER})
_OF_STAFF = frozenset({Need.SUPPORT, Need.OPERATOR})
_OF_ORGANIZATION = {
    Need.MEMBER: ("owner", "manager", "member"),
    Need.MANAGER: ("owner", "manager"),
    Need.ORGANIZATION_OWNER: ("owner",),
}


class Door(Route):
    """A route for one verb, with the permission that it asks for."""

    def __init__(self, verb: str, path: str, endpoint: Callable[..., Any], permission: Permission) -> None:
        super().__init__(path, endpoint, methods=[verb])
        self.verb = verb
        self.permission = permission


def door(
    verb: str, path: str, handler: Handler, permission: Permission, *, body_bytes: int = BODY_BYTES
) -> Door:  # fmt: skip
    """A door whose handler takes a `Visit` that has passed every check. ``body_bytes`` is the most that it reads."""

    async def endpoint(request: Request) -> Response:
        body = b"" if request.method in READS else await read_body(request, body_bytes)
        return await anyio.to_thread.run_sync(_answer, request, body, handler, permission)

    return Door(verb, path, endpoint, permission)


class _Raw:
    """An ASGI endpoint that Starlette's Route takes as it is, with the errors of the others."""

    def __init__(self, answer: ASGIApp) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)


def raw_door(verb: str, path: str, answer: ASGIApp, permission: Permission) -> Door:
    """A door for an ASGI application that checks what it must by itself."""
    return Door(verb, path, _Raw(answer), permission)


def own_door(verb: str, path: str, handler: Callable[[Request], Awaitable[Response]], permission: Permission) -> Door:
    """A door for an asynchronous handler that authenticates by itself, because it takes bytes."""
    return Door(verb, path, handler, permission)


def _answer(request: Request, body: bytes, handler: Handler, permission: Permission) -> Response:
    app: App = request.app.state.customhouse
    visit = Visit(app, request, _fields(request, body) if body else {}, client_of(app.settings, request))
    _refuse_null(visit)
    anybody = permission is Permission.PUBLIC_READ and not request.cookies
    if not anybody:
        with app.database.read() as sql:
            index_flags.refuse_banned(sql, visit.address)
            _identify(visit, sql)
            if permission.writes:
                _check_form(visit)
            _check_permission(visit, sql, permission)
            if permission.writes and not _may_always(request):
                index_flags.refuse_if_flagged(sql, actor=visit.actor)
        _touch(visit)
    if permission.proved and (moved := want_proof(visit)) is not None:
        return moved
    if (moved := _want_agreement(visit)) is not None:
        return moved
    return handler(visit)


def _refuse_null(visit: Visit) -> None:
    """No text of ours holds the character 0, and PostgreSQL stores none."""
    for where, texts in (("address", visit.path), ("query", visit.query), ("body", visit.form)):
        for name, text in texts.items():
            if "\0" in text or "\0" in name:
                raise Rejected("null-character", where, f"{name[:80]!r} holds the character 0", "text without it")


def _may_always(request: Request) -> bool:
    """Signing in and out go on while the index is read-only."""
    ways = ("/account/sign-", "/account/again/", "/account/second/", "/account/passkey/", "/account/browser/")
    return request.url.path.startswith(ways)


def _fields(request: Request, body: bytes) -> Mapping[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        try:
            pairs = parse_qsl(
                body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict", strict_parsing=False
            )
        except (UnicodeDecodeError, ValueError) as error:
            raise Rejected("bad-form", "body", "the form cannot be read", "a form in UTF-8") from error
        return dict(pairs)
    if kind == "application/json" and request.url.path.startswith(API):
        return _json_fields(body)
    raise Refused(
        "bad-content-type", f"A body of the type {kind[:80]!r} is not taken here.",
        "application/json under /api/, application/x-www-form-urlencoded elsewhere.", status=415,
    )  # fmt: skip


def _json_fields(body: bytes) -> Mapping[str, str]:
    """A flat JSON object: numbers and booleans as text, lists of texts as lines (A47: nothing nested is read)."""
    outside = _TEXTS.sub(b"", body)
    if outside.count(b"[") + outside.count(b"{") > MAX_FIELDS:
        raise Rejected("bad-json", "body", "is nested too deeply", FLAT_JSON)
    try:
        value = json.loads(body.decode(), object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
        # Half a surrogate pair can be written in JSON and not in UTF-8.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Rejected("bad-json", "body", f"cannot be read: {str(error)[:100]}", FLAT_JSON) from error
    if not isinstance(value, dict):
        raise Rejected("bad-json", "body", "is no object", FLAT_JSON)
    return {key: _as_text(key, one) for key, one in value.items() if one is not None}


def _as_text(key: str, value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
        case list() if all(isinstance(line, str) for line in value):
            return "\n".join(value)
        case _:
            raise Rejected("bad-json", key[:80], "is neither text nor number", FLAT_JSON)


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _identify(visit: Visit, sql: Connection) -> None:
    """Who came. Cookies count nowhere under ``/api/``, tokens nowhere else, so no page can be driven by a token."""
    request = visit.request
    if request.url.path.startswith(API):
        if request.headers.get("authorization"):
            visit.bearer = visit.app.authenticate(token_of(request.headers.get("authorization")), visit.address)
        return
    cookie = request.cookies.get(SESSION_COOKIE)
    if cookie:
        visit.session = sessions.find_session(sql, cookie, visit.app.clock.now(), visit.app.lifetimes)


def _check_form(visit: Visit) -> None:
    """A form must come from a page of ours, and from this very browser (A6). Tokens need no such proof."""
    request = visit.request
    if request.url.path.startswith(API):
        return
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() not in _our_hosts(visit):
        raise _foreign_form()
    if origin is None and request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise _foreign_form()
    cookie = request.cookies.get(SESSION_COOKIE) if visit.session is not None else request.cookies.get(FORM_COOKIE)
    sent = visit.form.get("csrf", "")
    expected = sessions.form_token(visit.app.key, cookie) if cookie else ""
    if not cookie or not hmac.compare_digest(expected.encode(), sent.encode()):
        raise _foreign_form()


def _our_hosts(visit: Visit) -> set[str]:
    return {urlsplit(visit.site).netloc.lower(), visit.request.headers.get("host", "").lower()} - {""}


def _foreign_form() -> Refused:
    return Refused(
        "foreign-form",
        "This form does not come from a page of this index that was opened in this browser, or it is too old.",
        "Go back, load the page again, and send the form once more.",
    )


def _check_permission(visit: Visit, sql: Connection, permission: Permission) -> None:
    need = permission.need
    if visit.bearer is not None and need is not Need.ANYBODY:
        _check_scope(visit, permission)
    if need in _OF_PROJECT:
        _find_project(visit, sql, permission)
    if need in _SIGNED_IN and visit.user is None:
        raise _not_signed_in(visit)
    allowed = {
        Need.MAINTAINER: visit.standing.role is not None or visit.actor.operator,
        Need.OWNER: visit.standing.role == "owner" or visit.actor.operator,
        Need.SUPPORT: visit.session is not None and visit.session.user.site_role in ("support", "operator"),
        Need.OPERATOR: visit.session is not None and visit.session.user.site_role == "operator",
    }
    if need in _OF_ORGANIZATION:
        role = organizations.role_in(sql, visit.path["organization"], visit.me.id)
        if role is None and not visit.actor.operator:
            raise organizations.unknown_organization(visit.path["organization"])
        allowed[need] = role in _OF_ORGANIZATION[need] or visit.actor.operator
    if not allowed.get(need, True):
        raise Refused("not-allowed", f"This is only for {need.value}.", "Ask one of them, or sign in as one.")
    if need in _OF_STAFF:
        refuse_unless_staff_ready(sql, visit.me.id, visit.app.clock.now(), visit.app.settings.public_url)


def _check_scope(visit: Visit, permission: Permission) -> None:
    """A limited token opens only the doors of its own actions.

    It is judged by the address alone, so that no answer depends on what is there. What everybody may read, it may.
    """
    scope, action = visit.actor.scope, TOKEN_ACTIONS.get(permission)
    if action is None and not scope.whole:
        raise Refused(
            "token-scope",
            "This token is for a part of your account, and whoever finds it should not speak for you.",
            "Use a token for your whole account.",
        )
    if action is not None and permission.writes:
        name = visit.path.get("name")
        refusal = scope.refusal(action, normalize(name) if name else None, visit.path.get("version"))
        if refusal is not None:
            raise refusal


def _find_project(visit: Visit, sql: Connection, permission: Permission) -> None:
    """The project that the address names. Whoever may not know of it hears what he would hear if there were none."""
    text, need = visit.path["name"], permission.need
    found = queries.find_project(sql, normalize(text))
    if found is None:
        raise unknown_project(text) if need is Need.READER or visit.user is not None else _not_signed_in(visit)
    action = TOKEN_ACTIONS.get(permission, "read")
    visit.standing = rights.standing(sql, found, visit.actor, action, visit.path.get("version"))
    # A deleted project is still there for those who can restore it.
    gone = found.deleted_at is not None and (need is Need.READER or not _acts_for(visit))
    if not visit.standing.reads or gone:
        raise unknown_project(text) if need is Need.READER or visit.user is not None else _not_signed_in(visit)
    visit.project = found


def _acts_for(visit: Visit) -> bool:
    return visit.standing.role is not None or visit.actor.operator


def _not_signed_in(visit: Visit) -> Refused:
    if visit.request.url.path.startswith(API):
        return Refused(
            "no-token", "This needs an API token.", "Use the user name __token__ and the token as the password.",
            status=HTTPStatus.UNAUTHORIZED,
        )  # fmt: skip
    return NotSignedIn(visit.request)


class NotSignedIn(Refused):
    """Nobody is signed in: a browser is sent to the sign-in page, and from there to where it wanted to go."""

    def __init__(self, request: Request) -> None:
        wanted = request.url.path if request.method in READS else "/account/"
        self.address = f"/account/sign-in/?next={quote(wanted)}"
        super().__init__("not-signed-in", "Sign in first.", f"{self.address}", status=HTTPStatus.UNAUTHORIZED)


def _touch(visit: Visit) -> None:
    """Note that the session is in use, now and then; a busy database is no reason to turn anybody away."""
    found = visit.session
    now = visit.app.clock.now()
    if found is not None and now - found.seen_at > sessions.SEEN_EVERY:
        with visit.app.database.write() as sql:
            sessions.touch(sql, found, now)


def want_proof(visit: Visit, onward: str = "") -> Response | None:
    """The way to the page that asks who one is, unless that was proved a short while ago, and strongly enough.

    ``onward`` is where the way leads then, if it is not this page.
    """
    found = visit.session
    if found is None:
        return None
    age = visit.app.clock.now() - found.proved_at
    if age.total_seconds() <= visit.app.settings.proof_seconds:
        with visit.app.database.read() as sql:
            strongest = factors.strongest_of(sql, found.user.id)
        if factors.is_strong_enough(strongest, found.proved_by):
            return None
    reads = visit.request.method in READS
    wanted = onward or (visit.request.url.path if reads else _referring_path(visit))
    said = "" if reads and not onward else "Prove who you are, then do it again."
    return visit.go(f"/account/again/?next={quote(wanted)}", said=said)


def _want_agreement(visit: Visit) -> Response | None:
    """The way to the terms of use, for whoever has not agreed to them and opens the overview or a page to manage with.

    Nothing else is held up, so that nobody is kept from looking after his account; uploads have a rule of their own.
    """
    path = visit.request.url.path
    if visit.session is None or visit.request.method not in READS:
        return None
    if path != "/account/" and not path.startswith("/manage/"):
        return None
    with visit.app.database.read() as sql:
        if not terms.owes_agreement(sql, visit.session.user.id):
            return None
    return visit.go(f"/account/terms/?next={quote(path)}")


def _referring_path(visit: Visit) -> str:
    """The page whose form was sent: dangerous forms stand at their own address, or one step above."""
    return visit.form.get("back", "") or visit.request.url.path
