"""The journey of a hostile co-owner, in a real browser with real mail, on both databases.

He invites an accomplice and removes the founder. Both wait; the founder reads it in his mail and stops it with one
click; an operator decides; nothing was lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from test_journeys import Traveller, files, publish

from mail_sink import MailSink
from servers import Postgres
from world import ON_BOTH, Server

pytestmark = pytest.mark.slow


@pytest.fixture(params=ON_BOTH)
def index(request: pytest.FixtureRequest, sink: MailSink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server that sends its mail to the sink."""
    environment = dict(sink.environment)
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        environment["CUSTOMHOUSE_DATABASE"] = postgres.new_database()
    server = Server(tmp_path_factory.mktemp("hostile") / "data", environment=environment)
    server._environment["CUSTOMHOUSE_URL"] = server.url
    server.start()
    sink.clear()
    try:
        yield server
        server.check()
    finally:
        server.stop()


def join(owner: Traveller, who: Traveller) -> None:
    """Invite somebody to be an owner, who accepts."""
    owner.goto("/manage/project/compass/people/")
    owner.page.get_by_label("User name or e-mail address").fill(who.name)
    owner.page.get_by_label("Role").select_option("owner")
    owner.press("Send the invitation")
    who.goto("/account/invitations/")
    with who.page.expect_navigation():
        who.page.get_by_role("button", name="Accept").click()


def test_a36_a_hostile_co_owner_takes_nothing(index: Server, sink: MailSink, browser: Browser) -> None:
    founder, hostile, accomplice, operator = (
        Traveller(name, index, sink, browser) for name in ("fiona", "hugo", "ivan", "olga")
    )
    index.command("user", "role", "olga", "operator")
    for one in (founder, hostile, accomplice, operator):
        one.set_password()
    publish(index, index.new_token("fiona"), "compass", "1.0")
    join(founder, hostile)
    before = files(index, "compass")

    # The founder asks for slow motion.
    founder.goto("/manage/project/compass/pending/")
    founder.press("Ask for slow motion")
    assert "dangerous changes wait" in founder.said

    # The hostile owner invites his accomplice, who accepts, and removes the founder.
    join(hostile, accomplice)
    assert "Until then it can be stopped" in accomplice.said
    hostile.goto("/manage/project/compass/people/")
    hostile.press("Remove fiona")
    assert "fiona is removed as an owner of compass" in hostile.said
    hostile.goto("/manage/project/compass/pending/")
    assert "2 waiting" in hostile.page.inner_text("main")
    hostile.photograph("pending.png")

    # She reads of both. One is about her, the other she stops: in another browser, with nothing but the link.
    assert "you cannot veto it yourself" in founder.letter("fiona is removed as an owner of compass")
    link = re.search(r"http://\S+/veto/\S+", founder.letter("ivan becomes an owner of compass", "/veto/"))
    assert link is not None
    phone = browser.new_context(viewport={"width": 360, "height": 740}).new_page()
    phone.goto(link[0])
    assert "ivan becomes an owner of compass" in phone.inner_text("main")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    with phone.expect_navigation():
        phone.get_by_role("button", name="Veto it as fiona").click()
    assert phone.get_by_role("heading", level=1).inner_text() == "Stopped"
    phone.goto(link[0])
    assert "waits for an operator already" in phone.inner_text("main")

    # Both wait for an operator, who is told, and says no.
    operator.letter("Waits for an operator: ivan becomes an owner of compass")
    operator.goto("/admin/pending/")
    operator.photograph("pending-operator.png")
    for _ in range(2):
        operator.goto("/admin/pending/")
        operator.page.get_by_label("Why; every owner reads it").first.fill("The founder did not want this.")
        with operator.page.expect_navigation():
            operator.page.get_by_role("button", name="Refuse it").first.click()
        assert operator.said.startswith("Refused:")
    assert "Nothing waits." in operator.page.inner_text("main")
    assert "The founder did not want this." in founder.letter("Refused: fiona is removed as an owner of compass")

    # Nothing was lost, and all of it can be read.
    assert files(index, "compass") == before
    founder.goto("/manage/project/compass/people/")
    people = founder.page.inner_text("main")
    assert "fiona" in people
    assert "ivan" not in people
    founder.goto("/manage/project/compass/pending/")
    assert founder.page.inner_text("main").count("refused,") == 2
    founder.goto("/project/compass/ledger/")
    assert "had a change wait for an operator: ivan becomes an owner of compass" in founder.page.inner_text("main")
