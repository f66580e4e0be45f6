"""A whole journey from a letter to one button, with real servers on every side.

A letter comes by LMTP, becomes a case, gets a CVE id from CVE Services, an embargoed release by ``customhouse publish``
that its reporter installs with pip, and downstreams who promise silence. One button in Chromium publishes all of it.
With ``CUSTOMHOUSE_PICTURES=folder`` the sights are kept.
"""

from __future__ import annotations

import json
import re
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser
from test_journey_passkey import PASSWORD, Traveller

from customhouse.accounts.links import SetPassword, set_password
from customhouse.accounts.passwords import hash_password
from customhouse.accounts.tables import account
from customhouse.accounts.users import AddUser, SetSiteRole, add_user, set_site_role
from cve_services import Simulator, cve_services
from letters_in import letter
from mail_sink import MailSink, text_of
from onlookers import Onlooker
from packages import wheel
from patience import until
from servers import free_port
from world import Server, upload

pytestmark = pytest.mark.slow
ADDRESS = "security@index.test"
FIX = wheel("lantern", "1.1", files={"lantern/__init__.py": b"SAFE = True\n"})


@pytest.fixture
def there() -> Iterator[Simulator]:
    with cve_services() as running:
        yield running


@pytest.fixture
def index(sink: MailSink, tmp_path: Path, there: Simulator) -> Iterator[Server]:
    """A CNA's index that takes mail in; browsers take localhost for a secure place."""
    server = Server(tmp_path / "data", environment=sink.environment)
    server.url = f"http://localhost:{server.port}"
    server.mail_port = free_port()  # type: ignore[attr-defined]
    server._environment |= {
        "CUSTOMHOUSE_URL": server.url, "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": '["127.0.0.0/8"]',
        "CUSTOMHOUSE_SECURITY_ADDRESS": ADDRESS, "CUSTOMHOUSE_MAIL_IN": f"lmtp://127.0.0.1:{server.mail_port}",  # type: ignore[attr-defined]
        "CUSTOMHOUSE_CVE_SERVICES": there.url, "CUSTOMHOUSE_CVE_ORG": there.org, "CUSTOMHOUSE_CVE_USER": there.user,
        "CUSTOMHOUSE_CVE_KEY": there.key,
    }  # fmt: skip
    server.start()
    try:
        yield server
        server.check()
    finally:
        server.stop()


def vulnerabilities(client: httpx.Client, version: str = "1.0") -> list[str]:
    """What the index answers pip-audit and uv."""
    asked = {"package": {"name": "lantern", "ecosystem": "PyPI"}, "version": version}
    return [one["id"] for one in client.post("/v1/query", json=asked).json().get("vulns", [])]


def people(index: Server, *names: str) -> None:
    """Accounts with a password; the first of them runs the index."""
    with index.opened() as app:
        for name in names:
            user = app.do(add_user, AddUser(name, f"{name}-{index.port}@{name}.example"))
            app.do(partial(set_password, app.key), SetPassword(hash_password(PASSWORD), user=user))
        app.do(set_site_role, SetSiteRole(names[0], "operator"))
        with app.database.write() as sql:
            sql.execute(sa.update(account).values(email_verified_at=app.clock.now()))


def in_a_browser(name: str, index: Server, sink: MailSink, browser: Browser) -> Traveller:
    """Somebody signed in, in a browser that the account knows."""
    somebody = Traveller(name, index, sink, browser)
    somebody.sign_in()
    if not somebody.is_in:
        somebody.follow("/account/browser/")
        somebody.page.get_by_role("button").last.click()
        somebody.goto("/account/")
    return somebody


def test_disclosure_from_a_letter_to_one_button(  # noqa: PLR0915 - one journey, told in full
    index: Server, sink: MailSink, browser: Browser, there: Simulator, tmp_path: Path
) -> None:
    sink.clear()
    people(index, "olga", "alice", "bob")
    tokens = {name: index.new_token(name) for name in ("alice", "bob")}
    with httpx.Client(base_url=f"http://127.0.0.1:{index.port}", timeout=30) as client:
        first, needs = wheel("lantern", "1.0"), wheel("harbour", "1.0", headers={"Requires-Dist": "lantern"})
        assert upload(client, tokens["alice"], first, name="lantern", version="1.0").status == 200
        assert upload(client, tokens["bob"], needs, name="harbour", version="1.0").status == 200

        # A letter comes.
        wanted = letter("Its flame leaves the glass: see lantern/__init__.py.", Subject="Fire in lantern")
        with smtplib.LMTP("127.0.0.1", index.mail_port) as post:  # type: ignore[attr-defined]
            post.sendmail("rita@example.org", ["security+lantern@index.test"], wanted.as_bytes())
        olga = in_a_browser("olga", index, sink, browser)
        link = case_of(olga.letter("A vulnerability was reported"), index)
        olga.page.goto(link)
        for state in ("acknowledged", "triage", "accepted"):
            olga.page.get_by_label("The case is").select_option(state)
            olga.press("Go on")
        olga.page.get_by_label("Put somebody in").fill("alice")
        olga.press("Put in")
        olga.page.get_by_label(re.compile("^CVE id")).fill("")
        olga.press("Reserve one, or keep this")
        reporter = page_of_rita(sink, index)

        # The owner writes the advisory and sends the release, as she always does.
        alice = in_a_browser("alice", index, sink, browser)
        alice.page.goto(case_of(alice.letter("You are wanted"), index))
        alice.page.get_by_text("Write the advisory …").click()
        for label, text in (
            ("Title", "The flame leaves the glass"), ("Description", "Whoever passes a draught sets fire to the table."),
            ("CVSS vector", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:N/I:H/A:H"), ("Affected versions", "0 1.1"),
            ("Weakness", "CWE-693"),
        ):  # fmt: skip
            alice.page.get_by_label(label, exact=True).fill(text)
        alice.press("Keep it")
        alice.page.get_by_label("Make the release under embargo").fill("1.1")
        alice.press("Begin it")
        (tmp_path / FIX.filename).write_bytes(FIX.body)
        said = publish(index, tokens["alice"], tmp_path / FIX.filename)
        assert said[-1]["state"] == "staged", said
        choose(alice, "fixing")

        # The reporter tries it with pip before anybody else can.
        rita = browser.new_context(viewport={"width": 1100, "height": 800}).new_page()
        rita.goto(reporter)
        command = rita.get_by_label("Command that installs it").inner_text()
        stage = re.search(r"http://\S+/simple/", command)
        assert stage is not None
        install(stage[0], tmp_path / "rita", "lantern==1.1", code=0)
        install(f"{index.url}/simple/", tmp_path / "stranger", "lantern==1.1", code=1)
        rita.get_by_role("button", name="It mends it").click()
        rita.get_by_text("Name somebody …").click()
        rita.get_by_label("Name, as it is to be written").fill("Rita Ember")
        rita.get_by_label("For what").select_option("finder")
        rita.get_by_role("button", name="Name", exact=True).click()
        choose(alice, "fix-ready")

        # Those who need it are told under embargo, and a day is agreed on.
        alice.page.get_by_label("harbour").check()
        alice.press("Ask them to promise silence")
        bob = in_a_browser("bob", index, sink, browser)
        bob.page.goto(case_of(bob.letter("Under embargo"), index))
        assert "lantern" not in bob.page.inner_text("main")
        bob.look()
        bob.photograph("disclosure-embargo.png")
        bob.press("I promise it")
        assert "The flame leaves the glass" in bob.page.inner_text("main")
        alice.page.get_by_label("The day, in UTC").fill(f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%dT%H:%M}")
        alice.press("Agree on it")
        assert there.state(only(there)) == "RESERVED"
        assert vulnerabilities(client) == []
        assert FIX.filename not in client.get("/simple/lantern/").text
        alice.look()
        alice.page.evaluate("window.scrollTo(0, 0)")
        alice.photograph("disclosure-case.png")
        if alice.page.get_by_text("Publish everything at one moment").count():
            alice.page.get_by_text("Publish everything at one moment").scroll_into_view_if_needed()
        alice.photograph("disclosure-button.png")

        # One button.
        onlooker = Onlooker(
            f"http://127.0.0.1:{index.port}",
            lambda stranger: FIX.filename in stranger.get("/simple/lantern/").text,
            lambda stranger: bool(vulnerabilities(stranger)),
        )
        with onlooker.watching():
            alice.press("Publish now")
            if "/account/again/" in alice.page.url:
                alice.page.get_by_label("Password").fill(PASSWORD)
                alice.press("Go on")
                alice.press("Publish now")
            assert "It is public" in alice.page.inner_text("main")
        assert (False, False) in onlooker.pairs
        assert (True, False) not in onlooker.pairs
        install(f"{index.url}/simple/", tmp_path / "everybody", "lantern==1.1", code=0)
        [ours] = vulnerabilities(client)
        assert vulnerabilities(client, "1.1") == []
        alice.goto(f"/advisory/{ours}/")
        assert "Rita Ember" in alice.page.inner_text("main")
        alice.photograph("disclosure-advisory.png")
        bob.letter("is published")
        until(lambda: there.state(only(there)) == "PUBLISHED")
        record = there.records[only(there)]["containers"]["cna"]
        assert record["title"] == "The flame leaves the glass"
        assert record["credits"] == [{"lang": "en", "value": "Rita Ember", "type": "finder"}]
        until(lambda: any("is published" in str(one["Subject"]) for one in sink.letters_to("rita@example.org")))
    assert alice.said == bob.said == olga.said == []
    for one in (alice, bob, olga):
        one.context.close()


def choose(somebody: Traveller, state: str) -> None:
    """Move the case on."""
    somebody.page.get_by_label("The case is").select_option(state)
    somebody.press("Go on")


def case_of(text: str, index: Server) -> str:
    """The address of the case in a letter."""
    found = re.search(rf"{re.escape(index.url)}/security/cases/\S+", text)
    assert found is not None
    return found[0]


def page_of_rita(sink: MailSink, index: Server) -> str:
    """Her own address of the case, from the letter that she got."""
    until(lambda: bool(sink.letters_to("rita@example.org")))
    found = re.search(
        rf"{re.escape(index.url)}/security/case/\S+", text_of(sink.letters_to("rita@example.org")[0])
    )  # fmt: skip
    assert found is not None
    return found[0]


def only(there: Simulator) -> str:
    until(lambda: bool(there.ids))
    [cve_id] = there.ids
    return cve_id


def publish(index: Server, token: str, file: Path) -> list[dict[str, object]]:
    """``customhouse publish --stage`` with a token; what it says, line by line."""
    done = subprocess.run(
        [sys.executable, "-m", "customhouse", "publish", str(file), "--index", f"{index.url}/", "--json", "--stage"],
        env={"HOME": str(file.parent), "PATH": "/usr/bin:/bin", "CUSTOMHOUSE_TOKEN": token}, check=False,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def install(where: str, target: Path, what: str, *, code: int) -> None:
    """By unmodified pip, from there and from nowhere else."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--no-deps", "--target",
         str(target), "--index-url", where, what],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, (done.stdout, done.stderr)
