"""What `serve` does not find ready of a view: pages to render, files that are not here yet, addresses to redirect."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal
from urllib.parse import quote

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

from customhouse.app import App
from customhouse.catalog import queries, rights
from customhouse.formats.decision_line import Asked
from customhouse.infra.pages import Gate
from customhouse.mirror.model import Inspected
from customhouse.serve.asgi import METADATA, Serve
from customhouse.serve.fetching import send_fetching
from customhouse.serve.view import said_of_offered
from customhouse.terms.errors import CustomhouseError, Refused, Rejected
from customhouse.terms.names import ProjectName, normalize
from customhouse.views.model import HOSTED, Offered, View
from customhouse.views.offering import FILES_WITHIN, FRESH, STALE
from customhouse.views.render import RenderedView, under
from customhouse.web.api.simple import reader_of, version_of_file
from customhouse.web.api.view_facts import view_facts_doors
from customhouse.web.doors import Door, raw_door
from customhouse.web.facts import unknown_project
from customhouse.web.permissions import Permission

log = logging.getLogger("customhouse.views")

METADATA_THREADS = anyio.CapacityLimiter(40)
"""Whoever waits for metadata of an upstream that is slow takes no thread from those who want anything else."""
RENEWING_THREADS = 2
SETTLED_SECONDS = 1.0
"""An install that asks for the metadata of a file soon asks for the file: what has come is looked at once, after it."""


@dataclass(frozen=True)
class ViewDoors:
    """The doors of views for installers."""

    app: App
    serve: Serve

    def doors(self) -> list[Door]:
        """All of them."""
        read = Permission.PROJECT_READ
        return [
            raw_door("GET", "/view/{view}/simple/", self.listing, Permission.PUBLIC_READ),
            raw_door("GET", "/view/{view}/simple/{name}/", self.page, read),
            raw_door("GET", "/view/{view}/simple/{name}", self.page, read),
            raw_door("GET", "/view/{view}/files/{project}/{filename}", self.file, read),
            *view_facts_doors(),
        ]

    async def listing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``/view/V/simple/``: the names that are hosted, and those of upstreams that are known here."""
        request = Request(scope, receive)
        view = await anyio.to_thread.run_sync(self.app.views.get, request.path_params["view"])
        json, html = await anyio.to_thread.run_sync(self.app.view_renderer.render_list, view)
        await self.serve.send_page(scope, send, lambda format_: json if format_ == "json" else html)

    async def page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``/view/V/simple/P/``: redirect to the normalised address, else render."""
        request = Request(scope, receive)
        text = request.path_params["name"]
        name = _known_spelling(text)
        if text != name or not scope["path"].endswith("/"):
            up = "../" if scope["path"].endswith("/") else ""
            await RedirectResponse(up + quote(name) + "/", 301)(scope, receive, send)
            return
        view, rendered, private = await anyio.to_thread.run_sync(self._rendered, request, name, STALE, None)
        if rendered is None or rendered.json is None or rendered.html is None:
            self._note_unknown(scope, Asked(view.name, "page", name, verdict="unknown"))
            raise unknown_project(text)
        json, html = rendered.json, rendered.html
        if not private and self.app.clock.now().timestamp() >= rendered.edition.renew_at and self.serve.renew:
            self.serve.renew(view.name, name)
        await self.serve.send_offer(
            scope, send, lambda format_: json if format_ == "json" else html, rendered.edition, private=private
        )

    async def file(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``/view/V/files/P/FILENAME`` whose gate is not ready, or leads to what is not here yet."""
        request = Request(scope, receive)
        project, asked = request.path_params["project"], request.path_params["filename"]
        filename, metadata = asked.removesuffix(METADATA), asked.endswith(METADATA)
        version = version_of_file(filename)
        if normalize(project) != project:
            raise _unknown_file()
        name = _known_spelling(project)
        view, rendered, private = await anyio.to_thread.run_sync(self._offering, request, name, version)
        gate = rendered.gate(filename) if rendered is not None else None
        if rendered is None or gate is None:
            kind: Literal["file", "metadata"] = "metadata" if metadata else "file"
            self._note_unknown(scope, Asked(view.name, kind, name, filename, version or "", "unknown"))
            raise _unknown_file()
        if gate.verdict in ("allow", "warn") and gate.origin != HOSTED:
            await self._fetched(scope, receive, send, view, rendered, gate)
        elif not await self.serve.send_offered(scope, send, gate, rendered.edition.warning, private=private):
            raise _unknown_file()

    async def _fetched(
        self, scope: Scope, receive: Receive, send: Send, view: View, rendered: RenderedView, gate: Gate
    ) -> None:
        """A file of an upstream, or its metadata, that is perhaps not here yet."""
        offered, objects = rendered.offered, self.app.objects
        if offered is None or offered.mirrored is None:
            raise _unknown_file()
        mirrored, warning = offered.mirrored, rendered.edition.warning
        file = next(one for one in mirrored.files if one.filename == gate.filename)
        if scope["path"].endswith(METADATA):
            digest, size_bytes = gate.metadata_digest, gate.metadata_size_bytes
            if not digest:
                # The page stays as it is until the file itself comes: nothing is rendered anew because of this.
                found = await anyio.to_thread.run_sync(objects.metadata, file, mirrored, limiter=METADATA_THREADS)
                digest, size_bytes = found
            gate = replace(gate, metadata_digest=digest, metadata_size_bytes=size_bytes)
            await self.serve.send_offered(scope, send, gate, warning)
            return
        asks = file.inspected is None and await anyio.to_thread.run_sync(self.app.views.looks_inside, view)
        judge = _Judge(self.app, view, offered, gate) if asks else None
        try:
            coming = await anyio.to_thread.run_sync(objects.open, file, mirrored, judge)
            self.serve.note_file(scope, gate)
            await send_fetching(scope, receive, send, coming, said_of_offered(gate, warning))
        except NotLetIn as refusal:
            self.serve.note_file(scope, refusal.gate)
            await self.serve.refuse_file(scope, send, refusal.gate)
        self._look_again(view, gate)

    def _look_again(self, view: View, gate: Gate) -> None:
        """More is known now than when the page was rendered: where the file lies, and what is in it."""
        if self.serve.renew is not None:
            self.serve.renew(view.name, gate.project, SETTLED_SECONDS)

    def _offering(self, request: Request, name: str, version: str | None) -> tuple[View, RenderedView | None, bool]:
        """What files are handed out by: what has just been rendered, if it holds; else it is rendered."""
        recent = self.app.view_renderer.recent(request.path_params["view"], name)
        return (*recent, False) if recent is not None else self._rendered(request, name, FILES_WITHIN, version)

    def _rendered(
        self, request: Request, name: str, within: timedelta, version: str | None
    ) -> tuple[View, RenderedView | None, bool]:
        """What the view offers of a project; of a private one only for whoever may read it."""
        view = self.app.views.get(request.path_params["view"])
        rendered = self.app.view_renderer.render(view, name, within=within)
        if rendered is not None or not self.app.views.is_private(name):
            return view, rendered, False
        actor = reader_of(self.app, request)
        with self.app.database.read() as sql:
            found = queries.find_project(sql, name)
            may = found is not None and rights.standing(sql, found, actor, "read", version).reads
        return view, (self.app.view_renderer.render_private(view, name) if may else None), True

    def _note_unknown(self, scope: Scope, asked: Asked) -> None:
        if self.serve.note is not None:
            self.serve.note(asked, scope)


class NotLetIn(Refused):
    """The policy does not let a file in, now that somebody has looked into it."""

    def __init__(self, gate: Gate) -> None:
        super().__init__("not-let-in", f"{gate.filename} is not let in: {gate.reason}.")
        self.gate = gate


class _Judge:
    """Asks the policy about a file once it is here, because some of its rules ask what is in it."""

    def __init__(self, app: App, view: View, offered: Offered, gate: Gate) -> None:
        self._app, self._view, self._offered, self._gate = app, view, offered, gate
        self._verdict: CustomhouseError | None = None
        self._asked = False

    def __call__(self, seen: Inspected) -> CustomhouseError | None:
        """Why not, or None."""
        if not self._asked:
            self._verdict = self._ask(seen)
            self._asked = True
        return self._verdict

    def _ask(self, seen: Inspected) -> CustomhouseError | None:
        decision = self._app.views.judge(self._view, self._offered, self._gate.filename, seen)
        if decision.lets_through:
            return None
        return NotLetIn(under(self._gate, decision, {file.version for file in self._offered.page.files}))


@dataclass
class Renewing:
    """Looks at pages of views again in the background, each once at a time."""

    app: App
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(RENEWING_THREADS, thread_name_prefix="renew-view")
    )
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False
    _running: set[tuple[str, str]] = field(default_factory=set)
    _waiting: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, view: str, name: str, seconds: float = 0.0) -> None:
        """Have a page looked at again, not before so many seconds; called where an event loop runs."""
        with self._guard:
            if (view, name) in self._waiting or (not seconds and (view, name) in self._running):
                return
            if seconds:
                self._waiting.add((view, name))
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._begin_waiting, view, name)
        else:
            self._begin(view, name)

    def settle(self) -> None:
        """Wait until nothing is being looked at."""
        with self._guard:
            waiting = list(self._waiting)
        for view, name in waiting:
            self._begin_waiting(view, name)
        for done in [self._pool.submit(_nothing) for _ in range(RENEWING_THREADS)]:
            done.result()
        while True:
            with self._guard:
                if not self._running:
                    return
            self._pool.submit(_nothing).result()

    def close(self) -> None:
        """Begin nothing more, and wait for what runs."""
        with self._guard:
            self._closed = True
        self._pool.shutdown(cancel_futures=True)

    def _begin_waiting(self, view: str, name: str) -> None:
        with self._guard:
            if (view, name) not in self._waiting:
                return
            self._waiting.remove((view, name))
        self._begin(view, name)

    def _begin(self, view: str, name: str) -> None:
        with self._guard:
            if self._closed or (view, name) in self._running:
                return
            self._running.add((view, name))
            self._pool.submit(self._renew, view, name)

    def _renew(self, view: str, name: str) -> None:
        try:
            found = self.app.views.find(view)
            if found is not None:
                self.app.view_renderer.render(found, name, within=FRESH)
        except CustomhouseError as error:
            # The page is served until its edition ends, and then whoever asks is told.
            log.warning("%s in the view %s was not looked at again: %s", name, view, error)
        except Exception:
            log.exception("%s in the view %s was not looked at again", name, view)
        finally:
            with self._guard:
                self._running.discard((view, name))


def _nothing() -> None:
    """What whoever waits has done."""


def _unknown_file() -> Refused:
    return Refused("unknown-file", "There is no such file in this view.", status=404)


def _known_spelling(text: str) -> str:
    """The normalised name; what is no name is answered like an unknown one."""
    try:
        return ProjectName.parse(text).normalized
    except Rejected as error:
        raise unknown_project(text) from error
