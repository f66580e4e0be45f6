"""The checklist in a real browser: light, dark and on a phone; axe finds nothing in it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from browser import SIGHTS, chromium
from playwright.sync_api import Browser
from test_face import WATCH

from command_line import customhouse
from packages import wheel
from world import Server, upload

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def index(running_index: Server) -> Server:
    dist = wheel("face-listed")
    with httpx.Client(base_url=running_index.url, timeout=30) as client:
        answer = upload(client, running_index.new_token("lister"), dist, name="face-listed", version="1.0")
        assert answer.status == httpx.codes.OK, answer.text
    return running_index


@pytest.mark.parametrize("sight", SIGHTS)
def test_the_checklist_is_seen(index: Server, browser: Browser, sight: str) -> None:
    width, height, scheme = SIGHTS[sight]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(f"{index.url}/project/face-listed/checklist/")
    assert page.get_by_role("heading", name="SLSA build level 0 of 3").is_visible()
    assert page.get_by_role("heading", name="Metadata").is_visible()
    assert page.locator(".checklist li").count() == 17
    assert page.evaluate("violations") == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "too wide"
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    context.close()


def test_the_command_says_the_same(index: Server) -> None:
    done = customhouse("release", "checklist", "face-listed", "--index", index.url)
    assert done.returncode == 1, done.stderr
    assert "SLSA build level 0 of 3" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert customhouse("release", "checklist", "no-such-thing", "--index", index.url).returncode == 2
