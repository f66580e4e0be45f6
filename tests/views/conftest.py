"""A world with a view, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clock import TurnableClock
from conftest import DATABASES, Where, prepared, settings_for
from customhouse.infra.walkers import Walkers
from letting_in import LettingIn, letting_in
from packages import sdist, wheel
from upstream_world import UpstreamWorld, upstream_world


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    """An upstream with one project of two old releases."""
    with upstream_world() as running:
        running.add(wheel("demo", "1.0"))
        running.add(sdist("demo", "1.0"))
        running.add(wheel("demo", "2.0"))
        yield running


@pytest.fixture(params=DATABASES)
def views(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock, walkers: Walkers, upstream: UpstreamWorld
) -> Iterator[LettingIn]:
    """A view ``main`` of that upstream, under the policy ``balanced``."""
    settings = prepared(settings_for(Where(request.param), tmp_path / "data", request), request)
    with letting_in(settings, upstream, clock, walkers) as made:
        yield made


@pytest.fixture
def small_views(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock, walkers: Walkers, upstream: UpstreamWorld
) -> Iterator[LettingIn]:
    """The same on SQLite alone."""
    settings = prepared(settings_for(Where(), tmp_path / "data", request), request)
    with letting_in(settings, upstream, clock, walkers) as made:
        yield made
