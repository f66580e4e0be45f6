"""The journey of somebody new: registers, verifies, agrees, links another login, comes in by it, moves elsewhere.

With real mail, a real issuer and a range service, on both databases; axe looks at every page on the way.
With ``CUSTOMHOUSE_PICTURES=folder`` the sights are kept.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import faults
from playwright.sync_api import Browser, Page

from issuer import running_issuer
from mail_sink import MailSink, mail_sink, text_of
from range_service import range_service
from servers import Postgres
from world import ON_BOTH, Server

pytestmark = pytest.mark.slow
PASSWORD, KNOWN = "a long enough password", "password1234"
PATIENCE_SECONDS = 40.0
PICTURES = os.environ.get("CUSTOMHOUSE_PICTURES", "")
SIGHTS = ((1100, 800, "light"), (360, 740, "dark"))
LINK = re.compile(r"http://\S+/account/(?:verify|link|undo|browser)/\S+")


@dataclass
class Place:
    """A running index, the mail it has sent and the list it compares passwords with."""

    index: Server
    sink: MailSink


@pytest.fixture(params=ON_BOTH)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    database = ""
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        database = postgres.new_database()
    index = Server(tmp_path / "data")
    back = f"{index.url}/account/linked/harbour/back/"
    with mail_sink() as sink, range_service({KNOWN: 12}) as service, running_issuer(back) as issuer:
        index._environment |= {
            **sink.environment, "CUSTOMHOUSE_DATABASE": database, "CUSTOMHOUSE_URL": index.url,
            "CUSTOMHOUSE_REGISTRATION": "open", "CUSTOMHOUSE_OIDC_LOGINS": json.dumps([issuer.login()]),
            "CUSTOMHOUSE_BREACHED_PASSWORDS": f"http://127.0.0.1:{service.port}/range",
            "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": '["127.0.0.0/8"]',
        }  # fmt: skip
        text = tmp_path / "terms.txt"
        text.write_text("Upload what you may give away.\n\nBe kind to whoever reports something.\n")
        try:
            index.start()
            index.command("terms", "publish", str(text))
            yield Place(index, sink)
            index.check()
        finally:
            index.stop()


class Newcomer:
    """Somebody new, in a browser of his own."""

    def __init__(self, place: Place, browser: Browser) -> None:
        self.place = place
        self.page: Page = browser.new_context(viewport={"width": 1100, "height": 800}).new_page()

    def goto(self, address: str) -> None:
        """Open a page of the index; it must be there."""
        answer = self.page.goto(self.place.index.url + address)
        assert answer is not None
        assert answer.status == 200, (address, answer.status, self.page.inner_text("body"))

    def press(self, name: str) -> None:
        """Press a button and wait for the page that follows."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()

    def fill(self, **fields: str) -> None:
        """Fill fields by their labels; "_" stands for a blank."""
        for label, text in fields.items():
            self.page.get_by_label(label.replace("_", " "), exact=True).fill(text)

    def letter_to(self, address: str, *words: str) -> str:
        """The link in the next letter there that has these words."""
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
        while time.monotonic() < deadline:
            for message in self.place.sink.letters_to(address):
                text = f"{message['subject']}\n{text_of(message)}"
                found = LINK.search(text)
                if found is not None and all(word in text for word in words):
                    return found[0]
            pause.wait(0.1)
        raise AssertionError([str(one["subject"]) for one in self.place.sink.letters_to(address)])

    def reads(self, path: str, words: str) -> str:
        """What a page says as soon as it says this, too."""
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
        while True:
            self.goto(path)
            told = self.page.inner_text("main")
            if words in told:
                return told
            assert time.monotonic() < deadline, told
            pause.wait(0.1)

    def look(self, name: str) -> None:
        """Axe finds nothing and nothing is too wide, by day and on a phone by night; a picture if wanted."""
        assert (name, faults(self.page)) == (name, [])
        for width, height, scheme in SIGHTS if PICTURES else ():
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            self.page.screenshot(path=Path(PICTURES) / f"{name}-{width}-{scheme}.png")
        self.page.set_viewport_size({"width": 1100, "height": 800})
        self.page.emulate_media(color_scheme="light")

    @property
    def said(self) -> str:
        return self.page.get_by_role("status").first.inner_text()


def test_register_verify_agree_link_come_in_by_it_move(place: Place, browser: Browser) -> None:
    robin = Newcomer(place, browser)
    _register(robin)
    _link_and_come_in(robin)
    _move(robin)
    told = robin.reads("/account/security/", "You changed the address")  # the worker writes it down
    for words in ("You registered the account robin", "You linked the identity"):
        assert words in told, told
    robin.look("security")


def _register(robin: Newcomer) -> None:
    robin.goto("/account/sign-in/")
    robin.page.get_by_role("link", name="Register").click()
    robin.look("register")
    robin.fill(User_name="robin", **{"E-mail_address": "robin@robin.example"}, Password=KNOWN, The_same_again=KNOWN)
    robin.press("Make the account")
    assert "12 times" in robin.page.get_by_role("alert").inner_text()
    robin.fill(Password=PASSWORD, The_same_again=PASSWORD)
    robin.press("Make the account")
    robin.fill(**{"User_name_or_e-mail_address": "robin"}, Password=PASSWORD)
    robin.press("Sign in")
    assert robin.page.get_by_role("heading", level=1).inner_text() == "Terms of use"
    robin.look("terms")
    robin.page.get_by_label("I agree to these terms.").check()
    robin.press("Agree")
    assert "not verified yet" in robin.page.inner_text("main")
    robin.look("unverified")
    robin.page.goto(robin.letter_to("robin@robin.example", "/account/verify/"))
    robin.look("verify")
    robin.press("Verify it")
    assert "is verified" in robin.said
    robin.look("address")


def _link_and_come_in(robin: Newcomer) -> None:
    robin.goto("/account/linked/")
    robin.page.get_by_role("link", name="Link Harbour login").click()
    _at_the_issuer(robin)
    robin.look("linked-back")
    robin.press("Go on")
    assert "is linked to your account" in robin.said
    robin.look("linked")
    robin.press("Sign out")
    robin.goto("/account/sign-in/")
    robin.look("sign-in")
    robin.page.get_by_role("link", name="Sign in with Harbour login").click()
    if robin.page.get_by_role("button", name="Go on", exact=True).count() == 0:
        _at_the_issuer(robin)
    robin.press("Go on")
    assert robin.page.get_by_role("heading", level=1).inner_text() == "robin"


def _at_the_issuer(robin: Newcomer) -> None:
    """Type a name, then agree that the index may know it; the issuer leaves out what it has asked before."""
    page = robin.page
    page.get_by_placeholder("Enter any login").fill("robin")
    page.get_by_placeholder("and password").fill("anything")
    page.locator("button[type=submit]").click()
    page.wait_for_load_state()
    if page.get_by_role("button", name="Continue").count():
        page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/account/linked/harbour/back/**")


def _move(robin: Newcomer) -> None:
    robin.goto("/account/address/")
    robin.fill(New_address="robin@nest.example")
    robin.press("Send the link")
    if "/account/again/" in robin.page.url:  # another login does not open the dangerous pages; the password does
        robin.page.locator("#password").fill(PASSWORD)
        robin.press("Go on")
        robin.goto("/account/address/")
        robin.fill(New_address="robin@nest.example")
        robin.press("Send the link")
    robin.page.goto(robin.letter_to("robin@nest.example", "/account/verify/"))
    robin.press("Confirm it")
    assert "has its new address now" in robin.said
    robin.page.goto(robin.letter_to("robin@robin.example", "/account/undo/"))
    robin.look("undo")
