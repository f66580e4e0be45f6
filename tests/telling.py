"""A world that tells others: its followers have begun, and it may send to receivers on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from starlette.testclient import TestClient

from clock import TurnableClock
from customhouse.app import open_app
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.web.asgi import build
from customhouse.work import run_due_job, run_followers
from world import World


@contextmanager
def telling_world(
    settings: Settings, clock: TurnableClock, walkers: Walkers | None = None, /, **more: object
) -> Iterator[World]:
    """A world on a prepared installation. Its followers have seen the (empty) ledger, so they miss nothing.

    ``walkers`` are the session's: its own take a second to start.
    """
    values: dict[str, object] = {"private_networks_allowed": ("127.0.0.0/8",), "url": "https://index.test", **more}
    settings = Settings.model_validate(settings.model_dump() | values)
    with (
        open_app(settings, clock=clock, walkers=walkers) as app,
        TestClient(build(app), base_url="https://index.test") as client,
    ):
        run_followers(app)
        made = World(app, clock, client)
        yield made
        made.check()


def settle(world: World) -> None:
    """Let the followers hear of everything and run every job that is due now."""
    while run_followers(world.app) | run_due_job(world.app):
        pass


def settle_for(world: World, time: timedelta, *, step: timedelta = timedelta(minutes=15)) -> None:
    """The same while time goes by in steps."""
    for _ in range(round(time / step)):
        world.clock.turn(step)
        settle(world)
