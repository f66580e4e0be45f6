"""Reporting and deciding in a real browser: axe finds nothing, nothing is too wide on a phone, no script is needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx2 as httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from browser import chromium
from playwright.sync_api import Browser, Page

from clock import TurnableClock
from customhouse.accounts.links import SetPassword, set_password
from customhouse.accounts.users import AddUser, SetSiteRole, add_user, set_site_role
from customhouse.app import open_app
from customhouse.index.reporter_trust import TrustReporter, trust_reporter
from customhouse.infra.settings import Settings
from packages import wheel
from person import PASSWORD, hashed_password
from world import Server, running, upload

pytestmark = pytest.mark.slow
PICTURES = os.environ.get("CUSTOMHOUSE_PICTURES", "")
PEOPLE = {"rita": "", "theo": "", "otis": "operator"}
FIRST, EVIL = wheel("sea-serpent", "1.0"), wheel(
    "sea-serpent", "2.0", files={"sea_serpent/__init__.py": b"import os\n", "a_serpent.pth": b"import sea_serpent\n"}
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with settled accounts that have passwords, and a young project with a release that is worth a look."""
    with running(tmp_path_factory.mktemp("reports") / "data") as server:
        before = TurnableClock(datetime.now(UTC) - timedelta(days=3))
        with open_app(Settings.model_validate({"data": server.data}), clock=before) as app:
            for name, site_role in PEOPLE.items():
                user = app.do(add_user, AddUser(name, f"{name}@{name}.example"))
                app.do(partial(set_password, app.key), SetPassword(hashed_password(), user=user))
                if site_role:
                    app.do(set_site_role, SetSiteRole(name, site_role))
            app.do(trust_reporter, TrustReporter("theo", "Known for good work."))
        token = server.new_token("mallory")
        with httpx.Client(base_url=server.url, timeout=30) as client:
            for dist, version in ((FIRST, "1.0"), (EVIL, "2.0")):
                answer = upload(client, token, dist, name="sea-serpent", version=version)
                assert answer.status == 200, answer.text
        yield server
        server.check()


def sign_in(index: Server, page: Page, name: str) -> Page:
    page.goto(f"{index.url}/account/sign-in/")
    page.get_by_label("User name or e-mail address").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/account/")
    return page


def report(index: Server, page: Page, sight: str) -> str:
    page.goto(f"{index.url}/project/sea-serpent/report/")
    page.get_by_label("Malware", exact=True).check()
    page.get_by_label("Which version?").select_option("2.0")
    page.get_by_label("What did you see?").fill(sight)
    page.get_by_label("Or the place inside the file: its path").fill("a_serpent.pth")
    page.get_by_label("The line").fill("1")
    page.get_by_label("And what stands there").fill("import sea_serpent\nos.system('…')")
    page.get_by_role("button", name="Send the report").click()
    return page.get_by_role("status").inner_text()


def test_report_case_and_verdict_without_scripts_and_by_every_sight(index: Server, browser: Browser) -> None:
    with ExitStack() as stack:
        rita, theo, otis = (
            sign_in(index, stack.enter_context(browser.new_context(java_script_enabled=False)).new_page(), name)
            for name in PEOPLE
        )
        assert "case 1" in report(index, rita, "It starts itself with every Python and posts the keys of the harbour.")
        looks(index, browser, "rita", "/project/sea-serpent/report/", "report")
        assert "is quarantined until then" in report(index, theo, "Seen in two networks.\nThe same file as last week.")
        for address, name in (("/admin/cases/", "cases"), ("/admin/cases/1/", "case")):
            looks(index, browser, "otis", address, name)
        otis.goto(f"{index.url}/admin/cases/")
        otis.get_by_role("link", name="sea-serpent").click()
        otis.get_by_role("button", name="Not malware: lift it now").click()
        assert otis.get_by_role("status").inner_text() == "Decided: not malware."
        looks(index, browser, "otis", "/admin/cases/1/", "decided")
        otis.get_by_label("Why?").last.fill("It is, after all.")
        otis.get_by_role("button", name="Undo", exact=True).click()
        otis.get_by_label("Verdict").select_option("malware")
        otis.locator("textarea[name=note]").fill("It posts the keys of the harbour when Python starts.")
        otis.get_by_label("Only 2.0").check()
        otis.get_by_label("Freeze an uploader's account").select_option("mallory")
        otis.get_by_role("button", name="Decide", exact=True).click()
        assert otis.get_by_role("status").inner_text() == "Decided: malware."
        assert httpx.get(f"{index.url}/files/sea-serpent/{EVIL.filename}").status_code == 403
        assert httpx.get(f"{index.url}/files/sea-serpent/{FIRST.filename}").status_code == 200
        rita.goto(f"{index.url}/project/sea-serpent/report/")
        assert "confirmed: It posts the keys" in rita.inner_text("main")


def looks(index: Server, browser: Browser, who: str, address: str, picture: str) -> None:
    """A page in the light, in the dark and on a phone."""
    for width, scheme in ((1200, "light"), (1200, "dark"), (360, "light")):
        with browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            bypass_csp=True,
        ) as context:
            page = sign_in(index, context.new_page(), who)
            page.goto(index.url + address)
            for folded in page.locator("details").all():
                folded.evaluate("node => { node.open = true }")
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{address} is too wide"
            found = Axe().run(page)
            assert found.violations_count == 0, f"{address}: {found.generate_report()}"
            if PICTURES:
                page.screenshot(path=Path(PICTURES) / f"{picture}-{width}-{scheme}.png", full_page=True)
