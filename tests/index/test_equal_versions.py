"""1.0 and 1.0.0 are one version to installers (PEP 440), so they are one release here: the spelling that came first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from customhouse.accounts.tokens import CreateToken
from customhouse.catalog.tables import release
from customhouse.terms.scope import scope_for
from packages import sdist, wheel
from staging import Stager
from world import World, upload


def versions(world: World) -> list[str]:
    answer = world.client.get("/simple/demo/", headers={"accept": "application/vnd.pypi.simple.v1+json"})
    return sorted(answer.json()["versions"])


def test_a_closed_release_is_not_reopened_by_another_spelling(world: World) -> None:
    assert world.upload(wheel("demo", "1.0")).status == 200
    world.clock.turn(timedelta(days=400))
    late = world.upload(sdist("demo", "1.0"))
    assert (late.status, "closed to new files" in late.text) == (403, True)
    other = world.upload(wheel("demo", "1.0.0"), version="1.0.0")
    assert other.status == 400, other.text
    assert "1.0.0 is the release 1.0" in other.text
    assert versions(world) == ["1.0"]


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("1.0", "1.0.0", True),
        ("1.0.0", "1.0", True),
        ("1", "1.0.0.0", True),
        ("0.0", "0", True),
        ("1.0rc1", "1.0.0rc1", True),
        ("2!1.0.post1", "2!1.post1", True),
        ("1.0", "1!1.0", False),
        ("1.0", "1.0.post0", False),
        ("1.0", "1.0.1", False),
        ("1.0", "1.0.0rc1", False),
        ("1.0", "10", False),
        ("1.0", "1.0.0.dev0", False),
    ],
)
def test_two_spellings_of_one_version_are_no_two_releases(
    small_world: World, first: str, second: str, *, is_one: bool
) -> None:
    assert small_world.upload(wheel("demo", first), version=first).status == 200
    answer = small_world.upload(wheel("demo", second), version=second)
    assert answer.status == (400 if is_one else 200), answer.text
    assert (f"{second} is the release {first}" in answer.text) is is_one
    again = small_world.upload(sdist("demo", first), version=first)
    assert again.status == 200, again.text


def test_where_both_spellings_are_from_before_each_takes_its_own_files(small_world: World) -> None:
    assert small_world.upload(wheel("demo", "1.0")).status == 200
    with small_world.app.database.write() as sql:
        sql.execute(release.insert().values(project_id=1, version="1.0.0", created_at=small_world.clock.now()))
    for version in ("1.0", "1.0.0"):
        assert small_world.upload(sdist("demo", version), version=version).status == 200
    assert small_world.upload(sdist("demo", "1"), version="1").status == 400


@pytest.mark.parametrize(("first", "second"), [("1.0", "1.0.0"), ("1.0.0", "1.0")])
def test_a_session_holds_its_version_however_it_is_spelled(small_world: World, first: str, second: str) -> None:
    stager = Stager(small_world.client, small_world.user())
    session = stager.session("demo", first)
    answer = stager.open("demo", second)
    assert answer.status_code == 409, answer.text
    assert f"{second} is the release {first}" in answer.text
    assert stager.open("demo", "1!1.0").status_code == 201
    stager.add(session, wheel("demo", first))
    assert stager.publish(session).status_code == 201
    again = stager.open("demo", second)
    assert again.status_code == 409, again.text
    assert f"{second} is the release {first}" in again.text
    # The session of another version that began before is none the worse for it.
    assert stager.open("demo", "1.0.post0").status_code == 201


def test_a_session_is_not_published_beside_another_spelling_that_came_meanwhile(small_world: World) -> None:
    stager = Stager(small_world.client, small_world.user())
    session = stager.session("demo", "1.0")
    stager.add(session, wheel("demo", "1.0"))
    assert small_world.upload(wheel("demo", "1.0.0"), version="1.0.0").status == 200
    answer = stager.publish(session)
    assert answer.status_code == 409, answer.text
    assert "1.0 is the release 1.0.0" in answer.text
    assert versions(small_world) == ["1.0.0"]


def test_what_only_stages_gets_no_second_session_by_another_spelling(small_world: World) -> None:
    small_world.user()
    token = small_world.app.create_token(CreateToken("alice", scope=scope_for(actions=["stage"]))).text
    assert upload(small_world.client, token, wheel("demo", "1.0"), name="demo", version="1.0").status == 202
    answer = upload(small_world.client, token, wheel("demo", "1.0.0"), name="demo", version="1.0.0")
    assert answer.status == 400, answer.text
    assert "1.0.0 is the release 1.0" in answer.text
