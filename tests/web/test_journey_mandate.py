"""A whole journey with a virtual authenticator and real mail: a mandate is announced, warned and enforced.

The upload is refused with the page's text, keys are claimed and one is registered, and the upload is accepted; on both
databases. With ``CUSTOMHOUSE_PICTURES=folder`` the sights are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from playwright.sync_api import Browser
from test_journey_passkey import PASSWORD, Traveller

from mail_sink import MailSink
from packages import wheel
from servers import Postgres
from world import ON_BOTH, Answered, Server, upload

pytestmark = pytest.mark.slow
NAME = "lighthouse"


@pytest.fixture(params=ON_BOTH)
def index(request: pytest.FixtureRequest, sink: MailSink, tmp_path: Path) -> Iterator[Server]:
    """A real server that knows its name; browsers take localhost for a secure place."""
    server = Server(tmp_path / "data", environment=sink.environment)
    server.url = f"http://localhost:{server.port}"
    server._environment |= {"CUSTOMHOUSE_URL": server.url}
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        server._environment["CUSTOMHOUSE_DATABASE"] = postgres.new_database()
    server.start()
    try:
        yield server
        server.check()
    finally:
        server.stop()


def arrive(person: Traveller) -> None:
    """An account with a password, from the first letter on."""
    person.index.command("user", "add", person.name, "--email", person.email)
    person.goto("/account/reset/")
    person.page.get_by_label("User name or e-mail address").fill(person.name)
    person.press("Send the link")
    person.follow("/account/link/")
    person.page.get_by_label("New password").fill(PASSWORD)
    person.page.get_by_label("The same again").fill(PASSWORD)
    person.press("Set the password")
    person.sign_in()
    assert person.is_in, person.page.inner_text("main")


def publish(index: Server, token: str, version: str) -> Answered:
    with httpx.Client(base_url=f"http://127.0.0.1:{index.port}", timeout=60) as client:
        return upload(client, token, wheel(NAME, version), name=NAME, version=version)


def of_page(person: Traveller, heading: str) -> str:
    """The words of a part of the page "What is required of me"."""
    person.goto("/account/required/")
    part = person.page.locator("section").filter(has=person.page.get_by_role("heading", name=heading, exact=True))
    return " ".join(part.inner_text().split())


def test_mandate_announced_warned_enforced_refused_claimed_accepted(  # noqa: PLR0915 - one journey, told in full
    index: Server, sink: MailSink, browser: Browser, tmp_path: Path
) -> None:
    alice, olga = Traveller("alice", index, sink, browser), Traveller("olga", index, sink, browser)
    first = "CUSTOMHOUSE_DATABASE" not in index.environment
    arrive(alice)
    arrive(olga)
    index.command("user", "role", "olga", "operator")
    olga.sign_in()
    alice.goto("/account/tokens/")
    alice.page.get_by_label("What it is for").fill("a journey")
    alice.press("Make the token")
    token = alice.page.locator("pre").first.inner_text().strip()
    assert publish(index, token, "1.0").status == 200
    index.command("project", "critical", NAME, "--reason", "Ships steer by it.")
    assert "critical project now" in alice.letter(f"{NAME} is a critical project now")
    assert "Ships steer by it." in alice.goto(f"/project/{NAME}/").inner_text("main")

    # Announced, after a look at the price.
    olga.goto("/admin/mandates/new/")
    olga.press("Show what it would mean")
    price = " ".join(olga.page.inner_text("main").split())
    assert "1 person is affected" in price or "person is affected 1" in price
    assert f"a single person who can publish, so one lost key stops it: {NAME}" in price
    if first:
        olga.look()
        olga.page.get_by_role("heading", name="What it would mean").scroll_into_view_if_needed()
        olga.photograph("mandate-wizard.png")
    olga.page.get_by_label("Title").fill("Two factors for critical projects")
    olga.page.get_by_label("Why, in your words").fill("Half the fleet steers by these projects.")
    olga.press("Announce it")
    assert "is announced" in olga.page.get_by_role("status").first.inner_text()
    number = olga.page.url.rstrip("/").rpartition("/")[2]
    letter = alice.letter("What will be required of you", "Half the fleet steers by these projects.")
    soon = of_page(alice, "By a day to come")
    assert "you will need a second factor" in soon
    assert same_words(letter, soon)
    answer = publish(index, token, "1.1")
    assert (answer.status, "mandate" in answer.text) == (200, False)

    # Warned: the upload passes, and its receipt says the words of the page.
    index.command("mandate", "change", number, "--warned", "now")
    letter = alice.letter("Soon you need a second factor")
    soon = of_page(alice, "By a day to come")
    answer = publish(index, token, "1.2")
    assert answer.status == 200
    assert "uploads pass until that day" in answer.text
    assert same_words(answer.text, soon)
    assert same_words(letter, soon)

    # Enforced: the upload is refused with them.
    index.command("mandate", "change", number, "--enforced", "now")
    letter = alice.letter("You need a second factor now")
    answer = publish(index, token, "1.3")
    today = of_page(alice, "Today")
    assert answer.status == 403
    assert f"{index.url}/account/required/" in answer.text
    assert same_words(answer.text, today)
    assert same_words(letter, today)
    if first:
        alice.look()
        alice.photograph("required.png")

    # Two keys are given away, and claimed once.
    codes = tmp_path / "codes.txt"
    codes.write_text("KEY-ONE\nKEY-TWO\nKEY-THREE\n")
    index.command("giveaway", "load", str(codes), "--campaign", "winter", "--title", "Winter keys", "--until",
                  "2099-01-01", "--redeem", "https://keys.example/")  # fmt: skip
    alice.page.get_by_role("link", name="Security keys that are given away").click()
    assert NAME in alice.page.inner_text("main")
    alice.press("Claim my 2 keys")
    assert "KEY-ONE" in alice.page.inner_text("main")
    assert "KEY-TWO" in alice.page.inner_text("main")

    # One is registered, and the same upload is taken.
    alice.goto("/account/two-factor/")
    alice.press("Make recovery codes")
    kept = alice.page.get_by_label("Recovery codes", exact=True).inner_text().split()
    alice.page.get_by_label("Type one of them, from where you have kept it").fill(kept[0])
    alice.press("I have kept them")
    alice.insert(passkeys=False)
    alice.page.locator("#label-add-key").fill("the first of two")
    alice.press("Add a security key")
    assert "the first of two" in alice.page.inner_text("main")
    answer = publish(index, token, "1.3")
    assert answer.status == 200, answer.text
    assert "mandate" not in answer.text
    assert "You have one, so there is nothing to do." in of_page(alice, "Today")

    # The key stays while the mandate holds (A16).
    alice.goto("/account/two-factor/")
    alice.press("Remove the first of two")
    assert "A mandate rests on this factor." in alice.page.inner_text("main")
    if first:
        for address in ("/critical/", "/admin/critical/", "/admin/mandates/", f"/admin/mandates/{number}/",
                        f"/manage/project/{NAME}/mandate/", f"/project/{NAME}/"):  # fmt: skip
            olga.goto(address)
            olga.look()
    alice.context.close()
    olga.context.close()


def same_words(text: str, page: str) -> bool:
    """Whether a letter or an answer says what the page says, from the day to the last address."""
    start = page.index("rom " if "From " in page else "ince ")
    end = page.index("/account/keys/", start)
    return page[start:end] in " ".join(text.split())
