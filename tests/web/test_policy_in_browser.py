"""The page with the four levels in a browser: the slider, no scripts, light, dark and a phone."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as httpx
import pytest
from browser import PHONE, faults
from playwright.sync_api import Browser

from simulating import OLD, YEAR, YOUNG, SimulatedIndex, requiring, simulated_index


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedIndex]:
    dists = [(requiring("app", "1.0"), YEAR), (requiring("web", "1.1"), YOUNG), (requiring("ancient", "0.9"), OLD)]
    with simulated_index(tmp_path_factory.mktemp("levels") / "data", dists) as made:
        for name in ("app", "web", "ancient"):
            httpx.get(f"{made.server.url}/view/main/simple/{name}/").raise_for_status()
        yield made


def test_the_page_has_a_slider_that_draws_each_level(index: SimulatedIndex, browser: Browser) -> None:
    page = browser.new_context().new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{index.server.url}/policy/")
    assert faults(page) == []
    page.fill("#lock", "app==1.0\nweb==1.1\nancient==0.9\n")
    page.click("text=Try the levels")
    assert page.inner_text("#level-name") == "balanced", "the default is what is shown first"
    assert page.locator(".level-panel:visible").count() == 1
    page.focus("#slider")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#level-name") == "strict"
    assert page.get_attribute("#drawn .level.chosen", "data-level") == "strict"
    assert page.locator(".level-panel:visible h3").inner_text() == "strict"
    page.locator(".level-panel:visible summary").click()
    assert faults(page) == []
    assert complaints == []


def test_without_scripts_all_four_levels_are_there(index: SimulatedIndex, browser: Browser) -> None:
    page = browser.new_context(java_script_enabled=False, viewport=PHONE).new_page()  # type: ignore[arg-type] # two numbers
    page.goto(f"{index.server.url}/view/main/policy/")
    page.fill("#lock", "web==1.1\n")
    page.click("text=Try the levels")
    assert page.locator(".level-panel h3").all_inner_texts() == ["open", "balanced", "strict", "curated"]
    assert page.locator("#slider").is_hidden()
