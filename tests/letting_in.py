"""A world with a view of an upstream in it, asked as installers ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2 as httpx
from starlette.testclient import TestClient

from clock import TurnableClock
from customhouse.app import open_app
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.views.define import AddView, SetView, add_view, set_view
from customhouse.web.asgi import build
from upstream_world import HTML_TYPE, JSON_TYPE, UpstreamWorld
from world import World

OPEN, BALANCED = 'level = "open"\n', 'level = "balanced"\n'
LONG, MOMENT = timedelta(days=30), timedelta(seconds=61)
_ANCHOR = re.compile(r'<a href="([^"#]+)')


@dataclass
class LettingIn:
    """A world, its upstream, and its view ``main``."""

    world: World
    upstream: UpstreamWorld

    def add(self, name: str, policy: str, upstreams: tuple[str, ...] = ("pypi",)) -> None:
        """Another view."""
        self.world.app.do(add_view, AddView(name, upstreams, policy, self.world.app.upstream_names))

    def set(self, policy: str, view: str = "main") -> None:
        """Another policy."""
        self.world.app.do(set_view, SetView(view, self.world.app.upstream_names, policy=policy))

    def get(self, path: str, view: str = "main", verb: str = "GET", **headers: str) -> httpx.Response:
        """One request below the view; nothing is followed."""
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.world.client.request(verb, f"/view/{view}{path}", headers=sent, follow_redirects=False)

    def page(self, name: str, view: str = "main") -> httpx.Response:
        """A project's page in JSON."""
        return self.get(f"/simple/{name}/", view, accept=JSON_TYPE)

    def document(self, name: str, view: str = "main") -> dict[str, Any]:
        """The same, read."""
        answer = self.page(name, view)
        assert answer.status_code == 200, answer.text
        read: dict[str, Any] = answer.json()
        return read

    def listed(self, name: str, view: str = "main") -> frozenset[str]:
        """The files that the page lists, the same in every representation."""
        found = frozenset(one["filename"] for one in self.document(name, view)["files"])
        for accept in (HTML_TYPE, "text/html", "*/*"):
            answer = self.get(f"/simple/{name}/", view, accept=accept)
            assert {address.rpartition("/")[2] for address in _ANCHOR.findall(answer.text)} == found
        return found

    def file(self, filename: str, project: str = "demo", view: str = "main", **more: str) -> httpx.Response:
        """A file by its exact address."""
        return self.get(f"/files/{project}/{filename}", view, **more)

    def turn(self, by: timedelta) -> None:
        """Let time pass, and whatever was begun behind a reader's back come to its end."""
        self.settle()
        self.world.clock.turn(by)

    def settle(self) -> None:
        """Wait for what goes on in the background."""
        self.world.app.upstreams.settle()
        self.world.client.app.renew.settle()  # type: ignore[attr-defined] # what `build` returns
        self.world.app.upstreams.settle()


@contextmanager
def letting_in(
    settings: Settings, upstream: UpstreamWorld, clock: TurnableClock, walkers: Walkers, *, policy: str = BALANCED,
    **more: object,
) -> Iterator[LettingIn]:  # fmt: skip
    """On a prepared installation; every invariant is tested at the end."""
    whole = Settings.model_validate(settings.model_dump() | upstream.settings() | more)
    with (
        open_app(whole, clock=clock, walkers=walkers) as app,
        TestClient(build(app), base_url="http://index.test") as client,
    ):
        made = LettingIn(World(app, clock, client), upstream)
        made.add("main", policy)
        yield made
        made.settle()
        made.world.check()
