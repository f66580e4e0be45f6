"""The page with the four levels in a browser: the slider, no scripts, light, dark and a phone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta

import httpx2 as httpx
import pytest
from browser import PHONE, faults
from playwright.sync_api import Browser, Page

from packages import sdist
from simulating import NOW, OLD, YEAR, YOUNG, SimulatedIndex, requiring, simulated_index

PICTURES = os.environ.get("CUSTOMHOUSE_PICTURES", "")
NAMES = (
    "attrs", "click", "idna", "jinja", "numbers", "pages", "parsing", "plots", "queues", "requests", "retry", "routes",
    "schemas", "sessions", "storage", "tables", "templates", "tokens", "tracing", "yaml",
)  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedIndex]:
    folder = tmp_path_factory.mktemp("levels")
    dists = [(requiring("app", "1.0"), YEAR), (requiring("web", "1.1"), YOUNG), (requiring("ancient", "0.9"), OLD)]
    dists += [(requiring(name, "2.0"), NOW - timedelta(days=9 + 40 * number)) for number, name in enumerate(NAMES)]
    dists += [(requiring(name, "1.0"), OLD) for name in NAMES]
    dists += [(requiring("ancient", "1.0"), YEAR), (sdist("built", "1.0"), YEAR)]
    with simulated_index(folder / "data", dists) as made:
        records = folder / "records"
        records.mkdir()
        for number, (name, fixed) in enumerate((("ancient", "1.0"), ("yaml", "1.5"))):
            (records / f"PYSEC-2026-{number}.json").write_text(json.dumps(_record(f"PYSEC-2026-{number}", name, fixed)))
        made.server.command("advisory", "import", str(records))
        for name in ("app", "web", "ancient", "built", *NAMES):
            httpx.get(f"{made.server.url}/view/main/simple/{name}/").raise_for_status()
        yield made


def _record(name: str, package: str, fixed: str) -> dict[str, object]:
    now = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    affected = [{"package": {"ecosystem": "PyPI", "name": package}, "ranges": ranges}]
    severity = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]
    return {
        "schema_version": "1.7.0", "id": name, "modified": now, "published": now, "summary": "made up",
        "affected": affected, "severity": severity,
    }  # fmt: skip


def _lock() -> str:
    pins = [f"{name}==2.0" for name in NAMES] + ["app==1.0", "web==1.1", "ancient==0.9", "built==1.0"]
    return "".join(f"{pin}\n" for pin in sorted(pins))


def _keep(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(
            path=f"{PICTURES}/{name}.png", clip={"x": 0, "y": 0, "width": 1100, "height": 980}, full_page=True
        )


def test_the_page_has_a_slider_that_draws_each_level(index: SimulatedIndex, browser: Browser) -> None:
    page = browser.new_context().new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{index.server.url}/policy/")
    assert faults(page) == []
    page.fill("#lock", _lock())
    page.click("text=Try the levels")
    _keep(page, "policy-levels")
    page.emulate_media(color_scheme="dark")
    _keep(page, "policy-levels-dark")
    page.emulate_media(color_scheme="light")
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
