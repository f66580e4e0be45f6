"""An owner says in her browser that a release does not work with something, everybody sees it, and she takes it back.

On both databases. With ``CUSTOMHOUSE_PICTURES=folder`` the sights on the way are kept.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as httpx
import pytest
from browser import faults
from playwright.sync_api import Browser
from test_journeys import Traveller

from customhouse.views.define import AddView, add_view
from mail_sink import MailSink
from packages import wheel
from servers import Postgres
from terminal_picture import terminal_picture
from world import ON_BOTH, Server, upload

pytestmark = pytest.mark.slow


@pytest.fixture(params=ON_BOTH)
def index(request: pytest.FixtureRequest, sink: MailSink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server that sends its mail to the sink."""
    environment = dict(sink.environment)
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        environment["CUSTOMHOUSE_DATABASE"] = postgres.new_database()
    server = Server(tmp_path_factory.mktemp("amendments") / "data", environment=environment)
    server._environment["CUSTOMHOUSE_URL"] = server.url
    sink.clear()
    try:
        server.start()
        yield server
        server.check()
    finally:
        server.stop()


def say(alice: Traveller, versions: str, requirement: str) -> None:
    """Fill the form and send it."""
    alice.goto("/manage/project/frames/amendments/")
    assert faults(alice.page) == []
    form = alice.page.locator("form.stack").last
    form.get_by_label("Versions").fill(versions)
    form.get_by_label("Requirement, as it is to be read").fill(requirement)
    form.get_by_label("Why", exact=True).fill("numbers 3 has no Frame.append, which we call.")
    form.get_by_label("Where one can look it up").fill("https://example.org/frames/issues/41")
    alice.press("Say it")


def see_it(alice: Traveller) -> None:
    """The project's page says it."""
    alice.goto("/project/frames/")
    section = alice.page.get_by_role("region", name="Table of amendments")
    words = section.inner_text()
    assert "numbers>=1,<3" in words
    assert "signed" in words
    assert faults(alice.page) == []
    section.scroll_into_view_if_needed()
    alice.photograph("amendment-project.png")


def hand_it_out(index: Server) -> None:
    """Programs get it, and can check who said it."""
    text = httpx.get(f"{index.url}/view/all/constraints.txt?for=frames").text
    assert "\nnumbers<3\n" in text
    terminal_picture("amendment-constraints", "curl '…/view/all/constraints.txt?for=frames'", text, width=110)
    (index.data.parent / "told.json").write_text(httpx.get(f"{index.url}/api/projects/frames/amendments").text)
    told = index.command("amendment", "verify", str(index.data.parent / "told.json"), "--index", index.url)
    assert told.startswith("good")
    terminal_picture("amendment-verify", "customhouse amendment verify told.json --index URL", told, width=110)


def test_an_owner_amends_a_release_and_takes_it_back(index: Server, sink: MailSink, browser: Browser) -> None:
    alice = Traveller("alice", index, sink, browser)
    alice.set_password()
    token = index.new_token("alice")
    headers = {"Requires-Dist": "numbers>=1\nRequires-Dist: tables>=2,<4", "Requires-Python": ">=3.10"}
    with httpx.Client(base_url=index.url, timeout=30) as client:
        for version in ("1.3", "1.4"):
            dist = wheel("frames", version, headers=headers, description="Frames of tables.")
            assert upload(client, token, dist, name="frames", version=version).status == 200
    with index.opened() as app:
        app.do(add_view, AddView("all", (), 'level = "open"\n', ()))

    say(alice, "1.4", "numbers<3")
    assert "to narrow it: >=1,<3" in alice.page.inner_text("body")
    say(alice, ">=1.3", "numbers>=1,<3")
    assert alice.said == "It is said, and it narrows what 1.3, 1.4 requires."
    assert faults(alice.page) == []
    alice.photograph("amendment-form.png")
    see_it(alice)
    hand_it_out(index)

    alice.goto("/manage/project/frames/amendments/")
    alice.page.get_by_label("Why it no longer counts").fill("numbers 3.1 has it again.")
    alice.press("Withdraw")
    assert alice.said == "What was said of numbers>=1 is taken back."
    assert "Withdrawn on" in alice.page.inner_text("body")
    assert faults(alice.page) == []
    assert "Said afterwards" not in alice.goto("/project/frames/").inner_text("body")
    letter = alice.letter("frames 1.3, 1.4 was amended")
    assert "> numbers 3 has no Frame.append, which we call." in letter
    assert "numbers>=1 as numbers>=1,<3" in letter
    alice.letter("an amendment of frames 1.3, 1.4 was withdrawn")
