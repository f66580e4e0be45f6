"""Races: exactly one wins, and the losers are told so (P7, P8); a sweep and an upload never lose bytes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx2 as httpx
import pytest

from customhouse.infra.blobs import Blobs, Stored
from customhouse.terms.digest import Digest
from packages import Dist, wheel
from world import Answered, Server, World, upload

RACERS = 16


def started(request: pytest.FixtureRequest, folder: Path, database: str, **environment: str) -> Server:
    """A server on that database, stopped when the test ends."""
    if database == "postgresql":
        environment["CUSTOMHOUSE_DATABASE"] = request.getfixturevalue("postgres").new_database()
    server = Server(folder / "data", environment=environment)
    request.addfinalizer(server.stop)
    server.start()
    return server


def race(server: Server, token: str, dists: list[Dist], version: str) -> list[Answered]:
    """All at once through a real server with two web processes."""
    barrier = threading.Barrier(len(dists))

    def run(dist: Dist) -> Answered:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            barrier.wait()
            return upload(client, token, dist, name="demo", version=version)

    with ThreadPoolExecutor(len(dists)) as threads:
        return list(threads.map(run, dists))


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.prove)])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_p7_of_sixteen_uploads_of_one_name_one_wins(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, rounds: int
) -> None:
    server = started(request, tmp_path, database, CUSTOMHOUSE_WEB_WORKERS="2")
    token = server.new_token()
    for number in range(rounds):
        version = f"{number}.0"
        others = [wheel(version=version, files={"demo/__init__.py": f"n = {n}\n".encode()}) for n in range(RACERS)]
        answers = race(server, token, others, version)
        assert Counter(answer.status for answer in answers) == {200: 1, 400: RACERS - 1}
        assert all(answer.text.startswith("File already exists") for answer in answers if answer.status == 400)
        winner = others[[answer.status for answer in answers].index(200)]
        assert httpx.get(f"{server.url}/files/demo/{winner.filename}").content == winner.body
        same = race(server, token, [wheel(version=f"{number}.1")] * RACERS, f"{number}.1")
        assert {answer.status for answer in same} == {200}
        assert sum(answer.text.startswith("Accepted") for answer in same) == 1
    server.check()


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_p8_of_sixteen_people_who_claim_one_name_one_gets_it(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    server = started(request, tmp_path, database)
    tokens = [server.new_token(f"user{number}") for number in range(6)]
    names = ["demo", "de-mo", "dem0", "Demo", "d.emo", "DEM0"]
    barrier = threading.Barrier(len(tokens))

    def claim(token: str, name: str) -> int:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            barrier.wait()
            return upload(client, token, wheel(name), name=name, version="1.0").status

    with ThreadPoolExecutor(len(tokens)) as threads:
        statuses = list(threads.map(claim, tokens, names))
    assert Counter(statuses) == {200: 1, 403: len(tokens) - 1}
    assert len(httpx.get(f"{server.url}/simple/").text.split("<a ")) == 2
    server.check()


class BetweenPutAndRow:
    """A store that lets somebody else act right after an object was put."""

    def __init__(self, inner: Blobs, act: Callable[[], object]) -> None:
        self.inner = inner
        self.remote = inner.remote
        self._act = act
        self.puts = 0

    def put(self, digest: Digest, source: Path) -> None:
        self.inner.put(digest, source)
        self.puts += 1
        if self.puts == 1:
            self._act()

    def locate(self, digest: Digest) -> Path | str | None:
        return self.inner.locate(digest)

    def delete(self, digest: Digest) -> None:
        self.inner.delete(digest)

    def list(self) -> list[Stored]:
        return [*self.inner.list()]


def test_a_sweep_between_object_and_row_loses_nothing(world: World) -> None:
    """The sweeper takes the object for an orphan after it was put and before its row is written."""
    from customhouse.index.sweep import sweep  # noqa: PLC0415 - beside its only use

    app = world.app
    store = BetweenPutAndRow(app.blobs, lambda: sweep(app.deeds, app.blobs, grace=timedelta(days=-36500)))
    app.reception._blobs = store  # type: ignore[assignment]
    answer = world.upload(wheel())
    assert answer.status == 200, answer.text
    assert store.puts == 4, "both objects were put again"
    assert world.download(f"/files/demo/{wheel().filename}").content == wheel().body


def test_a_sweep_takes_orphans_and_nothing_else(world: World, tmp_path: Path) -> None:
    assert world.upload(wheel()).status == 200
    orphan = tmp_path / "orphan"
    orphan.write_bytes(b"never acknowledged")
    digest = Digest.of(b"never acknowledged")
    world.app.blobs.put(digest, orphan)
    assert world.app.sweep() == 0, "it is younger than the grace time"
    world.clock.turn(timedelta(days=365 * 10))
    assert world.app.sweep() == 1
    assert world.app.blobs.locate(digest) is None
    assert world.download(f"/files/demo/{wheel().filename}").content == wheel().body
    assert world.app.sweep() == 0


def test_a_sweep_that_was_killed_is_ended_by_the_next(world: World, tmp_path: Path) -> None:
    from customhouse.infra import sweep_marks  # noqa: PLC0415 - beside its only use

    orphan = tmp_path / "orphan"
    orphan.write_bytes(b"marked")
    digest = Digest.of(b"marked")
    world.app.blobs.put(digest, orphan)
    with world.app.database.write() as sql:
        sweep_marks.mark(sql, digest.hex, world.clock.now())
    assert world.app.sweep() == 1
    assert world.app.blobs.locate(digest) is None
    with world.app.database.read() as sql:
        assert sweep_marks.unfinished(sql) == []


def test_an_upload_of_bytes_that_are_being_swept_is_asked_to_come_again(small_world: World) -> None:
    from customhouse.infra import sweep_marks  # noqa: PLC0415 - beside its only use

    with small_world.app.database.write() as sql:
        sweep_marks.mark(sql, wheel().sha256, small_world.clock.now())
    answer = small_world.client.post("/legacy/")
    assert answer.status_code == 400
    busy = small_world.upload(wheel())
    assert (busy.status, "being swept" in busy.text) == (503, True)
    small_world.app.sweep()
    assert small_world.upload(wheel()).status == 200
