"""The downloads in a real browser: the chart is seen in light, dark and on a phone, and axe finds nothing in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from browser import SIGHTS, chromium
from playwright.sync_api import Browser
from test_face import WATCH

from packages import wheel
from world import Server, upload

pytestmark = pytest.mark.slow
PAGE = "/project/face-taken/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def index(running_index: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A project whose downloads of 90 days come from a front end's log."""
    dist = wheel("face-taken")
    with httpx.Client(base_url=running_index.url, timeout=30) as client:
        answer = upload(client, running_index.new_token("face"), dist, name="face-taken", version="1.0")
        assert answer.status == httpx.codes.OK, answer.text
    log: Path = tmp_path_factory.mktemp("logs") / "access.log"
    log.write_text("".join(_lines(dist.filename)))
    assert "downloads in" in running_index.command("downloads", "import", str(log))
    return running_index


def _lines(filename: str) -> Iterator[str]:
    """More on work days than on others, and ever more."""
    now = datetime.now(UTC)
    for age in range(90):
        at = now - timedelta(days=age)
        clients = (100 - age) // (1 if at.weekday() < 5 else 4)
        for number in range(clients):
            asked = f'"GET /files/face-taken/{filename} HTTP/1.1" 200 1000 "-" "pip/26"\n'
            line = f"10.0.{number}.1 - - [{at:%d/%b/%Y:%H:%M:%S} +0000] {asked}"
            yield line * (1 + number % 2)


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_chart_is_seen_and_heard(index: Server, browser: Browser, sight: str) -> None:
    width, height, scheme = SIGHTS[sight]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(index.url + PAGE)
    page.get_by_text("The same in numbers").click()
    assert page.get_by_role("img", name="Downloads of face-taken by day").is_visible()
    assert page.get_by_role("table", name="Downloads in the last 90 days, by week").locator("tbody tr").count() == 13
    assert page.evaluate("violations") == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "too wide"
    colour = page.evaluate("getComputedStyle(document.querySelector('svg.chart .solid')).fill")
    assert colour == ("rgb(201, 87, 61)" if scheme == "dark" else "rgb(140, 47, 29)")
    size = page.evaluate("""() => {
        const scale = document.querySelector('svg.chart').getBoundingClientRect().width / 720;
        return parseFloat(getComputedStyle(document.querySelector('svg.chart .scale')).fontSize) * scale;
    }""")
    assert size >= 9.5, "the numbers of the scale are too small to read"
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    context.close()


def test_the_numbers_can_be_taken_home(index: Server, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(index.url + PAGE)
    page.get_by_text("The same in numbers").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "face-taken-downloads.csv"
    assert len(Path(download.value.path()).read_text().splitlines()) == 91
    page.close()
