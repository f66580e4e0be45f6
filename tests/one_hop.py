"""A quicker way from `TestClient` to the application: one step into its event loop for a request, and one back.

Starlette's own goes there ten times for each request, and starts a loop with a thread of its own for each request of a
client that was not entered; that was a third of the time of tests of the web. What the application sees is the same:
one ASGI scope, the body in one message, and a disconnect when all is answered. Not the same: no extensions of ASGI are
offered, and an answer comes to the test when it is whole. It stands on private names of Starlette; `test_one_hop.py`
compares it with Starlette's own, and fails when a new version of that does something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from urllib.parse import unquote

import anyio
import httpx2 as httpx
from anyio.from_thread import BlockingPortal
from starlette import testclient
from starlette.types import Message

PORTS = {"http": 80, "https": 443}
_shared: list[BlockingPortal] = []


def answer_in_one_hop() -> None:
    """Let every `TestClient` of this process ask in this way."""
    testclient._TestClientTransport.handle_request = _handle_request  # type: ignore[method-assign,assignment]
    testclient.TestClient._portal_factory = _portal_factory  # type: ignore[method-assign,assignment]


def leave_shared_loop() -> None:
    """End the loop that all clients share which were not entered; its threads would keep the process alive."""
    while _shared:
        portal = _shared.pop()
        portal.call(portal.stop)


@contextmanager
def _portal_factory(client: testclient.TestClient) -> Iterator[BlockingPortal]:
    """The way into the client's own loop, or into one that is shared by all that have none."""
    if client.portal is None and not _shared:
        started: Future[BlockingPortal] = Future()
        Thread(target=anyio.run, args=(_live, started), name="shared-loop", daemon=True).start()
        _shared.append(started.result())
    yield client.portal or _shared[0]


async def _live(started: Future[BlockingPortal]) -> None:
    async with BlockingPortal() as portal:
        started.set_result(portal)
        await portal.sleep_until_stopped()


@dataclass
class _Exchange:
    """One request, and what is answered to it."""

    request: httpx.Request
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: list[bytes] = field(default_factory=list)
    sent: bool = False
    answered: anyio.Event = field(default_factory=anyio.Event)
    """Set when all is answered."""

    async def receive(self) -> Message:
        """The whole body, then the end of the connection (ASGI, "Request" and "Disconnect")."""
        if not self.sent:
            self.sent = True
            return {"type": "http.request", "body": self.request.read(), "more_body": False}
        await self.answered.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a part of the answer, in the order that ASGI demands."""
        if message["type"] == "http.response.start":
            assert not self.status, "the answer was started twice"
            self.status, self.headers = message["status"], list(message.get("headers", []))
        else:
            assert message["type"] == "http.response.body", message["type"]
            assert self.status, "a body came before the answer was started"
            assert not self.answered.is_set(), "more came after the end of the answer"
            if self.request.method != "HEAD":
                self.body.append(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                self.answered.set()


def _handle_request(transport: testclient._TestClientTransport, request: httpx.Request) -> httpx.Response:
    with transport.portal_factory() as portal:
        exchange, fault = portal.call(_exchange, transport, request)
    if transport.raise_server_exceptions:
        if fault is not None:
            raise fault
        assert exchange.status, "nothing was answered"
    return httpx.Response(
        exchange.status or 500,
        headers=[(name.decode(), text.decode()) for name, text in exchange.headers],
        stream=httpx.ByteStream(b"".join(exchange.body)),
        request=request,
    )


async def _exchange(
    transport: testclient._TestClientTransport, request: httpx.Request
) -> tuple[_Exchange, Exception | None]:
    """Let the application answer; what it raises comes back beside what it had sent."""
    url, exchange = request.url, _Exchange(request)
    scope = {
        "type": "http", "http_version": "1.1", "method": request.method, "path": unquote(url.path),
        "raw_path": url.raw_path.partition(b"?")[0], "root_path": transport.root_path, "scheme": url.scheme,
        "query_string": url.query, "headers": [(name.lower(), text) for name, text in request.headers.raw],
        "client": transport.client, "server": [url.host, url.port or PORTS[url.scheme]], "extensions": {},
        "state": transport.app_state.copy(),
    }  # fmt: skip
    try:
        await transport.app(scope, exchange.receive, exchange.send)
    except Exception as error:  # noqa: BLE001 - the test hears of it, whatever it is
        return exchange, error
    return exchange, None
