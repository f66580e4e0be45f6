"""The pages of the desk in Chromium: for everybody, light, dark and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import faults
from playwright.sync_api import Browser
from test_journey_disclosure import people
from test_journey_passkey import Traveller

from mail_sink import MailSink
from packages import wheel
from world import Server, upload

import httpx2 as httpx  # isort: skip

pytestmark = pytest.mark.slow


@pytest.fixture
def index(sink: MailSink, tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data", environment=sink.environment)
    server.url = f"http://localhost:{server.port}"
    server._environment |= {"CUSTOMHOUSE_URL": server.url, "CUSTOMHOUSE_SECURITY_ADDRESS": "security@index.test"}
    server.start()
    try:
        yield server
    finally:
        server.stop()


def test_every_page_of_the_desk_fits_and_reads_aloud(index: Server, sink: MailSink, browser: Browser) -> None:
    people(index, "olga", "alice")
    with httpx.Client(base_url=f"http://127.0.0.1:{index.port}", timeout=30) as client:
        assert upload(client, index.new_token("alice"), wheel(), name="demo", version="1.0").status == 200
    page = browser.new_context().new_page()
    page.goto(f"{index.url}/security/report/?project=demo")
    assert faults(page) == []
    page.get_by_label("In one line").fill("It leaks")
    page.get_by_label("What did you find?").fill("Look at line 3.")
    page.get_by_role("button", name="Report it privately").click()
    assert faults(page) == []
    page.get_by_role("link", name="Go to the case").click()
    assert faults(page) == [], "the case of somebody who has its address"
    olga = Traveller("olga", index, sink, browser)
    olga.sign_in()
    if not olga.is_in:
        olga.follow("/account/browser/")
        olga.page.get_by_role("button").last.click()
    olga.goto("/security/cases/")
    olga.look()
    olga.page.get_by_role("link").filter(has_text="-").first.click()
    for state in ("acknowledged", "triage", "accepted"):
        olga.page.get_by_label("The case is").select_option(state)
        olga.press("Go on")
    olga.look()
    olga.goto("/manage/project/demo/security/")
    olga.look()
