"""The dashboard in a real browser: seen in light, dark and on a phone; heard by axe; it loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from browser import SIGHTS, chromium
from playwright.sync_api import Browser
from test_face import WATCH

import trust_town
from conftest import prepared
from customhouse.app import open_app
from customhouse.infra.settings import Settings
from world import Server, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = Settings.model_validate({"data": tmp_path_factory.mktemp("trust") / "data"})
    with open_app(prepared(settings, request)) as app:
        trust_town.found(app)
    with running(settings.data) as server:
        yield server


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_dashboard_is_seen_and_heard(index: Server, browser: Browser, sight: str) -> None:
    width, height, scheme = SIGHTS[sight]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(f"{index.url}/trust/?range=all")
    for summary in page.get_by_text("The same in numbers").all():
        summary.click()
    for name in (
        "Accounts with a second factor, ",
        "Accounts by method",
        "Maintainers of critical",
        "Critical projects by",
    ):
        assert page.get_by_role("img", name=name).is_visible()
    assert page.evaluate("violations") == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "too wide"
    sizes = page.evaluate("""() => [...document.querySelectorAll('svg.chart text')].map(text =>
        parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getBoundingClientRect().width / 720)""")
    assert min(sizes) >= 9, "some words of the charts are too small to read"
    assert (
        _overlaps(
            page.evaluate("""() => [...document.querySelectorAll('svg.chart')].map(chart =>
        [...chart.querySelectorAll('text.scale')].map(text => text.getBoundingClientRect().toJSON()))""")
        )
        == []
    )
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    context.close()


def test_the_range_is_switched_without_scripts_and_the_numbers_are_taken_home(index: Server, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{index.url}/")
    page.get_by_role("link", name="Trust", exact=True).click()
    page.get_by_role("navigation", name="Range of the charts").get_by_role("link", name="30 days").click()
    assert page.url.endswith("/trust/?range=30d")
    assert page.locator("nav.ranges [aria-current]").inner_text() == "30 days"
    page.get_by_text("The same in numbers").first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").first.click()
    assert download.value.suggested_filename == "trust-accounts.csv"
    assert len(Path(download.value.path()).read_text().splitlines()) == 1 + 31
    context.close()


def _overlaps(charts: list[list[dict[str, float]]]) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Pairs of words in one chart that touch each other."""
    return [
        (one, other)
        for words in charts
        for number, one in enumerate(words)
        for other in words[number + 1 :]
        if one["left"] < other["right"] and other["left"] < one["right"]
        and one["top"] + 2 < other["bottom"] and other["top"] + 2 < one["bottom"]
    ]  # fmt: skip
