"""An observer reads every address that anybody may read, again and again, while a case goes its way.

Until the button is pressed no byte of any answer is another one; then release, advisory and notices are there together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from route_table import EVERYBODY, ROWS

from customhouse.advisories.disclosure.draft import Draft, Span
from customhouse.advisories.disclosure.model import Case
from customhouse.app import policy_of
from customhouse.index.disclosing.access import Knock
from customhouse.index.disclosing.discuss import Say, say
from customhouse.index.disclosing.downstream import Notify, notify
from customhouse.index.disclosing.move import Move, Schedule, move, schedule
from customhouse.index.disclosing.people import Invite, invite
from customhouse.index.disclosing.publish import PublishCase, publish_case
from customhouse.index.disclosing.receive import Report, receive
from customhouse.index.disclosing.reserve import AskForCve, ask_for_cve
from customhouse.index.disclosing.rules import Rules
from customhouse.index.disclosing.stage import OpenStage, open_stage
from customhouse.index.disclosing.write_draft import Thank, WriteDraft, thank, write_draft
from customhouse.index.staging.add_file import AddFile, add_file
from customhouse.index.staging.policy import BYTES
from customhouse.infra.spool import spool_bytes
from customhouse.infra.walkers import Walkers
from customhouse.terms.identity import NOBODY
from customhouse.work import run_due_job, run_followers
from packages import wheel
from town import Town, small_town
from town_disclosure import actor_of

pytestmark = pytest.mark.slow

VERSION, TITLE = "6.6.6", "Zebras escape through the fence"
FIX = wheel("demo", VERSION)
KINDS = ("text/html", "application/json", "application/vnd.pypi.simple.v1+json")
MORE = (
    "/simple/demo/", "/simple/", "/pypi/demo/json", "/pypi/demo/1.0/json", "/project/demo/", "/rss/updates.xml",
    "/rss/advisories.xml", "/feeds/advisories.xml", "/advisories/", f"/project/demo/{VERSION}/",
    f"/files/demo/{FIX.filename}", f"/search/?q={VERSION}", "/search/?q=zebras", "/ledger.jsonl", "/robots.txt",
    "/sitemap.xml", f"/pypi/demo/{VERSION}/json", "/trust/data.json",
)  # fmt: skip
QUERIES = (
    ("/v1/query", {"package": {"name": "demo", "ecosystem": "PyPI"}}),
    ("/v1/query", {"package": {"name": "demo", "ecosystem": "PyPI"}, "version": "1.0"}),
    ("/v1/querybatch", {"queries": [{"package": {"name": "demo", "ecosystem": "PyPI"}, "version": "1.0"}]}),
)  # fmt: skip
# What is new each time, whatever happens: tokens of forms, the links of cases about nobody.
FRESH = re.compile(r'(csrf" value=")[^"]+|(links?/|case/)[a-z2-7]{26}\.[\w-]{43}')
SECRET = re.compile(r"\{(stage|member_link|\w*link|session|code)\}")
Seen = Mapping[str, object]


@pytest.fixture
def town(request: pytest.FixtureRequest, walkers: Walkers, tmp_path: Path) -> Iterator[Town]:
    with small_town(tmp_path, request.getfixturevalue("blank"), walkers) as made:
        settle(made)
        yield made


def settle(town: Town) -> None:
    while run_followers(town.app) or run_due_job(town.app):
        pass


def observe(town: Town) -> Seen:
    """Every answer to a stranger, without what is new each time."""
    rows = [row for row in ROWS if row.verb == "GET" and row.who == EVERYBODY and not SECRET.search(row.path)]
    addresses = dict.fromkeys([*(row.page(town, "anonymous") for row in rows), *MORE])
    seen: dict[str, object] = {}
    for address in addresses:
        # Only the simple pages have several representations under one address.
        for kind in KINDS if address.startswith("/simple") else KINDS[:1]:
            answer = town.knock("anonymous", "GET", address, accept=kind)
            headers = {
                name: value
                for name, value in answer.headers.items()
                if name not in ("set-cookie", "date", "etag", "content-length")
            }
            seen[f"{address} {kind}"] = (answer.status_code, headers, told(address, answer.text))
    for address, asked in QUERIES:
        seen[f"{address} {json.dumps(asked)}"] = town.client.post(address, json=asked).text
    return seen


def told(address: str, text: str) -> str:
    """The words of an answer. In the ledger everybody sees that somebody did something, and nothing of what."""
    if address == "/ledger.jsonl":
        return "\n".join(line for line in text.splitlines() if '"kind"' in line)
    if address == "/ledger/":
        # A page of it holds so many entries, so that sealed ones push others down. Its lines are compared above.
        return str([word for word in (VERSION, TITLE) if word in text])
    return FRESH.sub("", text)


def differences(before: Seen, after: Seen) -> list[str]:
    return [address for address in before if before[address] != after[address]]


def test_nothing_public_changes_before_the_button_and_everything_with_it(town: Town) -> None:
    app, olga, alice = town.app, actor_of(town.app, "olga"), actor_of(town.app, "alice")
    rules, policy = Rules.of(app.settings), policy_of(app.settings)
    before = observe(town)
    assert len(before) > 80
    assert differences(before, observe(town)) == [], "the observer itself is steady"

    taken = app.do(partial(receive, rules), Report(TITLE, f"See {VERSION}.", "demo", NOBODY, email="rita@example.org"))
    desk, owner = Knock(taken.case.public_id, olga), Knock(taken.case.public_id, alice)
    reporter = Knock(taken.case.public_id, NOBODY, taken.reporter.id)
    for state in ("acknowledged", "triage", "accepted"):
        app.do(move, Move(desk, state))
    app.do(invite, Invite(desk, "alice"))
    app.do(ask_for_cve, AskForCve(desk, "CVE-2026-6666"))
    spans = (Span("0", VERSION),)
    draft = Draft(TITLE, "They do.", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:N/I:H/A:N", ("CWE-22",), spans)
    app.do(write_draft, WriteDraft(owner, draft))
    app.do(thank, Thank(reporter, "Rita Zebra", "finder"))
    settle(town)
    assert differences(before, observe(town)) == []

    session = app.do(open_stage, OpenStage(owner, VERSION, policy))
    file = app.do(
        add_file, AddFile(session.id, FIX.filename, len(FIX.body), {"sha256": FIX.sha256}, BYTES, alice, policy)
    )
    spooled = spool_bytes(app.settings.data / "spool", FIX.body, "")
    app.staging.take(file, spooled, alice)
    spooled.path.unlink()
    app.staging.complete(session.stage, file.id, alice)
    app.do(say, Say(reporter, "It mends it."))
    for state in ("fixing", "fix-ready"):
        app.do(move, Move(owner, state))
    app.do(notify, Notify(owner, ("lodge",)))
    app.do(schedule, Schedule(owner, app.clock.now() + timedelta(days=3)))
    settle(town)
    assert differences(before, observe(town)) == []

    done: Case = publish_case(app.deeds, PublishCase(owner, policy, rules))
    after = observe(town)
    changed = {address.split(" ")[0] for address in differences(before, after)}
    for address in (
        "/simple/demo/", "/pypi/demo/json", "/project/demo/", "/advisories/", "/rss/updates.xml", "/v1/query",
        "/v1/querybatch", "/ledger.jsonl", f"/files/demo/{FIX.filename}", f"/project/demo/{VERSION}/",
    ):  # fmt: skip
        assert address in changed, (address, sorted(changed))
    settle(town)
    feed = town.knock("anonymous", "GET", "/rss/advisories.xml", accept="text/html").text
    assert done.advisory_id in feed, "the worker writes it, a second later"
    page = town.knock("anonymous", "GET", f"/advisory/{done.advisory_id}/", accept="text/html")
    assert TITLE in page.text
    assert "CVE-2026-6666" in page.text
    # What stays secret for ever: who reported, and what was said.
    public = json.dumps([str(value) for value in after.values()]) + page.text
    for secret in ("rita@example.org", "It mends it", taken.case.public_id, session.stage):
        assert secret not in public, secret
