"""A whole journey with Chromium's virtual authenticator and real mail: register → passkey → token → upload.

A security key and an app come on the way, on both databases. With ``CUSTOMHOUSE_PICTURES=folder`` the sights are kept.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from browser import faults
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

from customhouse.accounts.totp import code_of, step_of
from customhouse.terms.clock import SystemClock
from mail_sink import MailSink, text_of
from packages import wheel
from second_step import seed_on
from servers import Postgres
from world import ON_BOTH, Server, upload

pytestmark = pytest.mark.slow
PASSWORD = "a long enough password"
PATIENCE_SECONDS = 30.0
PICTURES = os.environ.get("CUSTOMHOUSE_PICTURES", "")


@pytest.fixture(params=ON_BOTH)
def index(request: pytest.FixtureRequest, sink: MailSink, tmp_path: Path) -> Iterator[Server]:
    """A real server that knows its name; browsers take localhost for a secure place."""
    server = Server(tmp_path / "data", environment=sink.environment)
    name = f"http://localhost:{server.port}"
    server._environment |= {"CUSTOMHOUSE_URL": name, "CUSTOMHOUSE_REGISTRATION": "open"}
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        server._environment["CUSTOMHOUSE_DATABASE"] = postgres.new_database()
    server.start()
    server.url = name
    try:
        yield server
        server.check()
    finally:
        server.stop()


class Traveller:
    """Somebody in a browser with an authenticator in it."""

    def __init__(self, name: str, index: Server, sink: MailSink, browser: Browser) -> None:
        self.name, self.index, self.sink = name, index, sink
        self.email = f"{name}-{index.port}@{name}.example"
        self.context: BrowserContext = browser.new_context(viewport={"width": 1100, "height": 800})
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("console", lambda message: self.said.append(message.text) if message.type == "error" else None)
        self.devices: CDPSession = self.context.new_cdp_session(self.page)
        self.devices.send("WebAuthn.enable")

    def insert(self, *, passkeys: bool) -> str:
        """Put an authenticator into the machine: one that verifies its user and keeps passkeys, or a plain key."""
        options = {
            "protocol": "ctap2", "transport": "internal" if passkeys else "usb", "hasResidentKey": passkeys,
            "hasUserVerification": passkeys, "isUserVerified": passkeys, "automaticPresenceSimulation": True,
        }  # fmt: skip
        return str(self.devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"])

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

    def letter(self, *words: str) -> str:
        """The words of the newest letter that has all of these in it; it comes within seconds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = threading.Event()
        while time.monotonic() < deadline:
            texts = [f"{one['subject']}\n{text_of(one)}" for one in self.sink.letters_to(self.email)]
            found = next((text for text in reversed(texts) if all(word in text for word in words)), "")
            if found:
                return found
            pause.wait(0.1)
        raise AssertionError(f"{self.name} had no letter with {words}")

    def follow(self, part: str) -> None:
        """Open the link of the newest letter that has one."""
        link = re.search(rf"{re.escape(self.index.url)}{part}\S+", self.letter(part))
        assert link is not None
        self.page.goto(link[0])

    def sign_in(self) -> None:
        """Type name and password."""
        self.goto("/account/sign-in/")
        self.page.get_by_label("User name or e-mail address").fill(self.name)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.press("Sign in")

    def sign_out(self) -> None:
        """Leave."""
        self.press("Sign out")

    @property
    def is_in(self) -> bool:
        """Whether the page is the one of her account."""
        return self.page.get_by_role("heading", level=1).inner_text() == self.name

    def arrives(self) -> None:
        """The page is the one of her account, or else it says what is wrong."""
        assert self.is_in, (self.page.url, self.page.inner_text("main"), self.said)

    def look(self) -> None:
        """Axe finds nothing on the open page, and it fits, light, dark and on a phone."""
        assert (self.page.url, faults(self.page)) == (self.page.url, [])

    def photograph(self, name: str) -> None:
        """A picture for the documents, if somebody wants pictures."""
        if PICTURES:
            self.page.screenshot(path=Path(PICTURES) / name)


def test_register_passkey_token_upload(index: Server, sink: MailSink, browser: Browser) -> None:  # noqa: PLR0915 - one journey, told in full
    alice = Traveller("alice", index, sink, browser)
    alice.goto("/account/register/")
    alice.page.get_by_label("User name").fill("alice")
    alice.page.get_by_label("E-mail address").fill(alice.email)
    alice.page.get_by_label("Password", exact=True).fill(PASSWORD)
    alice.page.get_by_label("The same again").fill(PASSWORD)
    alice.press("Make the account")
    alice.follow("/account/verify/")
    alice.press("Verify it")
    alice.sign_in()
    alice.arrives()

    alice.goto("/account/two-factor/")
    alice.look()
    alice.press("Make recovery codes")
    alice.look()
    codes = alice.page.get_by_label("Recovery codes", exact=True).inner_text().split()
    alice.page.get_by_label("Type one of them, from where you have kept it").fill(codes[0])
    alice.press("I have kept them")
    passkeys = alice.insert(passkeys=True)
    alice.page.locator("#label-add-passkey").fill("this laptop")
    alice.press("Add a passkey")
    assert "this laptop" in alice.page.inner_text("main")
    alice.look()
    alice.photograph("two-factors.png")
    alice.letter("second factor was added", "this laptop")

    alice.sign_out()
    alice.goto("/account/sign-in/")
    alice.look()
    alice.press("Sign in with a passkey")
    alice.arrives()
    alice.goto("/account/tokens/")
    alice.page.get_by_label("What it is for").fill("a journey")
    alice.press("Make the token")
    token = alice.page.locator("pre").first.inner_text().strip()
    with httpx.Client(base_url=f"http://127.0.0.1:{index.port}", timeout=30) as client:
        answer = upload(client, token, wheel("voyage"), name="voyage", version="1.0")
        assert answer.status == 200, answer.text
        assert "voyage-1.0-py3-none-any.whl" in client.get("/simple/voyage/").text

    # The same passkey after the password, and a page that asks again who she is.
    alice.sign_out()
    alice.sign_in()
    assert alice.page.url.startswith(f"{index.url}/account/second/")
    alice.look()
    alice.press("Use a security key or passkey")
    alice.arrives()
    alice.goto("/account/again/")
    alice.look()
    alice.press("Use a security key or passkey")
    alice.arrives()

    # A plain security key beside it, and what happens when the laptop is gone.
    alice.devices.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": passkeys})
    alice.insert(passkeys=False)
    alice.goto("/account/two-factor/")
    alice.page.locator("#label-add-key").fill("the blue key")
    alice.press("Add a security key")
    assert "the blue key" in alice.page.inner_text("main")
    alice.sign_out()
    alice.sign_in()
    alice.press("Use a security key or passkey")
    alice.arrives()
    alice.goto("/account/two-factor/")
    alice.press("Remove this laptop")
    alice.letter("was removed", "this laptop")
    assert alice.said == []
    alice.context.close()


def test_an_app_a_new_browser_and_no_script(index: Server, sink: MailSink, browser: Browser) -> None:
    bob = Traveller("bob", index, sink, browser)
    index.command("user", "add", "bob", "--email", bob.email)
    bob.goto("/account/reset/")
    bob.page.get_by_label("User name or e-mail address").fill("bob")
    bob.press("Send the link")
    bob.follow("/account/link/")
    bob.page.get_by_label("New password").fill(PASSWORD)
    bob.page.get_by_label("The same again").fill(PASSWORD)
    bob.press("Set the password")
    bob.sign_in()
    bob.arrives()  # the mail was read in this browser
    bob.goto("/account/two-factor/")
    bob.press("Make recovery codes")
    codes = bob.page.get_by_label("Recovery codes", exact=True).inner_text().split()
    bob.page.get_by_label("Type one of them, from where you have kept it").fill(codes[0])
    bob.press("I have kept them")
    bob.page.get_by_role("link", name="Add an app").click()
    bob.look()
    bob.photograph("totp.png")
    seed = seed_on(bob.page.content())
    bob.page.get_by_label("Its name").fill("my phone")
    bob.page.get_by_label("The code that it shows now").fill(_code(seed))
    bob.press("Add the app")
    assert "my phone" in bob.page.inner_text("main")

    # Another browser, without scripts: the password, a recovery code, and a letter that is read in the first one.
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{index.url}/account/sign-in/")
    assert "Keys and passkeys need JavaScript" in page.inner_text("main")
    page.get_by_label("User name or e-mail address").fill("bob")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code of your app, or a recovery code").fill(codes[1])
    page.get_by_role("button", name="Go on").click()
    assert "This browser is new here" in page.inner_text("main")
    bob.letter("recovery code of your account was used", "to sign in")
    bob.follow("/account/browser/")
    bob.look()
    bob.photograph("new-browser.png")
    bob.press("Let it in")
    page.get_by_role("button", name="I have followed the link").click()
    assert page.get_by_role("heading", level=1).inner_text() == "bob"
    assert bob.said == []
    context.close()
    bob.context.close()


def _code(seed: bytes) -> str:
    return code_of(seed, step_of(SystemClock().now()))
