"""An operator changes a view's policy in a browser without scripts: its fault, its price, then the change itself.

With ``CUSTOMHOUSE_PICTURES=folder`` the sight before saving is kept.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import httpx2 as httpx
import pytest
from browser import faults
from playwright.sync_api import Browser, Page

from person import PASSWORD
from simulating import YEAR, YOUNG, SimulatedIndex, requiring, simulated_index

pytestmark = pytest.mark.slow
PICTURES = os.environ.get("CUSTOMHOUSE_PICTURES", "")
PAGE = "/admin/views/main/"
WAITS_SECONDS = 60


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedIndex]:
    """An index whose view ``main`` lets everything in, and was asked for an old release and a young one."""
    dists = [(requiring("web", "1.0"), YEAR), (requiring("web", "1.1"), YOUNG)]
    with simulated_index(tmp_path_factory.mktemp("desk") / "data", dists) as made:
        made.server.command("view", "set", "main", "--policy", "open")
        made.server.command("user", "add", "olga", "--email", "olga@example.org")
        made.server.command("user", "role", "olga", "operator")
        with httpx.Client(base_url=made.server.url, timeout=30) as client:
            client.get("/view/main/simple/web/").raise_for_status()
            for version in ("1.0", "1.1"):
                client.get(f"/view/main/files/web/web-{version}-py3-none-any.whl").raise_for_status()
        deadline = time.monotonic() + WAITS_SECONDS
        while "web-1.1" not in made.server.command("view", "log", "main"):
            assert time.monotonic() < deadline, "nothing has come into the view's log"
        yield made


def signed_in(index: SimulatedIndex, browser: Browser) -> Page:
    """Olga, in a browser without scripts."""
    where = index.server.url.replace("127.0.0.1", "localhost")
    page = browser.new_context(java_script_enabled=False, base_url=where).new_page()
    link = next(word for word in index.server.command("user", "link", "olga").split() if "/account/link/" in word)
    page.goto(link[link.index("/account/") :])
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    page.goto(f"/account/sign-in/?next={PAGE}")
    page.get_by_label("User name").fill("olga")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main button").first.click()
    return page


def test_a_policy_is_changed_only_after_its_price_was_seen(index: SimulatedIndex, browser: Browser) -> None:
    page = signed_in(index, browser)
    page.goto(PAGE)
    page.get_by_label("Policy (TOML)").fill('level = "balanced"\n[[rule]]\nname = "x"\ndeny-if.agee = "< 3d"\n')
    page.get_by_role("button", name="Show what would change").click()
    assert "did you mean 'age'?" in page.inner_text("main")
    page.get_by_label("Policy (TOML)").fill('level = "balanced"\n')
    page.get_by_role("button", name="Show what would change").click()
    kept = page.get_by_role("region", name="Kept back from now on").inner_text()
    assert "web 1.1" in kept
    assert "cooldown" in kept
    assert "web 1.0" not in kept
    if PICTURES:
        page.set_viewport_size({"width": 1100, "height": 900})
        page.screenshot(path=f"{PICTURES}/admin-view.png", clip={"x": 0, "y": 0, "width": 1100, "height": 900})
    page.get_by_role("button", name="Save what is shown above").click()
    assert "main has changed" in page.inner_text("body")
    assert index.server.command("view", "show", "main", "--text") == 'level = "balanced"'
    page.get_by_label("Type the view").fill("other")
    page.get_by_role("button", name="Remove it").click()
    assert "Nothing was removed" in page.inner_text("main")


def test_the_pages_of_views_are_for_everybodys_eyes(index: SimulatedIndex, browser: Browser) -> None:
    page = browser.new_page(base_url=index.server.url)
    for address in (
        "/views/",
        "/view/main/",
        "/view/main/project/web/",
        "/view/main/project/web/?version=1.1",
        "/name/web/",
    ):
        page.goto(address)
        assert (address, faults(page)) == (address, [])
