"""The journey of a token, in a real browser with real mail, on both databases and two web processes.

Made with limits on the page, narrowed by its holder offline, used, leaked, reported by a scanner, revoked, told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx2 as httpx
import pytest
from browser import faults
from playwright.sync_api import Browser, Page
from test_journeys import Traveller, files

from customhouse.formats.api_token import attenuate
from customhouse.terms.scope import scope_for
from leak_reporter import PLACE, Scanner, find, scanner
from mail_sink import MailSink
from packages import wheel
from servers import Postgres
from world import ON_BOTH, Server, upload

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def github() -> Iterator[Scanner]:
    with scanner() as running:
        yield running


@pytest.fixture(params=ON_BOTH)
def index(
    request: pytest.FixtureRequest, sink: MailSink, github: Scanner, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A real server of two web processes that sends its mail to the sink and believes the scanner."""
    environment = sink.environment | {
        "CUSTOMHOUSE_WEB_WORKERS": "2",
        "CUSTOMHOUSE_LEAK_REPORTERS": json.dumps(github.reporters),
        "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": '["127.0.0.0/8"]',
    }
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        environment["CUSTOMHOUSE_DATABASE"] = postgres.new_database()
    server = Server(tmp_path_factory.mktemp("tokens") / "data", environment=environment)
    server._environment["CUSTOMHOUSE_URL"] = server.url
    sink.clear()
    try:
        server.start()
        yield server
        server.check()
    finally:
        server.stop()


def sound(page: Page) -> None:
    """Axe finds nothing, and nothing is too wide, in both colours, on a desk and on a phone."""
    assert (page.url, faults(page)) == (page.url, [])


def send(index: Server, token: str, version: str) -> int:
    with httpx.Client(base_url=index.url, timeout=30) as client:
        return upload(client, token, wheel("lantern", version), name="lantern", version=version).status


def test_a_token_is_made_narrowed_used_leaked_revoked_and_told(
    index: Server, sink: MailSink, github: Scanner, browser: Browser
) -> None:
    alice, olga = Traveller("alice", index, sink, browser), Traveller("olga", index, sink, browser)
    index.command("user", "role", "olga", "operator")
    alice.set_password()
    alice.goto("/account/tokens/")
    sound(alice.page)
    for label, text in (("What it is for", "the build farm"), ("The only project it may be used for", "lantern, beacon"),
                        ("The only networks it may be used from", "127.0.0.0/8")):  # fmt: skip
        alice.page.get_by_label(label).fill(text)
    alice.page.get_by_label("It works for").select_option("30")
    alice.page.get_by_label("upload", exact=True).check()
    alice.press("Make the token")
    token = alice.page.locator("pre").first.inner_text().strip()
    alice.photograph("new-token.png")
    alice.letter("A new API token", "only the projects", "127.0.0.0/8")

    narrow = attenuate(token, scope_for(projects=["lantern"], versions=["1.0"]))
    assert [send(index, narrow, version) for version in ("1.1", "1.0")] == [403, 200]
    assert send(index, token, "1.1") == 200
    assert len(files(index, "lantern")) == 2
    alice.goto("/account/tokens/")
    row = alice.page.locator("tbody tr").first.inner_text()
    assert all(words in row for words in ("the build farm", "only to upload files", "from 127.0.0.1"))
    sound(alice.page)
    alice.photograph("tokens.png")

    with httpx.Client(base_url=index.url, timeout=30) as client:
        assert github.report(client, find(narrow)).json()[0]["label"] == "true_positive"
    # Every process knows at once, because the row is asked each time.
    assert [send(index, token, "1.2") for _ in range(6)] == [401] * 6
    letter = alice.letter("found in public", f"> {PLACE}", "scanner")
    assert token.split(".")[-1] not in letter
    alice.goto("/account/tokens/")
    assert "the build farm" not in alice.page.inner_text("main")

    other = alice.new_token("lantern")
    assert send(index, other, "1.3") == 200
    olga.set_password()
    olga.goto("/admin/tokens/")
    sound(olga.page)
    olga.page.get_by_label("Made for the project").fill("lantern")
    olga.page.get_by_label("Reason, kept in the ledger").fill("the farm was broken into")
    olga.photograph("revoke-tokens.png")
    olga.press("Revoke them")
    assert "Tokens revoked: 1, of 1 accounts." in olga.said
    assert send(index, other, "1.4") == 401
    alice.letter("API tokens of yours were revoked", "> the farm was broken into")
    assert not any(secret in index.log() for secret in (token, narrow, other))
