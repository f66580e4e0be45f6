"""The dashboard: page, CSV and JSON say the same; 400 days are seen; an empty index is met kindly; nobody is named."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta
from html import unescape
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st

import trust_town
from customhouse.accounts.tables import account, second_factor
from customhouse.catalog.tables import critical_mark
from customhouse.index.mandates.tables import mandate
from customhouse.index.trust.model import RANGES, STEP
from customhouse.index.trust.snapshot import take_snapshot
from customhouse.web.pages.area_chart import Column, area_chart, runs, scale_top
from customhouse.web.pages.trust import listed, share, span
from customhouse.web.pages.trust_numbers import COLUMNS, trust_numbers
from customhouse.work import JOBS
from neighbours import found_project, user
from world import World

DAY = timedelta(days=1)


@pytest.fixture
def town(small_world: World) -> World:
    trust_town.found(small_world.app)
    return small_world


def taken_home(world: World, table: str, chosen: str = "180d") -> list[dict[str, str]]:
    answer = world.client.get(f"/trust/{table}.csv?range={chosen}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def shown(page: str, label: str) -> list[list[str]]:
    """The body of the table with that label, as texts."""
    found = re.search(rf'aria-label="{label}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    assert found is not None, label
    rows = re.findall(r"<tr>(.*?)</tr>", found[1], re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in row] for row in cells]


def as_text(value: object) -> str:
    return "" if value is None else str(value)


def plain(cell: str) -> str:
    """A number of the page as CSV has it."""
    return "" if cell == "–" else cell.replace(",", "")


@pytest.mark.parametrize("chosen", RANGES)
def test_page_csv_and_json_say_the_same(town: World, chosen: str) -> None:
    data: dict[str, Any] = town.client.get(f"/trust/data.json?range={chosen}").json()
    page = town.client.get(f"/trust/?range={chosen}").text
    for table, columns in COLUMNS.items():
        rows = taken_home(town, table, chosen)
        assert rows == [{name: as_text(row[name]) for name in columns} for row in data[table]], table
    by_day = {date.fromisoformat(row["day"]): row for row in taken_home(town, "accounts", chosen)}
    on_page = shown(page, "Table of accounts by day")
    assert on_page
    days = [date.fromisoformat(day) for day in re.findall(r'<th scope="row"><time datetime="([0-9-]+)"', page)]
    for day, row in zip(days, on_page, strict=False):
        names = ("accounts", "second_factor", "webauthn_only", "webauthn_and_totp", "totp_only", "others")
        assert [plain(cell) for cell in row[1:]] == [by_day[day][name] for name in names]
    assert [[plain(cell) for cell in row] for row in shown(page, "Table of people per project")] == [
        [row["people"], row["critical_projects"]] for row in taken_home(town, "people")
    ]
    [keys] = taken_home(town, "keys")
    assert [plain(cell) for cell in shown(page, "Table of giveaways")[0][3:]] == [
        keys[name] for name in ("eligible", "people", "loaded", "claimed", "left", "expired")
    ]
    assert [row[0] for row in shown(page, "Table of mandates")] == [
        row["title"] for row in taken_home(town, "mandates")
    ]
    newest = max(by_day)
    methods = [plain(row[1]) for row in shown(page, "Table of methods")]
    assert methods == [by_day[newest][name] for name in ("webauthn_only", "webauthn_and_totp", "totp_only", "others")]


def test_what_is_shown_of_today_is_what_is_in_the_rows(town: World) -> None:
    with town.app.database.read() as sql:
        accounts = sql.execute(sa.select(sa.func.count()).select_from(account)).scalar_one()
        have = sql.execute(sa.select(sa.func.count(sa.distinct(second_factor.c.account_id)))).scalar_one()
    newest = taken_home(town, "accounts")[-1]
    assert int(newest["accounts"]) == accounts
    assert 0 <= have - int(newest["second_factor"]) < 3 * STEP


@pytest.mark.slow
def test_after_400_days_the_whole_series_is_seen_with_its_gap(small_world: World) -> None:
    """The worker counts every day for 400 days, but for ten on which it does not run."""
    world = small_world
    for number in range(12):
        user(world, f"person{number}")
    began = world.clock.now().date()
    for number in range(400):
        if number % 40 == 0 and number // 40 < 10:
            with world.app.database.write() as sql:
                row = {"account_id": number // 40 + 1, "method": "webauthn", "label": "key"}
                sql.execute(second_factor.insert().values(**row, created_at=world.clock.now()))
        world.clock.turn(DAY)
        if not 200 <= number < 210:
            JOBS["trust-snapshot"](world.app, {})
    rows = taken_home(world, "accounts", "all")
    days = [date.fromisoformat(row["day"]) for row in rows]
    assert (days[0], days[-1], len(days)) == (began + DAY, began + 400 * DAY, 390)
    gaps = [(before, after) for before, after in pairwise(days) if after - before != DAY]
    assert gaps == [(began + 200 * DAY, began + 211 * DAY)]
    series = [int(row["second_factor"]) for row in rows if row["second_factor"]]
    assert series == sorted(series)
    assert (series[0], series[-1]) == (5, 10)
    page = world.client.get("/trust/?range=all").text
    assert "10 days were not counted" in page
    assert page.count('<path class="solid"') == 2, "two stretches, and nothing across the gap"
    for chosen, length in (("30d", 31), ("180d", 181), ("1y", 366 - 10)):
        assert len(taken_home(world, "accounts", chosen)) == length


def test_an_empty_index_is_met_kindly(small_world: World) -> None:
    page = small_world.client.get("/trust/")
    assert page.status_code == 200
    assert "Nothing has been counted yet" in page.text
    assert small_world.client.get("/trust/data.json").json() == {"counted": False}
    for table, columns in COLUMNS.items():
        assert small_world.client.get(f"/trust/{table}.csv").text.strip() == ",".join(columns)
    take_snapshot(small_world.app.database, small_world.clock.now())
    page = small_world.client.get("/trust/")
    assert page.status_code == 200
    assert "Fewer than 5 are known to have a second factor" in page.text
    assert "No project is marked as critical yet." in page.text
    assert "Nobody had to get an account back" in page.text


def test_small_numbers_about_second_factors_are_not_told_anywhere(small_world: World) -> None:
    found_project(small_world)
    with small_world.app.database.write() as sql:
        sql.execute(critical_mark.insert().values(normalized="demo", reason="x", marked_at=small_world.clock.now()))
    take_snapshot(small_world.app.database, small_world.clock.now())
    [row] = taken_home(small_world, "accounts")
    assert (row["critical_people"], row["critical_people_with_second_factor"], row["second_factor"]) == ("1", "", "")
    assert taken_home(small_world, "single-maintainer") == [{"project": "demo"}]
    data = small_world.client.get("/trust/data.json").json()
    assert data["accounts"][0]["others"] is None
    page = small_world.client.get("/trust/").text
    assert '<a href="/project/demo/">demo</a>' in page
    assert "alice" not in page + str(data)


def test_a_planned_mandate_and_a_giveaway_to_come_are_not_announced_by_the_dashboard(town: World) -> None:
    town.clock.turn(timedelta(days=-(trust_town.ANNOUNCED + 5)))
    numbers = trust_numbers(town.app, "all")
    assert numbers is not None
    assert (numbers.mandates, numbers.keys) == ([], [])


def test_strangers_caches_may_keep_it_and_ask_again(town: World) -> None:
    for address in ("/trust/", "/trust/data.json"):
        answer = town.client.get(address)
        assert answer.headers["cache-control"] == "no-cache"
        again = town.client.get(address, headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
    assert town.person("alice").get("/trust/").headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    "address", ["/trust/?range=5m", "/trust/nothing.csv", "/trust/accounts.csv?range=", "/trust/..csv"]
)
def test_what_is_not_there_is_said(small_world: World, address: str) -> None:
    assert small_world.client.get(address).status_code in (400, 404)


def test_no_cell_of_a_table_is_a_formula(town: World) -> None:
    with town.app.database.write() as sql:
        sql.execute(mandate.update().values(title="=HYPERLINK(1)"))
    assert all(row["title"] == "'=HYPERLINK(1)" for row in taken_home(town, "mandates"))


@given(st.lists(st.one_of(st.none(), st.integers(0, 99)), max_size=60))
def test_nothing_is_drawn_across_a_gap(values: list[int | None]) -> None:
    since = date(2026, 1, 1)
    columns = [Column(since + number * DAY, None if value is None else (value,)) for number, value in enumerate(values)]
    found = runs(columns)
    assert [one for run in found for one in run] == [one for one in columns if one.values is not None]
    for run in found:
        assert all(after.day - before.day == DAY for before, after in pairwise(run))
    drawn = area_chart("x", columns, ("solid",), since=since, until=since + 60 * DAY, title="t", description="d")
    assert drawn.count("<path") == len(found)


@given(st.integers(0, 4000), st.dates(date(2026, 1, 1), date(2030, 1, 1)))
@example(days=72, until=date(2026, 1, 5))  # the first name begins at the left edge
def test_the_names_below_a_chart_do_not_touch_even_on_a_phone(days: int, until: date) -> None:
    drawn = area_chart("x", [], (), since=until - days * DAY, until=until, title="t", description="d")
    found = re.findall(r'x="([\d.]+)" y="283" text-anchor="(\w+)">([^<]+)<', drawn)
    spans = []
    for x, anchor, text in found:
        width = 14.4 * len(text)  # of the font's 24 units, as on a phone
        left = float(x) - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        spans.append((left, left + width))
    assert all(before[1] < after[0] for before, after in pairwise(spans)), found
    assert all(left >= 25 and right <= 755 for left, right in spans), found


@given(st.integers(0, 10**9))
def test_a_scale_ends_little_above_the_highest(highest: int) -> None:
    top = scale_top(highest)
    assert top >= highest
    assert top % 2 == 0
    assert top <= max(2, highest * 1.4 + 2)


def test_shares_are_not_rounded_up_to_all_nor_down_to_nothing() -> None:
    assert [share(*one) for one in ((0, 9), (1, 1000), (999, 1000), (9, 9), (None, 9), (0, 0))] == [
        "0 %", "1 %", "99 %", "100 %", "–", "0 %",
    ]  # fmt: skip


def test_durations_are_told_for_people() -> None:
    assert [span(one) for one in (None, 30, 60, 3600, 5400, 86400, 86400 * 5 + 43200)] == [
        "–", "30 seconds", "1 minute", "1 hour", "1.5 hours", "1 day", "5.5 days",
    ]  # fmt: skip


def test_a_long_table_lists_some_days_and_says_which(town: World) -> None:
    for chosen, which, most in (("30d", "day", 31), ("180d", "week", 27), ("all", "month", 15)):
        numbers = trust_numbers(town.app, chosen)  # type: ignore[arg-type]
        assert numbers is not None
        rows, name = listed(numbers.days)
        assert name == which
        assert len(rows) <= most
        assert set(rows) <= set(numbers.days)
