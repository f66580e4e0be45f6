"""One request to a page or to the JSON API: who came, with what, and how he is answered."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from customhouse.accounts import sessions
from customhouse.accounts.devices import Browser
from customhouse.accounts.sessions import Session
from customhouse.accounts.tokens import Bearer
from customhouse.accounts.users import User
from customhouse.app import App
from customhouse.catalog.model import Project
from customhouse.catalog.rights import Standing
from customhouse.formats.negotiate import accepts_gzip
from customhouse.index.recovery.concern import own_cases
from customhouse.serve.conditions import none_match
from customhouse.terms.digest import Digest
from customhouse.terms.encode import base64url, from_base64url
from customhouse.terms.errors import Rejected
from customhouse.terms.identity import NOBODY, Actor
from customhouse.web import render
from customhouse.web.address import site_url
from customhouse.web.headers import Script, page_headers

SESSION_COOKIE = "__Host-session"
FORM_COOKIE = "__Host-form"
DEVICE_COOKIE = "__Host-browser"
SAID_COOKIE = "__Host-said"
_COOKIE_FLAGS = "Path=/; Secure; HttpOnly; SameSite=Lax"
_GZIP_FLOOR_BYTES = 1000
_GZIP_LEVEL = 1
SAID_LENGTH = 600
DEVICE_COOKIE_SECONDS = 400 * 24 * 3600
"""The longest that browsers keep a cookie."""


@dataclass
class Visit:
    """What a handler is given. It has been authenticated, and is allowed to be here."""

    app: App
    request: Request
    form: Mapping[str, str]
    """The fields of a posted form or the members of a posted JSON object; the last of several wins."""
    address: str
    """The client's address, as far as the front ends are trusted."""
    session: Session | None = None
    bearer: Bearer | None = None
    project: Project | None = None
    standing: Standing = field(default_factory=Standing)
    cookies: list[str] = field(default_factory=list)
    names_host: bool = False
    """The answer holds the Host that was asked, so no shared cache may keep it (A38)."""

    @property
    def path(self) -> Mapping[str, str]:
        """The parameters in the address."""
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters behind the question mark; the last of several wins."""
        return self.request.query_params

    @property
    def user(self) -> User | None:
        """Who came, or None."""
        if self.session is not None:
            return self.session.user
        return self.bearer.user if self.bearer is not None else None

    @property
    def me(self) -> User:
        """Who came, behind a door that lets nobody else in."""
        if self.user is None:
            raise LookupError("this door lets in only who is signed in")
        return self.user

    @property
    def actor(self) -> Actor:
        """Who came, as somebody who wants something done."""
        if self.session is not None:
            return self.session.user.actor
        return self.bearer.actor if self.bearer is not None else NOBODY

    @property
    def this_project(self) -> Project:
        """The project that the address names, behind a door that has found it."""
        if self.project is None:
            raise LookupError("this door looks up no project")
        return self.project

    @property
    def site(self) -> str:
        """The address of this index, without a slash at the end."""
        self.names_host = self.names_host or not self.app.settings.url
        return site_url(self.app.settings, self.request)

    @cached_property
    def own_cookie(self) -> str:
        """What this browser alone holds: its session's cookie. Somebody without a session gets one for his forms."""
        cookie = self.request.cookies.get(SESSION_COOKIE) if self.session is not None else None
        cookie = cookie or self.request.cookies.get(FORM_COOKIE)
        if cookie is None:
            cookie = sessions.new_cookie()
            self.cookies.append(f"{FORM_COOKIE}={cookie}; {_COOKIE_FLAGS}")
        return cookie

    @cached_property
    def csrf(self) -> str:
        """The token for forms, which only this browser can send."""
        return sessions.form_token(self.app.key, self.own_cookie)

    def field(self, name: str, *, limit: int = 2000, required: bool = False) -> str:
        """One field of the form, without blanks around it; raises `Rejected` if it is missing or too long."""
        text = self.form.get(name, "").strip()
        if required and not text:
            raise Rejected("missing-field", name, "is empty", "something")
        if len(text) > limit:
            raise Rejected("field-too-long", name, f"{len(text)} characters", f"at most {limit}")
        return text

    def page(
        self, template: str, *, status: int = 200, kept: bool = False, script: Script | None = None, **values: Any
    ) -> Response:
        """A page. ``kept``: strangers' browsers and caches may keep it and ask whether it has changed."""
        said = self._said()
        values |= {"visit": self, "user": self.user, "said": said, "script": script, "asked_for": self._asked_for()}
        body = render.page(template, values)
        headers = page_headers(script)
        # A form's token belongs to one browser, whether its cookie is new or not.
        personal = self.session is not None or said or self.cookies or "csrf" in self.__dict__
        if not kept or personal:
            headers |= {"cache-control": "private, no-store", "vary": "Cookie"}
            return self._dressed(Response(body, status, headers=headers))
        headers |= {"cache-control": self.kept_as("no-cache"), "vary": "Accept-Encoding, Cookie"}
        return self._dressed(_conditional(self.request, body, status, headers))

    def kept_as(self, cache: str) -> str:
        """What caches are told of an answer that strangers may see: ``cache``, unless another could have chosen it.

        An answer that holds the Host that was asked is only for the one who asked.
        """
        return "private, no-cache" if self.names_host else cache

    def json(self, value: Any, *, status: int = 200, kept: bool = False) -> Response:
        """A JSON answer; ``kept`` as for pages."""
        body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        headers = {"content-type": "application/json", "x-content-type-options": "nosniff"}
        if not kept or self.user is not None:
            return Response(body, status, headers=headers | {"cache-control": "private, no-store"})
        headers |= {"cache-control": self.kept_as("no-cache"), "vary": "Accept-Encoding, Authorization"}
        return _conditional(self.request, body, status, headers)

    def go(self, address: str, *, said: str = "") -> Response:
        """Send the browser to another page of ours, with a sentence to show there."""
        if said:
            kept = self.app.key.stamp("said", base64url(said[:SAID_LENGTH].encode()))
            self.cookies.append(f"{SAID_COOKIE}={kept}; Max-Age=60; {_COOKIE_FLAGS}")
        headers = {"location": address, "cache-control": "no-store", "referrer-policy": "no-referrer"}
        return self._dressed(Response(status_code=303, headers=headers))

    def start_session(self, cookie: str) -> None:
        """Give the browser its session."""
        life = self.app.settings.session_life_seconds
        self.cookies.append(f"{SESSION_COOKIE}={cookie}; Max-Age={life}; {_COOKIE_FLAGS}")

    def know_browser(self, cookie: str | None) -> None:
        """Give the browser the cookie by which it is known from now on, if it needs one."""
        if cookie is not None:
            self.cookies.append(f"{DEVICE_COOKIE}={cookie}; Max-Age={DEVICE_COOKIE_SECONDS}; {_COOKIE_FLAGS}")

    @property
    def browser(self) -> Browser:
        """What the browser shows of itself."""
        agent = self.request.headers.get("user-agent", "")
        return Browser(self.address, agent, self.request.cookies.get(DEVICE_COOKIE, ""))

    def end_session(self) -> None:
        """Take the browser's session away."""
        self.cookies.append(f"{SESSION_COOKIE}=; Max-Age=0; {_COOKIE_FLAGS}")

    def _asked_for(self) -> bool:
        """Whether somebody asks to get this visitor's account back: every page of his session says so."""
        if self.session is None:
            return False
        with self.app.database.read() as sql:
            return own_cases(sql, self.session.user.id) > 0

    def _dressed(self, response: Response) -> Response:
        for cookie in self.cookies:
            response.headers.append("set-cookie", cookie)
        return response

    def _said(self) -> str:
        """The sentence that the last page has left for this one, if it is ours; it is shown once."""
        kept = self.request.cookies.get(SAID_COOKIE)
        if not kept:
            return ""
        self.cookies.append(f"{SAID_COOKIE}=; Max-Age=0; {_COOKIE_FLAGS}")
        packed = self.app.key.stamped("said", kept)
        return from_base64url(packed).decode() if packed is not None else ""


def _conditional(request: Request, body: bytes, status: int, headers: dict[str, str]) -> Response:
    """With an ETag for each representation, packed if that is wanted, and 304 if the client has it."""
    etag = f'"{Digest.of(body).hex[:32]}"'
    if len(body) > _GZIP_FLOOR_BYTES and accepts_gzip(request.headers.get("accept-encoding")):
        body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        etag = f'{etag[:-1]}-gzip"'
        headers["content-encoding"] = "gzip"
    headers["etag"] = etag
    if status == 200 and none_match(request.headers.get("if-none-match"), etag):  # noqa: PLR2004 - HTTP's own number
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers=headers)
