"""The journey of a mail domain that lapses, with real mail, a real name server and a real registry, on both databases.

With ``CUSTOMHOUSE_PICTURES=folder`` the sights on the way are kept.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from browser import faults
from playwright.sync_api import Browser, Page

from customhouse.accounts.users import SetSiteRole, find_user, set_site_role
from customhouse.app import open_app
from customhouse.catalog.tables import project, project_role
from customhouse.infra.settings import Settings
from dns_simulator import DnsSimulator, dns_simulator
from mail_sink import MailSink, mail_sink, text_of
from packages import wheel
from rdap_simulator import RdapSimulator, rdap_simulator
from servers import Postgres
from world import ON_BOTH, Server, upload

pytestmark = pytest.mark.slow
PASSWORD = "a long enough password"
PATIENCE_SECONDS = 30.0
PICTURES = os.environ.get("CUSTOMHOUSE_PICTURES", "")
LONG_AGO = datetime(2019, 3, 1, tzinfo=UTC)


@dataclass
class Place:
    """A running index and the three services around it."""

    index: Server
    sink: MailSink
    names: DnsSimulator
    registry: RdapSimulator
    database: str

    def register(self, domain: str) -> None:
        self.registry.register(domain, at=LONG_AGO, years=20)
        self.names.zone(domain, MX=[f"10 mx.{domain}."], NS=["ns1.host.example."])

    def look_at(self, domain: str) -> subprocess.CompletedProcess[str]:
        """``customhouse domain check``, as an operator types it."""
        return subprocess.run(
            [sys.executable, "-m", "customhouse", "domain", "check", domain],
            env=self.index.environment, check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def settings(self) -> Settings:
        return Settings.model_validate({"data": self.index.data, "database": self.database})


@pytest.fixture(params=ON_BOTH)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    database = ""
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        database = postgres.new_database()
    with mail_sink() as sink, dns_simulator() as names, rdap_simulator() as registry:
        # Nothing is given up without a human here, so that the queue is seen.
        environment = {
            **sink.environment, **names.environment, **registry.environment, "CUSTOMHOUSE_DATABASE": database,
            "CUSTOMHOUSE_DOMAIN_UNVERIFY_PER_DAY": "0",
        }  # fmt: skip
        index = Server(tmp_path / "data", environment=environment)
        try:
            index.start()
            yield Place(index, sink, names, registry, database)
            index.check()
        finally:
            index.stop()


class Traveller:
    """Somebody with an address at a domain of her own, in a browser."""

    def __init__(self, name: str, place: Place, browser: Browser) -> None:
        self.name, self.place = name, place
        self.email = f"{name}@{name}.example"
        place.register(f"{name}.example")
        place.index.command("user", "add", name, "--email", self.email)
        self.context = browser.new_context(viewport={"width": 1100, "height": 800})
        self.page: Page = self.context.new_page()

    def goto(self, address: str) -> Page:
        """Open a page of the index; it must be there."""
        answer = self.page.goto(self.place.index.url + address)
        assert answer is not None
        assert answer.status == 200, (address, answer.status, self.page.inner_text("body"))
        return self.page

    def press(self, name: str) -> None:
        """Press a button and wait for the page that follows."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()

    def letter(self, *words: str, email: str = "") -> str:
        """The words of the newest letter that has all of these in it; it comes within seconds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = threading.Event()
        while time.monotonic() < deadline:
            letters = self.place.sink.letters_to(email or self.email)
            texts = [f"{one['subject']}\n{text_of(one)}" for one in letters]
            if found := next((text for text in reversed(texts) if all(word in text for word in words)), ""):
                return found
            pause.wait(0.1)
        raise AssertionError(f"{self.name} had no letter with {words}")

    def follow(self, part: str, *, email: str = "") -> None:
        """Open the link of the newest letter that has one."""
        link = re.search(rf"{re.escape(self.place.index.url)}{part}\S+", self.letter(part, email=email))
        assert link is not None
        self.page.goto(link[0])

    def ask_for_link(self) -> str:
        """Ask for a link to a new password; what the page says."""
        self.goto("/account/reset/")
        self.page.get_by_label("User name or e-mail address").fill(self.name)
        self.press("Send the link")
        return self.page.inner_text("main")

    def set_password(self) -> None:
        """Ask for a link, follow it, choose a password."""
        self.ask_for_link()
        self.choose_password()

    def choose_password(self, *, email: str = "") -> None:
        self.follow("/account/link/", email=email)
        self.page.get_by_label("New password").fill(PASSWORD)
        self.page.get_by_label("The same again").fill(PASSWORD)
        self.press("Set the password")

    def sign_in(self) -> None:
        """Type name and password."""
        self.goto("/account/sign-in/")
        self.page.get_by_label("User name or e-mail address").fill(self.name)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.press("Sign in")
        assert self.page.get_by_role("heading", level=1).inner_text() == self.name

    def look(self) -> None:
        """Axe finds nothing on the open page, and it fits, light, dark and on a phone."""
        assert (self.page.url, faults(self.page)) == (self.page.url, [])

    def photograph(self, name: str) -> None:
        """A picture for the documents, if somebody wants pictures."""
        if PICTURES:
            self.page.screenshot(path=Path(PICTURES) / name, full_page=True)


def test_an_expired_domain_is_seen_decided_and_survived(  # noqa: PLR0915 - one journey, told in full
    place: Place, browser: Browser
) -> None:
    wendy, bob, olga = (Traveller(name, place, browser) for name in ("wendy", "bob", "olga"))
    with open_app(place.settings()) as app:
        app.do(set_site_role, SetSiteRole("olga", "operator"))
    for person in (wendy, bob, olga):
        person.set_password()
        person.sign_in()
    publish_together(place, wendy)
    fine = place.look_at("wendy.example")
    assert fine.returncode == 0, fine.stdout + fine.stderr
    assert "nothing is wrong" in fine.stdout
    place.sink.clear()

    # The domain runs out. The next look sees it; so many addresses a day (none, here) go without a human.
    place.registry.domains["wendy.example"].statuses = ["redemption period"]
    found = place.look_at("wendy.example")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "redemption period" in found.stdout
    assert "Nothing was changed" in olga.letter("wendy.example waits for you").replace("nothing", "Nothing")
    olga.goto("/admin/domains/")
    olga.page.get_by_role("heading", name="wendy.example").wait_for()
    olga.look()
    olga.photograph("domains.png")
    olga.page.get_by_label("Reason, kept in the ledger").fill("It is for sale.")
    olga.press("Give up the addresses at wendy.example")
    assert "1 address is given up" in olga.page.get_by_role("status").first.inner_text()
    olga.look()

    # Whoever shares a project with her is told; she is not, because the mail may be read by another one soon.
    assert "was not renewed" in bob.letter("The address of wendy is not verified any more")
    stranger = Traveller("stranger", place, browser)
    unknown = stranger.ask_for_link()
    stranger.name = "nobody-at-all"
    assert stranger.ask_for_link() == unknown
    stranger.name = "wendy"
    assert stranger.ask_for_link() == unknown
    bob.letter("A link for the account wendy was not sent")
    olga.letter("A link for the account wendy was not sent")
    assert place.sink.letters_to(wendy.email) == []

    # She signs in as ever, sees it, and gives another address.
    wendy.press("Sign out")
    wendy.sign_in()
    assert "is not verified any more" in wendy.page.get_by_role("alert").inner_text()
    wendy.look()
    wendy.photograph("lost-address.png")
    wendy.page.get_by_role("link", name="Give another address").click()
    wendy.look()
    assert wendy.page.get_by_role("button", name="Send me a link to verify it").count() == 0
    other = "wendy@harbour.example"
    place.register("harbour.example")
    wendy.page.get_by_label("New address").fill(other)
    wendy.press("Send the link")
    wendy.follow("/account/verify/", email=other)
    wendy.page.locator("main form button").first.click()
    wendy.goto("/account/address/")
    assert f"Letters go to {other}. It was verified" in wendy.page.inner_text("main")
    wendy.goto("/account/")
    assert wendy.page.get_by_role("alert").count() == 0
    wendy.ask_for_link()
    wendy.choose_password(email=other)
    wendy.sign_in()
    for person in (wendy, bob, olga, stranger):
        person.context.close()


def publish_together(place: Place, wendy: Traveller) -> None:
    """Wendy publishes the lantern, and bob is its other owner."""
    wendy.goto("/account/tokens/")
    wendy.page.get_by_label("What it is for").fill("a journey")
    wendy.press("Make the token")
    token = wendy.page.locator("pre").first.inner_text().strip()
    with httpx.Client(base_url=place.index.url, timeout=30) as client:
        assert upload(client, token, wheel("lantern"), name="lantern", version="1.0").status == 200
    with open_app(place.settings()) as app, app.database.write() as sql:
        lantern = sql.execute(sa.select(project.c.id).where(project.c.normalized == "lantern")).scalar_one()
        owner = find_user(sql, "bob").id
        sql.execute(project_role.insert().values(project_id=lantern, account_id=owner, role="owner"))
