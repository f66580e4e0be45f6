"""Whole journeys in a real browser, with real mail in a sink: what the index is for, told from the first click to the last.

With ``CUSTOMHOUSE_PICTURES=folder`` the sights on the way are photographed; `make screenshots` does so.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser, Page

from customhouse.accounts.tables import account
from customhouse.accounts.users import SetSiteRole, set_site_role
from customhouse.app import App, open_app
from customhouse.index.reporter_trust import TrustReporter, trust_reporter
from customhouse.infra.settings import Settings
from mail_sink import MailSink, text_of
from packages import sdist, wheel
from world import Server, upload

pytestmark = pytest.mark.slow

PASSWORD = "a long enough password"
JSON = {"accept": "application/vnd.pypi.simple.v1+json"}
PICTURES = os.environ.get("CUSTOMHOUSE_PICTURES", "")
PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="module")
def index(sink: MailSink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server that sends its mail to the sink."""
    server = Server(tmp_path_factory.mktemp("journeys") / "data", environment=sink.environment)
    server._environment["CUSTOMHOUSE_URL"] = server.url
    server.start()
    try:
        yield server
        server.check()
    finally:
        server.stop()


class Traveller:
    """Somebody with an address, in a browser of her own."""

    def __init__(self, name: str, index: Server, sink: MailSink, browser: Browser) -> None:
        self.name, self.index, self.sink = name, index, sink
        # Domains of their own: reporters who share one are not independent.
        self.email = f"{name}@{name}.example"
        index.command("user", "add", name, "--email", self.email)
        self.context = browser.new_context(viewport={"width": 1100, "height": 800})
        self.page: Page = self.context.new_page()

    def letter(self, *words: str, after: int = 0) -> str:
        """The words of the next letter that has all of these in it; it comes within seconds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = threading.Event()
        while time.monotonic() < deadline:
            for message in self.sink.letters_to(self.email)[after:]:
                text = f"{message['subject']}\n{text_of(message)}"
                if all(word in text for word in words):
                    return text
            pause.wait(0.1)
        had = [str(message["subject"]) for message in self.sink.letters_to(self.email)]
        raise AssertionError(f"{self.name} had no letter with {words}; there were {had}")

    def goto(self, address: str) -> Page:
        """Open a page of the index; it must be there."""
        answer = self.page.goto(self.index.url + address)
        assert answer is not None
        assert answer.status == 200, (address, answer.status, self.page.inner_text("body"))
        return self.page

    def press(self, name: str) -> None:
        """Press a button and wait for the page that follows."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()

    def set_password(self) -> None:
        """Ask for a link, follow it from the mail, choose a password, sign in."""
        self.goto("/account/reset/")
        self.page.get_by_label("User name or e-mail address").fill(self.name)
        self.press("Send the link")
        link = re.search(r"http://\S+/account/link/\S+", self.letter("/account/link/"))
        assert link is not None
        self.page.goto(link[0])
        self.page.get_by_label("New password").fill(PASSWORD)
        self.page.get_by_label("The same again").fill(PASSWORD)
        self.press("Set the password")
        self.page.get_by_label("User name or e-mail address").fill(self.name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Sign in")
        assert self.page.get_by_role("heading", level=1).inner_text() == self.name

    def new_token(self, project: str = "") -> str:
        """Make an API token on the page."""
        self.goto("/account/tokens/")
        self.page.get_by_label("What it is for").fill("a journey")
        self.page.get_by_label("The only project it may be used for").fill(project)
        self.press("Make the token")
        return self.page.locator("pre").first.inner_text().strip()

    @property
    def said(self) -> str:
        """What the page says happened."""
        return self.page.get_by_role("status").first.inner_text()

    def photograph(self, name: str) -> None:
        """A picture for the documents, if somebody wants pictures."""
        if PICTURES:
            self.page.screenshot(path=Path(PICTURES) / name)


def files(index: Server, project: str) -> dict[str, dict[str, object]]:
    answer = httpx.get(f"{index.url}/simple/{project}/", headers=JSON)
    return {one["filename"]: one for one in answer.json()["files"]} if answer.status_code == 200 else {}


def publish(index: Server, token: str, name: str, *versions: str) -> None:
    with httpx.Client(base_url=index.url, timeout=30) as client:
        for version in versions:
            answer = upload(client, token, wheel(name, version), name=name, version=version)
            assert answer.status == 200, answer.text


def test_invite_accept_upload_yank_delete_with_the_price_shown_restore(  # noqa: PLR0915 - one journey, told in full
    index: Server, sink: MailSink, browser: Browser
) -> None:
    alice, bob = Traveller("alice", index, sink, browser), Traveller("bob", index, sink, browser)
    alice.set_password()
    token = alice.new_token()
    publish(index, token, "harbour", "1.0", "1.1")
    with httpx.Client(base_url=index.url, timeout=30) as client:
        needs = wheel("lighthouse", headers={"Requires-Dist": "harbour<1.1"})
        assert upload(client, token, needs, name="lighthouse", version="1.0").status == 200
        assert upload(client, token, sdist("harbour"), name="harbour", version="1.0").status == 200
    bob.set_password()

    alice.goto("/manage/project/harbour/people/")
    alice.page.get_by_label("User name or e-mail address").fill("bob")
    alice.press("Send the invitation")
    assert "harbour" in bob.letter("invited you", "/account/invitations/")
    bob.goto("/account/invitations/")
    bob.press("Accept: be maintainer of the project harbour")
    alice.letter("bob", "maintainer", "harbour")

    publish(index, bob.new_token("harbour"), "harbour", "2.0")
    assert "2.0" in alice.letter("harbour 2.0")
    bob.goto("/manage/project/harbour/release/2.0/")
    bob.page.get_by_label("Why installers should pass it over").fill("forgets its anchor")
    bob.press("Yank the release")
    assert "is yanked" in bob.said
    assert files(index, "harbour")["harbour-2.0-py3-none-any.whl"]["yanked"] == "forgets its anchor"
    bob.goto("/manage/project/harbour/")
    bob.photograph("manage.png")

    before = files(index, "harbour")
    alice.goto("/manage/project/harbour/release/1.0/")
    alice.page.get_by_role("link", name="Delete this release …").click()
    price = alice.page.inner_text("main")
    assert "lighthouse" in price
    assert "harbour<1.1" in price
    alice.photograph("price.png")
    alice.page.get_by_label("Reason, kept in the ledger").fill("a mistake")
    alice.page.get_by_label("Type harbour 1.0").fill("harbour 1.0")
    alice.press("Delete the release")
    assert "harbour 1.0 is deleted" in alice.said.lower()
    gone = before.keys() - files(index, "harbour").keys()
    assert gone == {wheel("harbour").filename, sdist("harbour").filename}
    kept = httpx.get(f"{index.url}/files/harbour/{wheel('harbour').filename}")
    assert (kept.content, "sunset" in kept.headers) == (wheel("harbour").body, True)
    alice.letter("deleted", "harbour", "1.0")  # her own deed too: it might not have been she

    alice.goto("/manage/project/harbour/release/1.0/")
    alice.press("Restore this release")
    assert "2 files are listed again, with the same digests" in alice.said
    assert files(index, "harbour") == before
    for name, one in before.items():
        body = httpx.get(f"{index.url}/files/harbour/{name}").content
        assert {"sha256": hashlib.sha256(body).hexdigest()} == one["hashes"]
    alice.goto("/project/harbour/ledger/")
    told = alice.page.inner_text("main")
    assert all(words in told for words in ("alice", "bob", "a mistake", "forgets its anchor"))
    alice.photograph("ledger.png")


def test_report_quarantine_verdict(index: Server, sink: MailSink, browser: Browser) -> None:
    carol, dave, eve, olga = (Traveller(name, index, sink, browser) for name in ("carol", "dave", "eve", "olga"))
    with _app(index) as app:
        app.do(trust_reporter, TrustReporter("carol", trusted=True, reason="has an eye for it"))
        app.do(set_site_role, SetSiteRole("olga", "operator"))
        with app.database.write() as sql:  # reporters of yesterday count for nothing
            sql.execute(account.update().values(created_at=datetime(2026, 1, 1, tzinfo=UTC)))
    for person in (carol, dave, eve, olga):
        person.set_password()
    publish(index, eve.new_token(), "kraken", "0.9")
    with httpx.Client(base_url=index.url, timeout=30) as client:
        evil = wheel("kraken", files={"kraken/__init__.py": b"import os\n", "kraken.pth": b"import kraken\n"})
        assert upload(client, eve.new_token(), evil, name="kraken", version="1.0").status == 200

    for person, sight in ((carol, "sends the keys of the harbour away"), (dave, "opens a socket when Python starts")):
        person.goto("/project/kraken/report/")
        person.page.get_by_label("Malware", exact=True).check()
        person.page.get_by_label("What did you see?").fill(sight)
        person.press("Send the report")
    assert files(index, "kraken") == {}
    assert httpx.get(f"{index.url}/files/kraken/{evil.filename}").status_code == 403
    eve.letter("kraken", "quarantine")

    olga.goto("/admin/cases/")
    assert "kraken" in olga.page.inner_text("main")
    olga.page.get_by_role("link", name=re.compile("kraken")).first.click()
    case = olga.page.inner_text("main")
    assert "sends the keys of the harbour away" in case
    assert "opens a socket when Python starts" in case
    assert "Runs code each time Python starts." in case
    olga.photograph("case.png")
    olga.page.get_by_role("link", name=re.compile("0.9")).first.click()
    assert "kraken.pth" in olga.page.inner_text("main")
    olga.photograph("diff.png")
    olga.page.go_back()
    olga.page.get_by_label("Verdict").select_option("malware")
    olga.page.locator("[name=note]").last.fill("It phones home on start-up.")
    olga.press("Decide")
    carol.letter("kraken", "malware")
    assert files(index, "kraken") == {}
    with httpx.Client(base_url=index.url, timeout=30) as client:
        again = upload(client, eve.new_token(), wheel("kraken", "1.1"), name="kraken", version="1.1")
    assert again.status == 403


def test_a_private_project_is_invisible_to_strangers_on_every_door(
    index: Server, sink: MailSink, browser: Browser
) -> None:
    frank, grace = Traveller("frank", index, sink, browser), Traveller("grace", index, sink, browser)
    for person in (frank, grace):
        person.set_password()
    frank.goto("/manage/new/")
    frank.page.get_by_label("Name").fill("smugglers-map")
    frank.page.get_by_label("private", exact=True).check()
    frank.press("Make the project")
    token = frank.new_token("smugglers-map")
    publish(index, token, "smugglers-map", "1.0")
    dist = wheel("smugglers-map")
    frank.goto("/project/smugglers-map/")
    assert dist.filename in frank.page.inner_text("main")
    frank.photograph("private.png")

    doors = [
        "/simple/smugglers-map/", f"/files/smugglers_map/{dist.filename}", f"/files/smugglers-map/{dist.filename}",
        f"/files/smugglers-map/{dist.filename}.metadata", "/pypi/smugglers-map/json", "/project/smugglers-map/",
        "/project/smugglers-map/ledger/", "/manage/project/smugglers-map/", "/rss/project/smugglers-map/releases.xml",
        "/api/projects/smugglers-map/downloads",
    ]  # fmt: skip
    for door in doors:
        answer = grace.page.goto(index.url + door)
        unknown = grace.page.goto(index.url + door.replace("smugglers", "nobodys"))
        assert answer is not None
        assert unknown is not None
        assert answer.status == unknown.status
        assert answer.status in (401, 404), door
    for listing in ("/", "/simple/", "/search/?q=smugglers", "/ledger/", "/rss/updates.xml", "/ledger.jsonl"):
        seen = httpx.get(index.url + listing)
        assert seen.status_code == 200
        assert "smugglers-map" not in seen.text, listing
        assert "smugglers_map" not in seen.text, listing
    mine = httpx.get(f"{index.url}/simple/smugglers-map/", headers=JSON, auth=("__token__", token))
    assert [one["filename"] for one in mine.json()["files"]] == [dist.filename]
    assert mine.headers["cache-control"] == "private, no-store"
    body = httpx.get(f"{index.url}/files/smugglers-map/{dist.filename}", auth=("__token__", token))
    assert (body.content, body.headers["cache-control"]) == (dist.body, "private, no-store")


def _app(index: Server) -> AbstractContextManager[App]:
    return open_app(Settings.model_validate({"data": index.data}))
