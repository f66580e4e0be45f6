"""Downloads as people and programs read them: the project's page, JSON, CSV; nothing of private projects."""

from __future__ import annotations

import csv
import io
import re
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from customhouse.catalog.downloads.fold import Pace, Source, fold
from customhouse.catalog.downloads.fold_spools import fold_spools
from customhouse.catalog.people_events import VisibilityChanged
from customhouse.catalog.tables import project
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.count_spool import CountSpool, counts_folder
from customhouse.infra.settings import Settings
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import OPERATOR
from customhouse.web.asgi import build
from packages import Dist, wheel
from world import World

OLD, NEW = wheel(), wheel(version="2.0")
API = "/api/projects/demo/downloads"


@pytest.fixture
def taken(small_world: World) -> World:
    """Version 1.0 was taken three times from one network a month ago; both versions by two networks today."""
    small_world.upload(OLD)
    small_world.upload(NEW, version="2.0")
    take(small_world, OLD, "203.0.113.7", times=3)
    small_world.clock.turn(timedelta(days=31))
    for dist in (OLD, NEW):
        take(small_world, dist, "203.0.113.7", times=2)
        take(small_world, dist, "198.51.100.1")
    return small_world


def take(world: World, dist: Dist, peer: str, *, times: int = 1) -> None:
    with closing(CountSpool(world.app.settings.data, world.clock, ClientHashes(world.app.key.secret), ())) as counts:
        for _ in range(times):
            counts.count(dist.filename, {"client": (peer, 1)})
    fold_spools(world.app.database, counts_folder(world.app.settings.data), world.clock.now())


def test_json_has_days_versions_and_files(taken: World) -> None:
    answer = taken.client.get(API)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "project": "demo",
        "since": "2026-09-27",
        "until": "2026-12-25",
        "origin_only": False,
        "total": {"raw": 9, "counted": 5},
        "days": [
            {"day": "2026-11-24", "raw": 3, "counted": 1},
            {"day": "2026-12-25", "raw": 6, "counted": 4},
        ],
        "versions": [{"version": "1.0", "raw": 6, "counted": 3}, {"version": "2.0", "raw": 3, "counted": 2}],
        "files": [
            {"filename": OLD.filename, "version": "1.0", "raw": 6, "counted": 3},
            {"filename": NEW.filename, "version": "2.0", "raw": 3, "counted": 2},
        ],
    }
    assert taken.client.get(f"{API}?days=30").json()["total"] == {"raw": 6, "counted": 4}
    assert taken.client.get(f"{API}?days=1").json()["since"] == "2026-12-25"
    again = taken.client.get(API, headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == httpx.codes.NOT_MODIFIED


def test_csv_has_a_line_for_each_day_and_file(taken: World) -> None:
    answer = taken.client.get(f"{API}.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="demo-downloads.csv"'
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["day", "version", "filename", "raw", "counted"],
        ["2026-11-24", "1.0", OLD.filename, "3", "1"],
        ["2026-12-25", "1.0", OLD.filename, "3", "2"],
        ["2026-12-25", "2.0", NEW.filename, "3", "2"],
    ]
    assert len(taken.client.get(f"{API}.csv?days=30").text.splitlines()) == 3


@pytest.mark.parametrize("days", ["0", "-1", "367", "9" * 40, "ten", "", "1.5", "٣", " 3"])
@pytest.mark.parametrize("ending", ["", ".csv"])
def test_a_bad_number_of_days_is_named(small_world: World, days: str, ending: str) -> None:
    small_world.upload(OLD)
    answer = small_world.client.get(f"{API}{ending}", params={"days": days})
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert "1 to 366" in answer.text


def make_private(name: str, tx: Tx) -> None:
    tx.sql.execute(sa.update(project).where(project.c.normalized == name).values(visibility="private"))
    tx.record(VisibilityChanged(OPERATOR, name, visibility="private", before="public"))


@pytest.mark.parametrize("address", [API, f"{API}.csv"])
def test_a_private_project_is_answered_like_an_unknown_one(taken: World, address: str) -> None:
    unknown = taken.client.get(address.replace("demo", "nothing"))
    taken.app.do(make_private, "demo")
    strange = taken.client.get(address)
    assert strange.status_code == unknown.status_code == httpx.codes.NOT_FOUND
    assert strange.text == unknown.text.replace("nothing", "demo")
    mine = taken.client.get(address, auth=("__token__", taken.user()))
    assert mine.status_code == httpx.codes.OK
    assert mine.headers["cache-control"] == "private, no-store"


def test_the_page_shows_totals_and_a_chart_that_can_be_heard(taken: World) -> None:
    page = taken.client.get("/project/demo/").text
    assert "4 in the last 30 days, each client network counted once per file and day (6 in all)." in page
    drawn = re.search(r'<svg class="chart".*?</svg>', page, re.DOTALL)
    assert drawn is not None
    svg = drawn[0]
    assert 'role="img" aria-labelledby="downloads-title downloads-desc"' in svg
    assert '<title id="downloads-title">Downloads of demo by day, 27 Sep 2026 to 25 Dec 2026</title>' in svg
    assert "The most were counted on 25 Dec 2026: 4 counted, 6 in all." in svg
    assert svg.count('class="solid"') == svg.count('class="pale"') == 2
    assert "<script" not in page
    assert "style=" not in svg
    assert "Origin only" not in page
    table = page[page.index("The same in numbers") :]
    assert '<th scope="row">20 Dec 2026</th><td class="number">4</td><td class="number">6</td>' in table
    assert f'<a href="{API}.csv">CSV</a>' in table


def test_a_project_that_nobody_took_says_so(small_world: World) -> None:
    small_world.upload(OLD)
    page = small_world.client.get("/project/demo/").text
    assert "0 in the last 30 days." in page
    assert 'id="downloads-title"' not in page


def test_behind_a_cdn_without_its_logs_the_page_says_origin_only(taken: World) -> None:
    settings = Settings.model_validate({"data": taken.app.settings.data, "cdn": True})
    client = TestClient(build(replace(taken.app, settings=settings)), base_url="http://index.test")
    assert "<strong>Origin only:</strong>" in client.get("/project/demo/").text
    assert client.get(API).json()["origin_only"] is True
    source = Source("log-1", "log", 0)
    fold(taken.app.database, source, [], start=0, end=0, now=taken.clock.now(), pace=Pace())
    assert "Origin only" not in client.get("/project/demo/").text
    assert client.get(API).json()["origin_only"] is False
