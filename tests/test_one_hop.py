"""The short way to the application against Starlette's own: what the application sees, and what the client gets."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec, module_from_spec
from typing import Any

import httpx2 as httpx
import pytest
from starlette import testclient
from starlette.types import Message, Receive, Scope, Send

Ask = Callable[[httpx.Client], httpx.Response]


def starlettes_own() -> Any:
    """`TestClient` as Starlette has it: the module once more, which nobody has changed."""
    spec = find_spec("starlette.testclient")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TestClient


class Mirror:
    """An application that keeps what it sees, and answers in pieces."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Our doors use none of the extensions of ASGI: neither of the servers that we are run by has those of a test.
        self.seen.append({name: value for name, value in scope.items() if name != "extensions"})
        self.seen.append(_whole(await receive()))
        if scope["path"].startswith("/fails/early"):
            raise LookupError("early")
        status = int(scope["path"].rpartition("/")[2] or 200) if scope["path"].startswith("/status/") else 200
        headers = [(b"x-one", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"content-length", b"6")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        if scope["path"].startswith("/fails/late"):
            raise LookupError("late")
        await send({"type": "http.response.body", "body": b"two"})
        self.seen.append(await receive())


def _whole(message: Message) -> Message:
    return {"more_body": False, **message}


ASKED: dict[str, Ask] = {
    "a page": lambda client: client.get("/simple/a%2Fb%20c/?x=1&y=%C3%A4"),
    "a head": lambda client: client.head("/simple/"),
    "a body": lambda client: client.put("/file", content=b"\0" * 100_000, headers={"X-Two": "b", "x-two": "c"}),
    "a form": lambda client: client.post("/form", data={"a": "ä", "b": "x y"}),
    "pieces": lambda client: client.post("/pieces", content=iter([b"one", b"two"])),
    "other hosts": lambda client: client.get("https://other.test:8443/", headers={"authorization": "Basic eDp5"}),
    "a status": lambda client: client.get("/status/404"),
    "a fault before": lambda client: client.get("/fails/early"),
    "a fault after": lambda client: client.get("/fails/late"),
}


@pytest.mark.parametrize("entered", [False, True], ids=["not entered", "entered"])
@pytest.mark.parametrize("raises", [False, True], ids=["answers", "raises"])
@pytest.mark.parametrize("name", ASKED)
def test_application_and_client_see_what_they_see_by_starlettes_own(name: str, raises: bool, entered: bool) -> None:
    assert _played(testclient.TestClient, ASKED[name], raises, entered) == _played(
        starlettes_own(), ASKED[name], raises, entered
    )


def _played(kind: Any, ask: Ask, raises: bool, entered: bool) -> tuple[object, ...]:
    app = Mirror()
    client = kind(_without_lifespan(app), raise_server_exceptions=raises, cookies={"seen": "before"})
    if entered:
        client.__enter__()
    try:
        answer = ask(client)
        got: tuple[object, ...] = (
            answer.status_code,
            answer.headers.multi_items(),
            answer.content,
            dict(client.cookies),
        )
    except LookupError as error:
        got = (str(error),)
    finally:
        if entered:
            client.__exit__(None, None, None)
    return (*got, app.seen)


def _without_lifespan(app: Mirror) -> Any:
    async def passed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await app(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    return passed
