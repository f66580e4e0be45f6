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
LOST_SECONDS = 5.0
FOLDED_SECONDS = 25.0


@pytest.fixture(params=["sqlite", "postgresql"])
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


def within(seconds: float, ask: Callable[[], bool]) -> bool:
    """Whether something becomes true in time."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
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


def test_the_worker_counts_what_all_processes_served_and_a_kill_loses_nothing_that_was_flushed(server: Server) -> None:
    download(server, 40)
    assert within(FOLDED_SECONDS, lambda: total(server)["raw"] == 40), total(server)
    assert total(server) == {"raw": 40, "counted": 1}
    download(server, 7)
    assert within(LOST_SECONDS, lambda: spooled(server) == 47), spooled(server)
    server.kill()
    server.start()
    assert within(FOLDED_SECONDS, lambda: total(server)["raw"] == 47), total(server)
    assert total(server) == {"raw": 47, "counted": 1}


def test_a_server_that_is_stopped_writes_its_last_counts(server: Server) -> None:
    download(server, 5)
    server.stop()
    left = spooled(server)
    server.start()
    assert left in (0, 5)
    assert within(FOLDED_SECONDS, lambda: total(server)["raw"] == 5), total(server)
    assert list(counts_folder(server.data).iterdir()) == []
