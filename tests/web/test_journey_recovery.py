"""A whole journey in Chromium with real mail: a lost phone, a case, its proofs, two operators, and the account is back.

On both databases. The delays are 0 here, because nobody turns the clock of a real server; that they are kept is told in
tests/index/test_recovery.py. With ``CUSTOMHOUSE_PICTURES=folder`` the sights are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser
from test_journey_passkey import PASSWORD, PICTURES, Traveller

from customhouse.accounts.users import AddUser, SetSiteRole, add_user, find_user, set_site_role
from customhouse.app import App, open_app
from customhouse.catalog.tables import project, project_role
from customhouse.infra.settings import Settings
from mail_sink import MailSink
from packages import wheel
from receiver import Receiver, Reply, receiver
from servers import Postgres
from world import ON_BOTH, Server, upload

pytestmark = pytest.mark.slow


@pytest.fixture(params=ON_BOTH)
def index(request: pytest.FixtureRequest, sink: MailSink, tmp_path: Path) -> Iterator[Server]:
    """A real server without delays that may ask this very machine."""
    server = Server(tmp_path / "data", environment=sink.environment)
    server.url = f"http://localhost:{server.port}"
    server._environment |= {
        "CUSTOMHOUSE_URL": server.url, "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": '["127.0.0.0/8"]',
        "CUSTOMHOUSE_SLOW_MOTION_HOURS": "0", "CUSTOMHOUSE_RECOVERY_QUIET_HOURS": "0",
        "CUSTOMHOUSE_RECOVERY_RELEASE_DAYS": "0",
    }  # fmt: skip
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        server._environment["CUSTOMHOUSE_DATABASE"] = postgres.new_database()
    server.start()
    try:
        yield server
        server.check()
    finally:
        server.stop()


@pytest.fixture
def forge() -> Iterator[Receiver]:
    with receiver() as running:
        running.answer = lambda _request: Reply(404, b"")
        yield running


@contextmanager
def opened(index: Server) -> Iterator[App]:
    """The index beside its server: a command would take seconds to start."""
    values = {"data": index.data, "database": index.environment.get("CUSTOMHOUSE_DATABASE", "")}
    with open_app(Settings.model_validate(values)) as app:
        yield app


def arrive(person: Traveller, *, operator: bool = False) -> None:
    """Get an account, choose a password by the link in the mail, sign in."""
    with opened(person.index) as app:
        app.do(add_user, AddUser(person.name, person.email))
        if operator:
            app.do(set_site_role, SetSiteRole(person.name, "operator"))
    person.goto("/account/reset/")
    person.page.get_by_label("User name or e-mail address").fill(person.name)
    person.press("Send the link")
    choose(person, PASSWORD)
    assert person.is_in


def choose(person: Traveller, password: str) -> None:
    """Follow the newest link, choose a password, sign in with it."""
    person.follow("/account/link/")
    person.page.get_by_label("New password").fill(password)
    person.page.get_by_label("The same again").fill(password)
    person.press("Set the password")
    person.page.get_by_label("User name or e-mail address").fill(person.name)
    person.page.get_by_label("Password", exact=True).fill(password)
    person.press("Sign in")


def share(index: Server, name: str, user: str) -> None:
    """Make somebody a co-owner."""
    with opened(index) as app, app.database.write() as sql:
        number = sql.execute(sa.select(project.c.id).where(project.c.normalized == name)).scalar_one()
        sql.execute(project_role.insert().values(project_id=number, account_id=find_user(sql, user).id, role="owner"))


def secure(person: Traveller, button: str, label: str, field: str) -> None:
    """Make recovery codes, keep them, and add a key."""
    person.goto("/account/two-factor/")
    person.press("Make recovery codes")
    codes = person.page.get_by_label("Recovery codes", exact=True).inner_text().split()
    person.page.get_by_label("Type one of them, from where you have kept it").fill(codes[0])
    person.press("I have kept them")
    person.page.locator(field).fill(label)
    person.press(button)
    assert label in person.page.inner_text("main")


def photograph(person: Traveller, name: str) -> None:
    """The whole page, if somebody wants pictures."""
    if PICTURES:
        person.page.screenshot(path=Path(PICTURES) / name, full_page=True)


def new_token(person: Traveller) -> str:
    """A token for all her projects."""
    person.goto("/account/tokens/")
    person.page.get_by_label("What it is for").fill("a journey")
    person.press("Make the token")
    return person.page.locator("pre").first.inner_text().strip()


def test_a_lost_phone_and_the_way_back(  # noqa: PLR0915 - one journey, told in full
    index: Server, sink: MailSink, browser: Browser, forge: Receiver
) -> None:
    alice, bob, olga, oscar = (Traveller(name, index, sink, browser) for name in ("alice", "bob", "olga", "oscar"))
    for person in (alice, bob, olga, oscar):
        arrive(person, operator=person in (olga, oscar))
    phone = alice.insert(passkeys=True)
    secure(alice, "Add a passkey", "my phone", "#label-add-passkey")
    token = new_token(alice)
    repository = f"http://127.0.0.1:{forge.port}/alice/lantern"
    with httpx.Client(base_url=f"http://127.0.0.1:{index.port}", timeout=30) as client:
        lantern = wheel("lantern", headers={"Project-URL": f"Repository, {repository}"})
        assert upload(client, token, lantern, name="lantern", version="1.0").status == 200
        assert upload(client, token, wheel("harbour"), name="harbour", version="1.0").status == 200
    share(index, "harbour", "bob")
    bob.insert(passkeys=False)
    secure(bob, "Add a security key", "the blue key", "#label-add-key")

    # The phone falls into the sea, and the codes were on it.
    alice.devices.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": phone})
    alice.sign_out()
    alice.sign_in()
    assert alice.page.url.startswith(f"{index.url}/account/second/")
    alice.goto("/account/recover/")
    alice.look()
    alice.page.get_by_label("User name").fill("alice")
    alice.press("Open a case")
    assert "on its way" in alice.page.inner_text("main")
    bob.letter("Somebody asks for the account alice")
    link = re.search(rf"{re.escape(index.url)}/recovery/\S+", alice.letter("Getting your account back"))
    assert link is not None
    alice.page.goto(link[0])
    alice.press("Note that I read this mail")
    with httpx.Client(base_url=f"http://127.0.0.1:{index.port}", timeout=30) as client:
        dist = wheel("lantern", "1.1")
        assert upload(client, token, dist, name="lantern", version="1.1").status == 200, "mail alone holds nothing"

    # A file in the repository that only she can write.
    recovery = str(alice.page.locator("pre").first.inner_text()).strip()
    right = "/alice/lantern/-/raw/HEAD/customhouse-recovery.txt"
    forge.answer = lambda request: Reply(200, recovery.encode()) if request.path == right else Reply(404, b"")
    alice.press("Look for the file")
    assert "The proof is accepted" in alice.page.inner_text("main")
    alice.letter("Uploads of your account wait")
    with httpx.Client(base_url=f"http://127.0.0.1:{index.port}", timeout=30) as client:
        held = upload(client, token, wheel("lantern", "1.2"), name="lantern", version="1.2")
    assert held.status == 202
    assert re.search(r"publishes nothing until \d+ \w+ \d{4}, \d\d:\d\d UTC at the latest", held.text), held.text

    # She calls bob and reads him the word.
    word = alice.page.locator(".word").inner_text()
    bob.goto("/account/")
    bob.page.get_by_role("link", name="Vouch for it, or object").click()
    bob.look()
    bob.page.get_by_role("link", name="I have spoken with alice …").click()
    if "/account/again/" in bob.page.url:
        bob.press("Use a security key or passkey")
    if bob.page.get_by_role("link", name="Prove who you are with it").count():
        bob.page.get_by_role("link", name="Prove who you are with it").click()
        bob.press("Use a security key or passkey")
    assert bob.page.url.endswith("/vouch/"), bob.page.url
    bob.look()
    bob.page.get_by_label("The word that you were read").fill(word.upper())
    bob.press("I vouch for alice")
    assert "Your word is noted" in bob.page.inner_text("main")
    alice.page.reload()
    assert "waiting for two operators" in alice.page.inner_text("main")
    alice.look()
    photograph(alice, "recovery-case.png")

    for operator, words in ((olga, "first of two"), (oscar, "second of two")):
        operator.goto("/admin/recovery/")
        operator.look()
        operator.page.get_by_role("link", name="alice", exact=True).click()
        assert words in operator.page.inner_text("main")
        operator.look()
        if operator is oscar:
            photograph(operator, "recovery-operators.png")
        operator.page.get_by_label("Why the evidence convinces you").fill("Her repository, her friend, her mail.")
        operator.press("Agree")
    bob.letter("alice was given back")
    alice.letter("Your account is yours again", "second factors (1)")

    # A new password, a new phone, a new token.
    choose(alice, PASSWORD + " again")
    assert alice.is_in
    alice.insert(passkeys=True)
    secure(alice, "Add a passkey", "my new phone", "#label-add-passkey")
    fresh = new_token(alice)
    with httpx.Client(base_url=f"http://127.0.0.1:{index.port}", timeout=30) as client:
        dist = wheel("lantern", "1.2")
        assert upload(client, token, dist, name="lantern", version="1.2").status in (401, 403)
        answer = upload(client, fresh, dist, name="lantern", version="1.2")
        assert answer.status == 200, answer.text
    olga.goto("/admin/recovery/")
    assert "The account was given back" in olga.page.inner_text("main")
    for person in (alice, bob, olga, oscar):
        assert person.said == [], person.name
        person.context.close()
