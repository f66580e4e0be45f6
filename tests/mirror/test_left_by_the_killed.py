"""What a killed process has left lying about beside a growing file misleads nobody."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from clock import TurnableClock
from conftest import Where, prepared, settings_for
from customhouse.app import App, open_app
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.mirror.objects import Objects
from customhouse.mirror.partial import Partial, State, failed, key_of
from customhouse.terms.errors import Unavailable
from upstream_files import Got, big_wheel, fetch, listed, path_of
from upstream_world import Asked, Said, UpstreamWorld, upstream_world

SECONDS = 30.0


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        yield running


@pytest.fixture
def app(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock, walkers: Walkers, upstream: UpstreamWorld
) -> Iterator[App]:
    plain = prepared(settings_for(Where(), tmp_path / "data", request), request)
    settings = Settings.model_validate(plain.model_dump() | upstream.settings())
    with open_app(settings, clock=clock, walkers=walkers) as opened:
        yield opened


def another_process(app: App) -> Objects:
    """Locks of files belong to whoever has opened them: two of these are to one another as two processes are."""
    return replace(app.objects, _flights={}, _metadata={}, _guard=threading.Lock())


def test_the_word_of_a_dead_one_that_all_was_good_makes_no_beginning_a_whole(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist, sha256="", size_bytes=None)
    partial = Partial(app.objects.folder, key_of("pypi", file.filename, "", file.url))
    with os.fdopen(partial.open(), "wb") as left:
        left.write(dist.body)
    partial.say(State(len(dist.body), "", "good", dist.sha256))
    begun, rest = threading.Event(), threading.Event()

    def slowly(_asked: Asked) -> Said:
        begun.set()
        assert rest.wait(SECONDS)
        return Said(200, dist.body)

    upstream.instead[path_of(upstream, file)] = slowly
    with ThreadPoolExecutor(2) as clients:
        first = clients.submit(fetch, app.objects, file, project)
        assert begun.wait(SECONDS)
        second = clients.submit(fetch, another_process(app), file, project)
        # Either it reads along, as it should, or it has taken the dead one's word.
        while not list(app.objects.folder.glob("*.wait")) and not second.done():
            rest.wait(0.01)
        early = second.done()
        rest.set()
        got: list[Got] = [first.result(SECONDS), second.result(SECONDS)]
    assert not early
    assert [one.body == dist.body for one in got] == [True, True]


def test_a_failure_of_before_the_machine_was_started_is_not_told_again(app: App, upstream: UpstreamWorld) -> None:
    dist = big_wheel()
    file, project = listed(upstream, dist)
    partial = Partial(app.objects.folder, key_of("pypi", file.filename, dist.sha256, file.url))
    partial.say(replace(failed(Unavailable("The upstream", "it was away")), ended_at=time.monotonic() + 1e6))
    assert fetch(app.objects, file, project).body == dist.body
