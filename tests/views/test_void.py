"""What makes rendered pages of views void: exactly what a change concerns, within one round of the worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from advising import advise, know_exploited, record
from clock import TurnableClock
from customhouse.catalog.hosted import changed_serial
from customhouse.catalog.tables import name
from customhouse.infra.pages import epoch_name, name_in_views
from customhouse.infra.settings import Settings
from customhouse.infra.tables import job
from customhouse.infra.walkers import Walkers
from customhouse.views.define import AddView, add_view
from customhouse.views.void import VOID_JOB
from customhouse.work import run_followers
from neighbours import found_project, join
from telling import settle, telling_world
from world import World


@pytest.fixture
def world(database_settings: Settings, clock: TurnableClock, walkers: Walkers) -> Iterator[World]:
    """With two names of an upstream."""
    with telling_world(database_settings, clock, walkers) as made:
        with made.app.database.write() as sql:
            for one in ("urllib3", "requests"):
                sql.execute(
                    name.insert().values(
                        normalized=one, ultranormalized=one, state="upstream", upstream="pypi", claimed_at=clock.now()
                    )
                )
        yield made


def viewed(world: World) -> None:
    world.app.do(add_view, AddView("prod", ("pypi",), 'level = "balanced"\n', ("pypi",)))
    settle(world)


def serials(world: World, *names: str) -> list[int]:
    with world.app.database.read() as sql:
        return [changed_serial(sql, one) for one in names]


def test_without_a_view_nothing_is_to_be_voided(world: World) -> None:
    advise(world.app, record("PYSEC-2026-1", "urllib3"))
    run_followers(world.app)
    with world.app.database.read() as sql:
        assert sql.execute(sa.select(job.c.id).where(job.c.name == VOID_JOB)).first() is None


def test_advisories_void_what_they_name_and_nothing_else(world: World) -> None:
    viewed(world)
    before = serials(world, name_in_views("urllib3"), name_in_views("requests"), epoch_name("prod"))
    advise(world.app, record("PYSEC-2026-1", "urllib3"), record("PYSEC-2026-2", "nobody-has-this"))
    settle(world)
    after = serials(world, name_in_views("urllib3"), name_in_views("requests"), epoch_name("prod"))
    assert after[0] > before[0]
    assert after[1:] == before[1:]
    assert serials(world, name_in_views("nobody-has-this")) == [0]


def test_what_is_known_of_exploitation_voids_everything(world: World) -> None:
    viewed(world)
    before = serials(world, epoch_name("prod"))
    know_exploited(world.app, "CVE-2026-1111")
    settle(world)
    assert serials(world, epoch_name("prod")) > before


def test_owners_that_change_void_their_project(world: World) -> None:
    found_project(world)
    viewed(world)
    before = serials(world, name_in_views("demo"), name_in_views("requests"))
    join(world, "bob", "owner")
    settle(world)
    after = serials(world, name_in_views("demo"), name_in_views("requests"))
    assert after[0] > before[0]
    assert after[1] == before[1]
