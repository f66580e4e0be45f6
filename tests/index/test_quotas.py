"""Quotas on both databases: before the file is read and again in the deed; erased files count no more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from clock import TurnableClock
from conftest import Where, prepared, settings_for
from customhouse.app import limits_of, open_app
from customhouse.catalog import quotas
from customhouse.catalog.queries import find_project
from customhouse.index.delete import Delete
from customhouse.index.erase import Erase, erase
from customhouse.index.namespaces import GrantNamespace, grant_namespace
from customhouse.index.quotas import GrantQuota, grant_quota
from customhouse.web.asgi import build
from neighbours import actor, events, found_organization, found_project, refused
from packages import Dist, wheel
from world import Answered, World


@pytest.fixture(params=["sqlite", "postgresql"])
def tight(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    """An index that gives a file 4,000 bytes and a project 5,000."""
    made = prepared(settings_for(Where(request.param), tmp_path / "data", request), request)
    settings = made.model_copy(update={"file_quota_bytes": 4000, "project_quota_bytes": 5000})
    with (
        open_app(settings, clock=clock, walkers=request.getfixturevalue("walkers")) as app,
        TestClient(build(app), base_url="http://index.test") as client,
    ):
        world = World(app, clock, client)
        yield world
        world.check()


def sized(version: str, size_bytes: int, name: str = "demo") -> Dist:
    """A wheel of about that many bytes; what fills it does not shrink."""
    plain = len(wheel(name, version).body)
    noise = b"".join(hashlib.sha256(f"{version} {number}".encode()).digest() for number in range(size_bytes // 32))
    return wheel(name, version, files={f"{name.replace('-', '_')}/x.bin": noise[: size_bytes - plain]})


def send(world: World, version: str, size_bytes: int, name: str = "demo", who: str = "alice") -> Answered:
    return world.upload(sized(version, size_bytes, name), user=who, name=name, version=version)


def used(world: World) -> int:
    with world.app.database.read() as sql:
        found = find_project(sql, "demo")
        assert found is not None
        return quotas.usage_of(sql, found.id, limits_of(world.app.settings)).used_bytes


def test_a_file_above_the_limit_is_413_before_it_is_read(tight: World) -> None:
    answer = send(tight, "1.0", 5000)
    assert answer.status == 413
    assert "may have 4,000" in answer.text
    assert "Ask an operator" in answer.text
    assert tight.client.get("/simple/demo/").status_code == 404, "no name was claimed"
    broken = Dist(wheel().filename, b"x" * 5000, "", "bdist_wheel")
    assert tight.upload(broken).status == 413
    tight.app.sweep()


def test_a_full_project_takes_no_more_and_says_how_full_it_is(tight: World) -> None:
    assert send(tight, "1.0", 3000).status == 200
    answer = send(tight, "2.0", 3000)
    assert answer.status == 403
    assert "of 5,000" in answer.text
    assert f"{used(tight):,} bytes" in answer.text
    assert send(tight, "1.0", 3000).status == 200, "the same file again is no fault"
    found_project(tight, "other")
    assert send(tight, "2.0", 3000, "other").status == 200, "each project has its own room"


def test_deleted_files_count_until_they_are_erased(tight: World) -> None:
    assert send(tight, "1.0", 3000).status == 200
    tight.app.remove(Delete("demo", "1.0", typed="demo 1.0", by=actor(tight, "alice")))
    assert send(tight, "2.0", 3000).status == 403
    name = sized("1.0", 3000).filename
    tight.app.do(erase, Erase("demo", filename=name, reason="A court.", reference="1/26", typed=name))
    assert used(tight) == 0
    assert send(tight, "2.0", 3000).status == 200


def test_the_most_generous_grant_counts_and_none_takes_anything_away(tight: World) -> None:
    found_organization(tight)
    found_project(tight, "demo", organization="acme")
    tight.app.do(grant_quota, GrantQuota(organization="acme", project_bytes=20_000, reason="Models."))
    assert [send(tight, version, 3000).status for version in ("1.0", "2.0", "3.0")] == [200, 200, 200]
    tight.app.do(grant_quota, GrantQuota(project="demo", file_bytes=10_000, project_bytes=1))
    assert send(tight, "4.0", 8000).status == 200
    tight.app.do(grant_quota, GrantQuota(organization="acme"))
    assert send(tight, "5.0", 3000).status == 403
    granted = events(tight, "quota-granted")
    assert [(event.project, event.actor_kind) for event in granted] == [
        (None, "operator"), ("demo", "operator"), (None, "operator"),
    ]  # fmt: skip
    with tight.app.database.read() as sql:
        assert quotas.granted(sql) == [quotas.GrantRow("demo", False, quotas.Grant(10_000, 1))]


def test_a_new_project_in_a_namespace_has_the_room_of_its_organization(tight: World) -> None:
    found_organization(tight)
    tight.app.do(grant_namespace, GrantNamespace("acme", "acme"))
    tight.app.do(grant_quota, GrantQuota(organization="acme", file_bytes=9000, project_bytes=9000))
    assert send(tight, "1.0", 8000, "acme-big").status == 200
    assert send(tight, "1.0", 8000, "big").status == 413


def test_two_uploads_at_once_do_not_share_the_last_room(tight: World) -> None:
    """The first look finds room for both; the deed looks again under the project's lock."""
    found_project(tight, "demo")
    read = tight.app.reception._examine

    def examine(path: Path, filename: str) -> object:
        found = read(path, filename)
        if "-2.0-" in filename:
            assert send(tight, "1.0", 3000).status == 200
        return found

    tight.app.reception._examine = examine  # type: ignore[assignment]
    answer = send(tight, "2.0", 3000)
    tight.app.reception._examine = read
    assert (answer.status, "of 5,000" in answer.text) == (403, True)
    tight.app.sweep()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (GrantQuota(), "bad-quota"),
        (GrantQuota("demo", "acme"), "bad-quota"),
        (GrantQuota("demo", file_bytes=0), "bad-size"),
        (GrantQuota("demo", file_bytes=-1), "bad-size"),
        (GrantQuota("demo", project_bytes=2**60), "bad-size"),
        (GrantQuota("demo", file_bytes=2000, door_bytes=1000), "above-the-door"),
        (GrantQuota("demo", reason="x" * 1001), "reason-too-long"),
        (GrantQuota("nothing"), "unknown"),
        (GrantQuota(organization="nothing"), "unknown-organization"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(small_world: World, command: GrantQuota, code: str) -> None:
    found_project(small_world, "demo")
    with refused(code):
        small_world.app.do(grant_quota, command)
    with refused("not-an-operator"):
        small_world.app.do(grant_quota, GrantQuota("demo", by=actor(small_world, "alice")))
