"""Races of changes that wait, on both databases, in two processes' worth of apps, and after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from clock import TurnableClock
from customhouse.app import open_app
from customhouse.index.change_role import RemoveRole, remove_role
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.veto import Veto, veto
from customhouse.index.slow.withdraw import WithdrawChange, withdraw_change
from customhouse.index.waited.apply import apply_change, apply_due
from customhouse.infra.settings import Settings
from customhouse.work import run_due_job
from interleaving import one_after_the_other
from neighbours import actor, events, found_project, join, roles, user
from slowly import HOURS_72, change, guard
from telling import telling_world
from world import World

pytestmark = pytest.mark.slow


@pytest.fixture
def world(database_settings: Settings, clock: TurnableClock) -> Iterator[World]:
    with telling_world(database_settings, clock) as made:
        yield made


@pytest.fixture
def pending(world: World) -> PendingChange:
    """Alice has asked for the removal of bob, carol is an owner too, and it is due now."""
    found_project(world)
    for who in ("bob", "carol"):
        join(world, who, "owner")
    world.clock.turn(timedelta(days=30))
    guard(world)
    waits = world.app.do(remove_role, RemoveRole("demo", "bob", actor(world, "alice")))
    assert isinstance(waits, PendingChange)
    world.clock.turn(HOURS_72)
    return waits


def test_a_veto_just_before_the_change_is_made_stops_it(world: World, pending: PendingChange) -> None:
    carol = user(world, "carol").id
    outcomes = one_after_the_other(world, (veto, Veto(pending.id, carol)), (apply_change, pending.id))
    assert outcomes == ("done", "done")
    assert change(world, pending.id).state == "contested"
    assert roles(world)["bob"] == "owner"


def test_a_veto_just_after_comes_too_late(world: World, pending: PendingChange) -> None:
    carol = user(world, "carol").id
    outcomes = one_after_the_other(world, (apply_change, pending.id), (veto, Veto(pending.id, carol)))
    assert outcomes == ("done", "change-over")
    assert "bob" not in roles(world)


def test_of_withdrawing_and_making_one_happens(world: World, pending: PendingChange) -> None:
    wish = WithdrawChange(pending.id, actor(world, "alice"))
    assert one_after_the_other(world, (apply_change, pending.id), (withdraw_change, wish)) == ("done", "change-over")
    assert change(world, pending.id).state == "applied"


def test_a36_two_workers_make_a_change_once(world: World, pending: PendingChange) -> None:
    with (
        open_app(world.app.settings, clock=world.clock, walkers=world.app.walkers) as other,
        ThreadPoolExecutor(2) as threads,
    ):
        made = [threads.submit(apply_due, app.deeds, pending.id) for app in (world.app, other)]
        assert sorted(one.result() for one in made) == [False, True]
    assert len(events(world, "role-removed")) == 1


def test_a36_what_waits_outlives_a_restart(world: World, pending: PendingChange) -> None:
    with open_app(world.app.settings, clock=world.clock, walkers=world.app.walkers) as again:
        while run_due_job(again):
            pass
    assert change(world, pending.id).state == "applied"
    assert "bob" not in roles(world)
