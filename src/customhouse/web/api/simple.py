"""What `serve` does not find ready: pages to render, addresses to redirect, files whose gate is missing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

from customhouse.accounts import index_flags, sessions
from customhouse.app import App
from customhouse.catalog import queries, rights
from customhouse.formats.filenames import parse_filename
from customhouse.index.render import Rendered
from customhouse.infra.count_spool import READER
from customhouse.serve.asgi import METADATA, Serve
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import NOBODY, Actor
from customhouse.terms.names import ProjectName, normalize
from customhouse.web.credentials import client_of, token_of
from customhouse.web.facts import unknown_project
from customhouse.web.visit import SESSION_COOKIE


@dataclass(frozen=True)
class Missing:
    """Renders a missing page and answers through `serve`, so that both roads send the same bytes."""

    app: App
    serve: Serve

    async def page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``/simple/NAME/``: redirect to the normalised address, else render."""
        request = Request(scope, receive)
        text = request.path_params["name"]
        name = _known_spelling(text)
        if text != name or not scope["path"].endswith("/"):
            await RedirectResponse(_up(scope) + quote(name) + "/", 301)(scope, receive, send)
            return
        rendered, _private, _reader = await anyio.to_thread.run_sync(self._rendered, request, name)
        if rendered is None or rendered.json is None or rendered.html is None:
            raise unknown_project(text)
        json, html = rendered.json, rendered.html
        await self.serve.send_page(scope, send, lambda format_: json if format_ == "json" else html)

    async def listing(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """``/simple/``: the list of projects."""
        rendered = await anyio.to_thread.run_sync(self.app.renderer.render_list)
        json, html = rendered.json, rendered.html
        if json is None or html is None:
            raise LookupError("the list of projects always has pages")
        await self.serve.send_page(scope, send, lambda format_: json if format_ == "json" else html)

    async def file(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``/files/NAME/FILENAME`` whose gate is not ready: render the project, then ask its gates."""
        request = Request(scope, receive)
        project, filename = request.path_params["project"], request.path_params["filename"]
        rendered, private, reader = None, False, NOBODY
        if normalize(project) == project:
            name, version = _known_spelling(project), version_of_file(filename.removesuffix(METADATA))
            rendered, private, reader = await anyio.to_thread.run_sync(self._rendered, request, name, version)
        if reader.account_id is not None:
            scope[READER] = reader.account_id
        gates = {gate.filename: gate for gate in rendered.gates} if rendered else {}
        gate = gates.get(filename.removesuffix(METADATA))
        if gate is None or not await self.serve.send_gated(scope, send, gate, private=private):
            raise Refused("unknown-file", "There is no such file here.", status=404)

    def _rendered(self, request: Request, name: str, version: str | None = None) -> tuple[Rendered | None, bool, Actor]:
        """A public project, or a private one for whoever may read it; whether it is private, and then who reads it."""
        rendered = self.app.renderer.render(name)
        if rendered is not None:
            return rendered, False, NOBODY
        actor = reader_of(self.app, request)
        with self.app.database.read() as sql:
            found = queries.find_project(sql, name)
            may = found is not None and rights.standing(sql, found, actor, "read", version).reads
        return (self.app.renderer.render_private(name) if may else None), True, actor


def reader_of(app: App, request: Request) -> Actor:
    """Who asks: by an API token, as installers can, or by the session of a browser.

    Credentials that are wrong are refused for every name alike, so that nobody learns which names exist.
    """
    authorization = request.headers.get("authorization")
    address = client_of(app.settings, request)
    with app.database.read() as sql:
        index_flags.refuse_banned(sql, address)
        if authorization is None:
            cookie = request.cookies.get(SESSION_COOKIE)
            session = cookie and sessions.find_session(sql, cookie, app.clock.now(), app.lifetimes)
            return session.user.actor if session else NOBODY
    return app.authenticate(token_of(authorization), address).actor


def version_of_file(filename: str) -> str | None:
    """The version that a file's name says, for tokens that are for some versions only."""
    try:
        return str(parse_filename(filename).version)
    except Rejected:
        return None


def _known_spelling(text: str) -> str:
    """The normalised name; what is no name is answered like an unknown one."""
    try:
        return ProjectName.parse(text).normalized
    except Rejected as error:
        raise unknown_project(text) from error


def _up(scope: Scope) -> str:
    """From ``/simple/Foo`` or ``/simple/Foo/`` to the folder of projects, relative, so that any prefix stays."""
    return "../" if scope["path"].endswith("/") else ""
