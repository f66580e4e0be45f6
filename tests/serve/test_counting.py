"""What the read path counts: a distribution file that somebody begins to take, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from customhouse.formats.count_line import decode_count
from customhouse.index.delete import Delete, delete
from customhouse.index.quarantine_by_hand import QuarantineRelease, order_release_quarantine
from customhouse.infra.count_spool import counts_folder
from customhouse.infra.settings import Settings
from customhouse.web.asgi import build
from packages import Dist, wheel
from world import World


@pytest.fixture
def dist(world: World) -> Dist:
    made = wheel()
    assert world.upload(made).status == httpx.codes.OK
    return made


@contextmanager
def visitor(world: World, peer: str = "203.0.113.7") -> Iterator[TestClient]:
    """A client from a network of its own; what it took is on disk when it leaves."""
    with TestClient(build(world.app), base_url="http://index.test", client=(peer, 4711)) as client:
        yield client


def noted(world: World) -> dict[str, list[int]]:
    """How often each file was taken, client by client."""
    found: dict[str, list[int]] = {}
    for path in sorted(counts_folder(world.app.settings.data).glob("*")):
        for line in path.read_bytes().splitlines():
            one = decode_count(line)
            found.setdefault(one.filename, []).append(one.times)
    return found


def test_a_file_that_is_taken_counts_by_every_road(world: World, dist: Dist) -> None:
    """The first answer is rendered by the inner app, the second comes from the ready gate; S3 sends a link."""
    with visitor(world) as client:
        for _ in range(2):
            answer = client.get(f"/files/demo/{dist.filename}", follow_redirects=False)
            assert answer.status_code in (200, 302)
    assert noted(world) == {dist.filename: [2]}


def test_a_part_counts_if_it_holds_the_first_byte(world: World, dist: Dist) -> None:
    expected = {
        "bytes=0-99": 1, "bytes=0-": 1, "bytes=10-19,0-9": 1, "bytes=-999999999": 1, "pages=1-2": 1,
        "bytes=100-": 0, "bytes=-100": 0, "bytes=10-19,30-39": 0, "bytes=99999999-": 0,
    }  # fmt: skip
    found, before = {}, 0
    for wanted in expected:
        with visitor(world) as client:
            client.get(f"/files/demo/{dist.filename}", headers={"range": wanted}, follow_redirects=False)
        now = sum(noted(world).get(dist.filename, []))
        found[wanted], before = now - before, now
    assert found == expected


def test_nothing_else_counts(world: World, dist: Dist) -> None:
    with visitor(world) as client:
        address = f"/files/demo/{dist.filename}"
        client.head(address)
        client.get(f"{address}.metadata", follow_redirects=False)
        client.get("/simple/demo/")
        client.get("/files/demo/unknown-1.0.tar.gz")
        client.get(f"/files/other/{dist.filename}")
        client.get(f"/files/demo/{dist.filename}x")
        client.post(address)
        if not world.app.blobs.remote:
            unchanged = client.get(address, headers={"if-none-match": f'"{dist.sha256}"'})
            assert unchanged.status_code == httpx.codes.NOT_MODIFIED
    assert noted(world) == {}


def test_a_refused_file_does_not_count(world: World, dist: Dist) -> None:
    world.app.do(order_release_quarantine, QuarantineRelease("demo", "1.0", "it reads your keys"))
    with visitor(world) as client:
        assert client.get(f"/files/demo/{dist.filename}").status_code == httpx.codes.FORBIDDEN
    assert noted(world) == {}


def test_a_deleted_file_that_locks_still_fetch_counts(world: World, dist: Dist) -> None:
    """Whether anybody still takes it is what its owner wants to know before the address ends."""
    world.app.do(delete, Delete("demo", "1.0", dist.filename, typed=dist.filename))
    with visitor(world) as client:
        assert client.get(f"/files/demo/{dist.filename}", follow_redirects=False).status_code in (200, 302)
    assert noted(world) == {dist.filename: [1]}


def test_clients_are_told_apart_by_network(small_world: World) -> None:
    dist = wheel()
    small_world.upload(dist)
    for peer in ("203.0.113.7", "203.0.113.8", "198.51.100.1", "2001:db8::1", "2001:db8::2", "2001:db8:1::1"):
        with visitor(small_world, peer) as client:
            client.get(f"/files/demo/{dist.filename}")
    clients = {
        decode_count(line).client
        for path in counts_folder(small_world.app.settings.data).iterdir()
        for line in path.read_bytes().splitlines()
    }
    assert len(clients) == 4


@pytest.mark.parametrize(("trusted", "expected"), [((), [3]), (("10.0.0.0/8",), [1, 2])])
def test_a_header_counts_only_from_a_trusted_front_end(
    small_world: World, trusted: tuple[str, ...], expected: list[int]
) -> None:
    dist = wheel()
    small_world.upload(dist)
    settings = Settings.model_validate({"data": small_world.app.settings.data, "trusted_proxies": trusted})
    app = replace(small_world.app, settings=settings)
    with TestClient(build(app), base_url="http://index.test", client=("10.0.0.1", 4711)) as client:
        for forwarded_for in ("203.0.113.7", "198.51.100.1", "192.0.2.66, 203.0.113.9"):
            client.get(f"/files/demo/{dist.filename}", headers={"x-forwarded-for": forwarded_for})
    assert sorted(noted(small_world)[dist.filename]) == expected
