"""The page that says who owns a name: for everybody, and for operators."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from clock import TurnableClock
from conftest import prepared
from customhouse.app import open_app
from customhouse.index.prohibited import Prohibit, prohibit
from customhouse.infra.settings import Settings
from customhouse.web.asgi import build
from packages import wheel
from upstream_world import UpstreamWorld, upstream_world
from world import IDLE, World

HOUR = timedelta(hours=1)


@pytest.fixture
def upstream() -> Iterator[UpstreamWorld]:
    with upstream_world() as running:
        running.add(wheel("theirs", "1.0"))
        yield running


@pytest.fixture
def place(
    request: pytest.FixtureRequest, tmp_path: Path, upstream: UpstreamWorld, clock: TurnableClock
) -> Iterator[World]:
    settings = prepared(Settings.model_validate({"data": tmp_path / "data"} | upstream.settings()), request)
    with (
        open_app(settings, clock=clock, walkers=IDLE) as app,
        TestClient(build(app), base_url="http://index.test") as client,
    ):
        app.upstreams.project("theirs", ("pypi",), within=HOUR)
        app.do(prohibit, Prohibit("forbidden", "a long story"))
        yield World(app, clock, client)


def read(place: World, name: str) -> str:
    answer = place.client.get(f"/name/{name}/", headers={"accept": "text/html"})
    assert answer.status_code == httpx.codes.OK
    return answer.text


def test_a_name_of_an_upstream_says_which(place: World) -> None:
    assert "from the upstream pypi" in read(place, "theirs")


def test_a_prohibited_name_looks_like_one_that_nobody_has(place: World) -> None:
    assert read(place, "forbidden").replace("forbidden", "x") == read(place, "free-one").replace("free-one", "x")


def test_looking_asks_no_upstream(place: World, upstream: UpstreamWorld) -> None:
    asked = len(upstream.asked)
    read(place, "never-asked")
    assert len(upstream.asked) == asked


def test_other_spellings_lead_to_the_one_that_is_compared(place: World) -> None:
    answer = place.client.get("/name/The.irs_X/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (301, "/name/the-irs-x/")


@pytest.mark.parametrize("name", ["-x", "x" * 101, "%F0%9F%98%80", "a%20b"])
def test_what_is_no_name_is_refused(place: World, name: str) -> None:
    assert place.client.get(f"/name/{name}/").status_code == httpx.codes.BAD_REQUEST


def test_operators_read_the_history(place: World) -> None:
    told = place.operator().get("/name/theirs/").text
    assert "found the name at the upstream pypi, 1 files" in told
    assert "Only pypi is asked for it" in told
    assert "a long story" in place.operator("otto").get("/name/forbidden/").text
    assert "found the name" not in read(place, "theirs")
