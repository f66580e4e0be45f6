"""Slow motion for tests: letting time pass until what waits is due, and reading what waits."""

from __future__ import annotations

from datetime import timedelta

from customhouse.catalog import queries as catalog
from customhouse.catalog import rights
from customhouse.index import people
from customhouse.index.slow import queries
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.protect import Protect, protect
from customhouse.work import run_due_job, run_followers
from neighbours import actor
from world import World

HOURS_72 = timedelta(hours=72)


def guard(world: World, project: str = "demo", by: str = "alice") -> None:
    """Ask for slow motion."""
    world.app.do(protect, Protect(project, on=True, by=actor(world, by)))


def settle(world: World) -> None:
    """Tell followers and run whatever is due now."""
    while run_followers(world.app):
        pass
    while run_due_job(world.app):
        pass


def pass_time(world: World, span: timedelta = HOURS_72) -> None:
    """Let time pass, and run what is due then."""
    settle(world)
    world.clock.turn(span)
    settle(world)


def waiting(world: World, project: str = "demo") -> list[PendingChange]:
    """What waits for a project."""
    with world.app.database.read() as sql:
        found = catalog.find_project(sql, project)
        assert found is not None
        return queries.open_changes_of_project(sql, found.id)


def change(world: World, change_id: int) -> PendingChange:
    """One change as it is now."""
    with world.app.database.read() as sql:
        return queries.find_change(sql, change_id)


def owners(world: World, project: str = "demo") -> set[str]:
    """The names of a project's owners."""
    with world.app.database.read() as sql:
        found = catalog.find_project(sql, project)
        assert found is not None
        ids = [account_id for account_id, role in rights.people_of(sql, found.id) if role == "owner"]
        return {user.name for user in people.users_by_id(sql, ids).values()}
