"""What other indexes are told of our projects: honest, once a day, and nothing of who lacks what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.catalog.downloads.tables import download
from customhouse.catalog.public_signals import public_signals, rounded
from customhouse.catalog.queries import find_project
from customhouse.catalog.staged_tables import release_rule
from customhouse.catalog.tables import file
from customhouse.index.mandates.announce import Announce, announce
from customhouse.index.mandates.change import Exempt, exempt
from customhouse.index.mandates.model import Dates
from customhouse.index.mark_critical import MarkCritical, mark_critical
from customhouse.index.public_signals import count_public_signals
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.views.define import AddView, add_view
from neighbours import found_project, join
from packages import wheel
from telling import settle, telling_world
from world import World

JSON = {"accept": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture
def world(database_settings: Settings, clock: TurnableClock, walkers: Walkers) -> Iterator[World]:
    with telling_world(database_settings, clock, walkers) as made:
        yield made


def told(world: World, name: str = "demo") -> dict[str, Any] | None:
    """What the project's page says, as everybody reads it."""
    answer = world.client.get(f"/simple/{name}/", headers=JSON)
    assert answer.status_code == 200
    found: dict[str, Any] | None = answer.json().get("_customhouse", {}).get("facts")
    return found


def downloaded(world: World, number: int, *, days_ago: int = 1) -> None:
    """So many networks have taken the project's first file on a day."""
    with world.app.database.write() as sql:
        file_id = sql.execute(sa.select(sa.func.min(file.c.id))).scalar_one()
        day = world.clock.now().date() - timedelta(days=days_ago)
        sql.execute(download.insert().values(file_id=file_id, day=day, counted_by="served", raw=number, counted=number))


def published(world: World, name: str = "demo", version: str = "1.0", **more: Any) -> None:
    assert world.upload(wheel(name, version, **more), name=name, version=version).status == 200


def test_a_page_tells_what_was_counted_with_its_date(world: World) -> None:
    published(world)
    settle(world)
    downloaded(world, 1234)
    assert count_public_signals(world.app.deeds) == 1
    said = told(world)
    assert said is not None
    assert said.pop("owner-changed").endswith("Z")
    assert said == {"date": "2026-11-24", "downloads": 1200, "dependents": 0, "owners": 1, "critical": False}


def test_a_view_tells_the_same(world: World) -> None:
    published(world)
    settle(world)
    downloaded(world, 1234)
    count_public_signals(world.app.deeds)
    world.app.do(add_view, AddView("main", (), "level = 'open'", ()))
    answer = world.client.get("/view/main/simple/demo/", headers=JSON)
    assert answer.json()["_customhouse"]["facts"] == told(world)


def test_counting_again_writes_nothing_and_leaves_the_ready_page(world: World) -> None:
    published(world)
    downloaded(world, 1234)
    count_public_signals(world.app.deeds)
    before = world.client.get("/simple/demo/", headers=JSON)
    downloaded(world, 20, days_ago=2)  # 1,254 is still 1,200
    assert count_public_signals(world.app.deeds) == 0
    again = world.client.get("/simple/demo/", headers={**JSON, "if-none-match": before.headers["etag"]})
    assert again.status_code == 304
    downloaded(world, 900, days_ago=3)
    assert count_public_signals(world.app.deeds) == 1
    changed = world.client.get("/simple/demo/", headers={**JSON, "if-none-match": before.headers["etag"]})
    assert (changed.status_code, changed.json()["_customhouse"]["facts"]["downloads"]) == (200, 2100)


def test_what_stays_the_same_is_told_with_a_new_date_after_a_week(world: World) -> None:
    published(world)
    count_public_signals(world.app.deeds)
    world.clock.turn(timedelta(days=6))
    assert count_public_signals(world.app.deeds) == 0
    world.clock.turn(timedelta(days=1))
    assert count_public_signals(world.app.deeds) == 1
    said = told(world)
    assert said is not None
    assert said["date"] == "2026-12-01"


def test_dependents_are_public_projects_whose_newest_release_needs_it(world: World) -> None:
    published(world)
    for name in ("one", "two"):
        published(world, name, headers={"Requires-Dist": "demo"})
    published(world, "two", "2.0")
    found_project(world, "hidden", visibility="private")
    published(world, "hidden", headers={"Requires-Dist": "demo"})
    count_public_signals(world.app.deeds)
    said = told(world)
    assert said is not None
    assert said["dependents"] == 1


def test_owners_that_change_are_told_at_once(world: World) -> None:
    published(world)
    settle(world)
    before = told(world)
    assert before is not None
    assert before["owners"] == 1
    world.clock.turn(timedelta(days=30))
    join(world, "bob", "owner")
    settle(world)
    after = told(world)
    assert after is not None
    assert (after["owners"], after["owner-changed"][:10]) == (2, "2026-12-24")


def test_a_critical_mark_and_publishers_alone_are_told_at_once(world: World) -> None:
    published(world)
    world.app.do(mark_critical, MarkCritical("demo", "Many build on it."))
    with world.app.database.write() as sql:
        project_id = sql.execute(sa.select(file.c.project_id)).scalar_one()
        sql.execute(
            release_rule.insert().values(project_id=project_id, publishers_only=True, changed_at=world.clock.now())
        )
    settle(world)
    said = told(world)
    assert said is not None
    assert (said["critical"], said["critical-since"][:10], said["publishers-only"]) == (True, "2026-11-24", True)


def test_of_second_factors_only_that_they_are_required_of_all_is_told(world: World) -> None:
    published(world)
    settle(world)
    assert "owner-2fa" not in (told(world) or {})
    now = world.clock.now()
    mandate = world.app.do(announce, Announce("All", "all", "any", Dates(now, now, now + timedelta(days=1))))
    count_public_signals(world.app.deeds)
    assert "owner-2fa" not in (told(world) or {})
    world.clock.turn(timedelta(days=2))
    count_public_signals(world.app.deeds)
    assert (told(world) or {})["owner-2fa"] == "all"
    # Whoever is let off is not named, nor counted: there is no statement any more.
    world.app.do(exempt, Exempt(mandate.id, "Ill.", world.clock.now() + timedelta(days=30), account="alice"))
    world.clock.turn(timedelta(days=4))  # such a change waits
    settle(world)
    count_public_signals(world.app.deeds)
    assert "owner-2fa" not in (told(world) or {})


def test_nothing_is_counted_of_private_projects(world: World) -> None:
    found_project(world, "hidden", visibility="private")
    settle(world)
    assert count_public_signals(world.app.deeds) == 0
    with world.app.database.read() as sql:
        found = find_project(sql, "hidden")
        assert found is not None
        assert public_signals(sql, found.id) is None


def test_a_thousand_projects_cost_a_bounded_number_of_statements_each_batch(world: World) -> None:
    for name in ("one", "two"):
        found_project(world, name)
    with world.statements() as heard:
        count_public_signals(world.app.deeds)
    few = len(heard)
    for number in range(12):
        found_project(world, f"more-{number}")
    with world.statements() as heard:
        count_public_signals(world.app.deeds)
    assert len(heard) <= few


@pytest.mark.parametrize(("number", "told_as"), [(0, 0), (9, 9), (99, 99), (101, 100), (1234, 1200), (98765, 98000)])
def test_numbers_are_rounded_down_to_two_digits(number: int, told_as: int) -> None:
    assert rounded(number) == told_as


def test_the_day_is_a_date(world: World) -> None:
    published(world)
    count_public_signals(world.app.deeds)
    with world.app.database.read() as sql:
        found = find_project(sql, "demo")
        assert found is not None
        signals = public_signals(sql, found.id)
    assert signals is not None
    assert signals.day == date(2026, 11, 24)
