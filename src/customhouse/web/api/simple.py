"""What `serve` does not find ready: pages to render, addresses to redirect, files whose gate is missing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

from customhouse.app import App
from customhouse.serve.asgi import METADATA, Serve
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.names import ProjectName, normalize
from customhouse.web.facts import unknown_project


@dataclass(frozen=True)
class Missing:
    """Renders a missing page and answers through `serve`, so that both roads send the same bytes."""

    app: App
    serve: Serve

    async def page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``/simple/NAME/``: redirect to the normalised address, else render."""
        text = Request(scope, receive).path_params["name"]
        name = _known_spelling(text)
        if text != name or not scope["path"].endswith("/"):
            await RedirectResponse(_up(scope) + quote(name) + "/", 301)(scope, receive, send)
            return
        rendered = await anyio.to_thread.run_sync(self.app.renderer.render, name)
        if rendered is None:
            raise unknown_project(text)
        await self.serve.send_page(scope, send, lambda format_: rendered.json if format_ == "json" else rendered.html)

    async def listing(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """``/simple/``: the list of projects."""
        rendered = await anyio.to_thread.run_sync(self.app.renderer.render_list)
        await self.serve.send_page(scope, send, lambda format_: rendered.json if format_ == "json" else rendered.html)

    async def file(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``/files/NAME/FILENAME`` whose gate is not ready: render the project, then ask its gates."""
        parameters = Request(scope, receive).path_params
        project, filename = parameters["project"], parameters["filename"]
        rendered = None
        if normalize(project) == project:
            rendered = await anyio.to_thread.run_sync(self.app.renderer.render, _known_spelling(project))
        gates = {gate.filename: gate for gate in rendered.gates} if rendered else {}
        gate = gates.get(filename.removesuffix(METADATA))
        if gate is None or not await self.serve.send_gated(scope, send, gate):
            raise Refused("unknown-file", "There is no such file here.", status=404)


def _known_spelling(text: str) -> str:
    """The normalised name; what is no name is answered like an unknown one."""
    try:
        return ProjectName.parse(text).normalized
    except Rejected as error:
        raise unknown_project(text) from error


def _up(scope: Scope) -> str:
    """From ``/simple/Foo`` or ``/simple/Foo/`` to the folder of projects, relative, so that any prefix stays."""
    return "../" if scope["path"].endswith("/") else ""
