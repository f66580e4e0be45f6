"""Search and ledger in a real browser: found, turned, unfolded; axe finds nothing; nothing is too wide on a phone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2 as httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from browser import chromium
from playwright.sync_api import Browser, Page

from packages import wheel
from world import Server, upload

pytestmark = pytest.mark.slow
ADDRESSES = (
    "/",
    "/search/",
    "/search/?q=watched",
    "/search/?q=nothing-like-it",
    "/ledger/",
    "/project/watched/ledger/",
)
SEEN_SECONDS = 20.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def index(running_index: Server) -> Server:
    """An index with projects to watch, of which search has heard."""
    token = running_index.new_token("watcher")
    with httpx.Client(base_url=running_index.url, timeout=30) as http:
        for name in ("watched", *(f"watched-{number}" for number in range(24))):
            assert upload(http, token, wheel(name), name=name, version="1.0").status == httpx.codes.OK
        deadline = time.monotonic() + SEEN_SECONDS
        while http.get("/api/search?q=watched").json()["total"] < 25:
            assert time.monotonic() < deadline, "the worker has not told search in time"
            time.sleep(0.1)
    return running_index


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (360, "light")])
def test_axe_finds_nothing_and_nothing_is_too_wide(index: Server, browser: Browser, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light", bypass_csp=True
    )
    page = context.new_page()
    for address in ADDRESSES:
        page.goto(index.url + address)
        for unfolded in page.locator("details").all()[:3]:
            unfolded.evaluate("node => { node.open = true }")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{address} is too wide"
        found = Axe().run(page)
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"
    context.close()


def test_somebody_searches_from_the_front_page_by_keyboard(index: Server, browser: Browser) -> None:
    page: Page = browser.new_page(java_script_enabled=False)
    page.goto(index.url)
    box = page.get_by_role("searchbox", name="Search projects")
    box.focus()
    page.keyboard.type("Watched")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "25 projects for “Watched”" in page.inner_text("main")
    assert page.get_by_role("link", name="watched", exact=True).is_visible()
    page.get_by_role("link", name="Next").click()
    assert "Page 2 of 2" in page.inner_text("main")
    page.get_by_role("link", name="Previous").click()
    page.get_by_role("link", name="watched", exact=True).click()
    assert page.url == f"{index.url}/project/watched/"
    page.get_by_role("link", name="What happened to it").click()
    assert "watcher uploaded watched-1.0-py3-none-any.whl." in page.inner_text("main")
    page.get_by_text("As it was hashed").first.click()
    assert '"kind": "file-uploaded"' in page.inner_text("main")
    page.close()


def test_search_hears_of_an_upload_within_a_few_seconds(index: Server) -> None:
    token = index.new_token("watcher")
    with httpx.Client(base_url=index.url, timeout=30) as http:
        assert upload(http, token, wheel("swiftly-found"), name="swiftly-found", version="1.0").status == httpx.codes.OK
        began = time.monotonic()
        while not http.get("/api/search?q=swiftly").json()["total"]:
            assert time.monotonic() - began < SEEN_SECONDS
            time.sleep(0.05)
