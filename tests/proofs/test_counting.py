"""Downloads of a real server: counted over its processes, by its own worker, and through a kill."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from customhouse.formats.count_line import decode_count
from customhouse.infra.count_spool import counts_folder
from packages import wheel
from world import Server, running, upload

pytestmark = pytest.mark.slow
DIST = wheel()
ADDRESS = f"/files/demo/{DIST.filename}"
PATIENCE_SECONDS = 60.0
"""The web processes flush every second or so, and the worker folds every ten, on an idle machine."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.prove)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    environment = {"CUSTOMHOUSE_WEB_WORKERS": "2"}
    if request.param == "postgresql":
        environment["CUSTOMHOUSE_DATABASE"] = request.getfixturevalue("postgres").new_database()
    with running(tmp_path / "data", environment=environment) as started:
        with httpx.Client(base_url=started.url) as client:
            assert upload(client, started.new_token(), DIST, name="demo", version="1.0").status == httpx.codes.OK
        yield started
        started.check()


def download(server: Server, times: int) -> None:
    """As installers do: a connection of its own each time."""
    for _ in range(times):
        assert httpx.get(f"{server.url}{ADDRESS}").content == DIST.body


def within_patience(ask: Callable[[], bool]) -> bool:
    """Whether something becomes true."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while time.monotonic() < deadline:
        if ask():
            return True
        pause.wait(0.1)
    return ask()


def spooled(server: Server) -> int:
    """What the spool files hold, folded or not: they stay for as long as their writers live."""
    lines = [line for path in counts_folder(server.data).glob("*") for line in path.read_bytes().splitlines()]
    return sum(decode_count(line).times for line in lines)


def total(server: Server) -> dict[str, int]:
    found: dict[str, int] = httpx.get(f"{server.url}/api/projects/demo/downloads").json()["total"]
    return found


def test_the_worker_counts_what_all_processes_served_and_neither_a_kill_nor_a_stop_loses_it(server: Server) -> None:
    """What was flushed outlives a kill; a server that is stopped flushes its last counts before it goes."""
    download(server, 40)
    assert within_patience(lambda: total(server)["raw"] == 40), total(server)
    assert total(server) == {"raw": 40, "counted": 1}
    download(server, 7)
    assert within_patience(lambda: spooled(server) == 47), spooled(server)
    server.kill()
    server.start()
    assert within_patience(lambda: total(server)["raw"] == 47), total(server)
    assert total(server) == {"raw": 47, "counted": 1}
    download(server, 5)
    server.stop()
    server.start()
    assert within_patience(lambda: total(server)["raw"] == 52), total(server)
    assert list(counts_folder(server.data).iterdir()) == []
