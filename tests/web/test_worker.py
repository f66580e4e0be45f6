"""A worker serves what is ready before it has loaded what people and publishers may ask for."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from customhouse.infra.settings import Settings
from customhouse.serve.asgi import Serve
from customhouse.web.inner import Inner
from customhouse.web.worker import Later
from packages import wheel
from world import World

WAIT_SECONDS = 20.0


class Asked:
    """One request, and what was said to it."""

    def __init__(self, path: str) -> None:
        self.scope: dict[str, Any] = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"accept", b"application/vnd.pypi.simple.v1+json"), (b"host", b"index.test")], "client": ("127.0.0.1", 1),
        }  # fmt: skip
        self.status = 0
        self.body = b""

    async def of(self, app: Any) -> Asked:
        await app(self.scope, self._receive, self._send)
        return self

    async def _receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")


def test_a_ready_page_is_served_while_the_rest_is_still_loading_and_the_rest_waits_for_it(world: World) -> None:
    assert world.upload(wheel("demo", "1.0"), user="alice", name="demo", version="1.0").status == 200
    go, lived = threading.Event(), []

    async def inner(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"loaded"})

    @asynccontextmanager
    async def lives() -> AsyncIterator[None]:
        lived.append("begins")
        yield
        lived.append("ends")

    def load() -> Inner:
        assert go.wait(WAIT_SECONDS)
        return Inner(inner, lives)

    async def run() -> None:
        later = Later(load)
        serve = Serve(world.app.pages, world.app.blobs, later)
        inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        outbox: asyncio.Queue[Any] = asyncio.Queue()
        life = asyncio.create_task(serve({"type": "lifespan"}, inbox.get, outbox.put))
        await inbox.put({"type": "lifespan.startup"})
        assert (await outbox.get())["type"] == "lifespan.startup.complete"
        waiting = asyncio.create_task(Asked("/legacy-of-nothing/").of(serve))
        ready = await Asked("/simple/demo/").of(serve)
        assert ready.status == 200
        assert b"demo-1.0-py3-none-any.whl" in ready.body
        assert not waiting.done()
        assert lived == []
        go.set()
        assert (await waiting).body == b"loaded"
        assert lived == ["begins"]
        await inbox.put({"type": "lifespan.shutdown"})
        assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
        await life
        assert lived == ["begins", "ends"]

    asyncio.run(asyncio.wait_for(run(), WAIT_SECONDS))


BROKEN = """
import asyncio
from customhouse.web.worker import Later

def load():
    raise RuntimeError("no such table: project")

async def run():
    async def receive():
        await asyncio.sleep(0 if receive.first else 30)
    receive.first = True
    async def send(message):
        receive.first = False
    await Later(load)({"type": "lifespan"}, receive, send)

asyncio.run(run())
"""


@pytest.mark.slow
def test_a_worker_that_cannot_load_the_rest_ends_and_says_why() -> None:
    run = subprocess.run(
        [sys.executable, "-c", BROKEN], capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )
    assert run.returncode == 1
    assert "cannot serve more than what is ready" in run.stderr
    assert "no such table: project" in run.stderr


def test_what_serves_ready_pages_loads_no_sqlalchemy_and_no_page_for_people(tmp_path: Path) -> None:
    code = "import sys, customhouse.web.worker; print(*sorted(sys.modules))"
    environment = {**os.environ, "CUSTOMHOUSE_DATA": str(tmp_path)}
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout.split()
    assert Settings.__module__ in loaded
    assert [
        name
        for name in loaded
        if name.startswith(("sqlalchemy", "alembic", "jinja2", "customhouse.app", "customhouse.web.pages"))
    ] == []
