"""Several web workers on one folder: one fetch for all of them, taken over when the one who fetches is killed."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import pytest

from customhouse.mirror.partial import empty_partials
from file_door import files_door
from packages import Dist
from patience import until
from upstream_files import big_wheel
from upstream_world import Asked, Said, UpstreamWorld, upstream_world
from world import blank_folder

pytestmark = pytest.mark.slow
SECONDS = 30.0


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        yield running


def door_to(upstream: UpstreamWorld, dist: Dist, data: Path, **more: object) -> contextlib.AbstractContextManager[str]:
    upstream.add(dist)
    values = {
        "filename": dist.filename, "version": "1.0", "sha256": dist.sha256, "size_bytes": len(dist.body),
        "url": upstream.url + upstream.file_path("demo", dist.filename),
    } | more  # fmt: skip
    shutil.copytree(blank_folder(), data)
    return files_door(data, [("demo", values)], upstream.settings(), workers=2)


def body_of(url: str) -> bytes:
    with urlopen(url, timeout=SECONDS) as answer:
        body: bytes = answer.read()
    return body


def asked_for_bytes(upstream: UpstreamWorld) -> list[Asked]:
    return [one for one in upstream.asked if one.path.endswith(".whl")]


def holder_of(path: Path) -> int:
    """The process that holds the lock of a growing file, by what the kernel says of all locks."""
    inode = path.stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if "FLOCK" in fields and "->" not in fields and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    raise AssertionError("nobody holds it")


def test_fifty_clients_of_two_workers_cost_one_fetch(upstream: UpstreamWorld, tmp_path: Path) -> None:
    dist = big_wheel(size_bytes=20_000_000)
    with door_to(upstream, dist, tmp_path / "data") as url, ThreadPoolExecutor(50) as clients:
        bodies = set(clients.map(lambda _: hashlib.sha256(body_of(f"{url}/files/0")).hexdigest(), range(50)))
        assert bodies == {dist.sha256}
        assert len(asked_for_bytes(upstream)) == 1
        until(lambda: not list((tmp_path / "data/mirror").iterdir()))


def test_without_a_digest_too(upstream: UpstreamWorld, tmp_path: Path) -> None:
    dist = big_wheel(size_bytes=1_000_000)
    door = door_to(upstream, dist, tmp_path / "data", sha256="", size_bytes=None)
    with door as url, ThreadPoolExecutor(50) as clients:
        bodies = set(clients.map(lambda _: hashlib.sha256(body_of(f"{url}/files/0")).hexdigest(), range(50)))
        assert bodies == {dist.sha256}
        assert len(asked_for_bytes(upstream)) == 1


def test_the_next_takes_over_when_the_one_who_fetches_is_killed(upstream: UpstreamWorld, tmp_path: Path) -> None:
    dist = big_wheel(size_bytes=4_000_000)
    half, rest = len(dist.body) // 2, threading.Event()

    def first_half(asked: Asked) -> Said | None:
        if "range" in asked.headers:
            return None

        def pieces() -> Iterator[bytes]:
            yield dist.body[:half]
            rest.wait(SECONDS)

        return Said(200, pieces, {"content-length": str(len(dist.body)), "etag": '"one"'})

    data = tmp_path / "data"
    with door_to(upstream, dist, data) as url, ThreadPoolExecutor(200) as clients:
        upstream.instead[upstream.file_path("demo", dist.filename)] = first_half

        def client(_number: int) -> bool:
            try:
                return body_of(f"{url}/files/0") == dist.body
            except (OSError, http.client.HTTPException):
                return False

        waiting = [clients.submit(client, number) for number in range(10)]

        def half_is_here() -> bool:
            parts = list((data / "mirror").glob("*.part"))
            return bool(parts) and parts[0].stat().st_size == half

        until(half_is_here)
        fetcher = holder_of(next((data / "mirror").glob("*.part")))
        # The other worker may still be starting; the kernel gives each of them every second connection, once it listens.
        deadline = time.monotonic() + SECONDS
        while not list((data / "mirror").glob("*.wait")):
            assert time.monotonic() < deadline
            waiting.append(clients.submit(client, len(waiting)))
            rest.wait(0.2)
        os.kill(fetcher, signal.SIGKILL)
        rest.set()
        got = [one.result(SECONDS) for one in waiting]
        # Clients of the killed worker are cut off; those of the other never notice.
        assert any(got)
        assert body_of(f"{url}/files/0") == dist.body
    ranges = [one.headers.get("range", "") for one in asked_for_bytes(upstream)]
    assert ranges == ["", f"bytes={half}-"]


def test_all_killed_in_the_middle_leave_nothing_visible(upstream: UpstreamWorld, tmp_path: Path) -> None:
    dist = big_wheel(size_bytes=1_000_000)
    data, rest = tmp_path / "data", threading.Event()

    def pieces() -> Iterator[bytes]:
        yield dist.body[:500_000]
        rest.wait(SECONDS)

    with door_to(upstream, dist, data) as url:
        upstream.instead[upstream.file_path("demo", dist.filename)] = lambda _asked: Said(200, pieces)
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        connection.request("GET", "/files/0")
        answer = connection.getresponse()
        assert answer.read(100) == dist.body[:100]
        os.kill(holder_of(next((data / "mirror").glob("*.part"))), signal.SIGKILL)
        with pytest.raises((OSError, http.client.HTTPException)):
            answer.read()
        connection.close()
        rest.set()
    with sqlite3.connect(data / "customhouse.sqlite3") as sql:
        assert sql.execute("SELECT count(*) FROM mirrored_object").fetchone() == (0,)
    assert not list((data / "blobs").glob("??/*"))
    assert empty_partials(data) == 1
    assert not list((data / "mirror").iterdir())


def test_parts_heads_and_conditions_are_answered_while_it_comes(upstream: UpstreamWorld, tmp_path: Path) -> None:
    dist = big_wheel(size_bytes=500_000)
    size_bytes = len(dist.body)
    etag = f'"{dist.sha256}"'
    rows: list[tuple[str, dict[str, str], int, bytes, dict[str, str]]] = [
        ("HEAD", {}, 200, b"", {"content-length": str(size_bytes)}),
        ("GET", {"Range": "bytes=0-9"}, 206, dist.body[:10], {"content-range": f"bytes 0-9/{size_bytes}"}),
        ("GET", {"Range": "bytes=-100"}, 206, dist.body[-100:], {}),
        ("GET", {"Range": f"bytes={size_bytes}-"}, 416, b"", {"content-range": f"bytes */{size_bytes}"}),
        ("GET", {"Range": "bytes=0-1,5-6"}, 200, dist.body, {}),
        ("GET", {"Range": "bytes=0-9", "If-Range": '"other"'}, 200, dist.body, {}),
        ("GET", {"If-None-Match": etag}, 304, b"", {"etag": etag}),
    ]
    for number, (method, headers, status, body, said) in enumerate(rows):
        with door_to(upstream, dist, tmp_path / f"data{number}") as url:
            connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=SECONDS)
            connection.request(method, "/files/0", headers=headers)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            assert (answer.status, answer.read()) == (status, body), headers
            assert said.items() <= found.items()
            connection.close()
