"""A release under embargo: seen, sent and installed by its case alone; and the one button that publishes all of it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from customhouse.accounts.users import find_user
from customhouse.app import policy_of
from customhouse.catalog.staged import find_session
from customhouse.catalog.tables import project, project_role
from customhouse.formats.vex.csaf_rules import check_csaf
from customhouse.index.disclosing.access import Knock
from customhouse.index.disclosing.publish import PublishCase, publish_case
from customhouse.index.disclosing.rules import Rules
from customhouse.index.staging.policy import MOST_SESSIONS_OF_PROJECT
from customhouse.terms.errors import Refused
from cve_services import Simulator, cve_services
from disclosing import DRAFT, Desk, desk, settle
from packages import wheel
from person import Person
from staging import Stager
from world import World

FIX = wheel("demo", "1.1")


@pytest.fixture
def there() -> Iterator[Simulator]:
    with cve_services() as running:
        yield running


def own(world: World, name: str, who: str) -> Person:
    """Another owner of a project, who belongs to no case."""
    person = world.person(who)
    with world.app.database.write() as sql:
        number = sql.execute(project.select().where(project.c.normalized == name)).one().id
        sql.execute(
            project_role.insert().values(project_id=number, account_id=find_user(sql, who).id, role="owner")
        )  # fmt: skip
    return person


def staged(world: World) -> tuple[Desk, Stager]:
    """A case whose owner has begun a release."""
    case = desk(world)
    case.accept()
    case.does(case.owner, "draft", **DRAFT)
    case.does(case.owner, "stage", version="1.1")
    return case, Stager(world.client, world.tokens["alice"])


def stage_of(page: str) -> str:
    found = re.search(r"/stage/[^ ]+/simple/", page)
    assert found is not None
    return found[0]


def test_only_the_case_can_see_or_install_the_release(small_world: World) -> None:
    case, alice = staged(small_world)
    bob = own(small_world, "demo", "bob")
    session = alice.open("demo", "1.1")
    assert session.status_code == 409, "the same version means the release of the case"
    opened = alice.ask("GET", session.headers["location"]).json()
    alice.add(opened, FIX)
    stage = stage_of(case.reporter.get(case.link).text)
    assert small_world.client.get(f"{stage}demo/").text.count("demo-1.1") >= 1
    assert stage != stage_of(case.owner.get(case.here).text), "each has an address of his own"
    with small_world.app.database.read() as sql:
        row = find_session(sql, case.case.session_id or "")
    assert row is not None
    assert small_world.client.get(f"/stage/{row.stage}/simple/demo/").status_code == 404, "the raw one opens nothing"
    # The other owner sees nothing, and runs into nothing.
    for address in (f"/manage/project/demo/staged/{row.id}/", case.here):
        assert bob.get(address).status_code in (403, 404), address
    for address in ("/manage/project/demo/staged/", "/manage/project/demo/", "/account/", "/project/demo/ledger/"):
        assert "1.1" not in bob.get(address).text, address
    theirs = Stager(small_world.client, small_world.tokens["bob"])
    assert theirs.ask("GET", session.headers["location"]).status_code in (403, 404)
    mine = theirs.session("demo", "1.1")
    assert mine["links"]["session"] != session.headers["location"]
    theirs.ask("DELETE", mine["links"]["session"])
    # Nobody publishes it but the case's button.
    assert small_world.upload(FIX, version="1.1").status == 409, "nor by a slip"
    refused = alice.ask("POST", opened["links"]["publish"])
    assert refused.status_code == 409, refused.text
    assert "embargo" in refused.text
    # The letter of it goes to nobody else, no public entry names it, and none that the other owner reads.
    settle(small_world)
    for address in ("/project/demo/ledger/", "/project/demo/ledger.jsonl", "/manage/project/demo/"):
        assert not re.search(r"demo-1\.1|embargo", bob.get(address).text), address
    assert small_world.upload(wheel("demo", "1.1.0"), version="1.1.0").status == 409, "nor spelled otherwise"
    for line in small_world.client.get("/ledger.jsonl").text.splitlines():
        assert "1.1" not in line or '"hash"' in line
        assert "demo-1.1" not in line
    case.does(case.operator, "confirm", works="yes")
    assert case.case.confirmed_at is not None


def test_whoever_leaves_the_case_installs_nothing_any_more(small_world: World) -> None:
    case, _alice = staged(small_world)
    case.does(case.operator, "invite", user="bob" if small_world.user("bob") else "")
    bob = small_world.person("bob")
    stage = stage_of(bob.get(case.here).text)
    assert small_world.client.get(stage).status_code == 200
    gone = next(one for one in case.members if one.role == "team")
    case.does(case.operator, "remove", member=str(gone.id))
    assert small_world.client.get(stage).status_code == 404
    assert bob.get(case.here).status_code == 404


def ready(world: World) -> tuple[Desk, Stager]:
    """A case whose release is there and confirmed."""
    case, alice = staged(world)
    opened = alice.ask("GET", alice.open("demo", "1.1").headers["location"]).json()
    alice.add(opened, FIX)
    case.does(case.owner, "move", state="fixing")
    case.does(case.reporter, "confirm", works="yes")
    case.does(case.reporter, "credit", name="Rita Reporter", kind="finder")
    case.does(case.owner, "move", state="fix-ready")
    return case, alice


def test_one_button_publishes_release_and_advisory_together(world: World) -> None:
    case, _alice = ready(world)
    # Followers hear of what happens after they have begun.
    settle(world)
    ours = case.case.advisory_id
    asked = {"package": {"name": "demo", "ecosystem": "PyPI"}, "version": "1.0"}
    assert world.client.post("/v1/query", json=asked).json().get("vulns", []) == []
    assert world.client.get(f"/advisory/{ours}/").status_code == 404
    assert world.client.get(f"/advisory/{ours}/csaf.json").status_code == 404
    assert "demo-1.1" not in world.client.get("/simple/demo/").text
    said = case.does(case.owner, "publish")
    assert "It is public" in said
    assert "demo-1.1" in world.client.get("/simple/demo/").text
    found = world.client.post("/v1/query", json=asked).json()["vulns"]
    assert [one["id"] for one in found] == [ours]
    assert found[0]["affected"][0]["versions"] == ["1.0"]
    assert found[0]["credits"] == [{"name": "Rita Reporter", "type": "FINDER"}]
    assert world.client.post("/v1/query", json=asked | {"version": "1.1"}).json().get("vulns", []) == []
    csaf = world.client.get(f"/advisory/{ours}/csaf.json").json()
    # The mandatory tests of CSAF are the same for this profile; ours speak of VEX in the category alone.
    check_csaf({**csaf, "document": {**csaf["document"], "category": "csaf_vex"}}, "csaf")
    assert csaf["vulnerabilities"][0]["product_status"] == {"known_affected": ["affected-1"], "fixed": ["fixed-1"]}
    assert case.case.state == "published"
    assert "disclosure-published" in world.client.get("/project/demo/ledger.jsonl").text
    settle(world)


def test_what_would_fail_is_said_before_and_changes_nothing(small_world: World) -> None:
    case, _alice = ready(small_world)
    case.does(case.owner, "draft", **DRAFT | {"spans": "0 1.2"})
    before = small_world.client.get("/simple/demo/").text
    refused = case.owner.post(f"{case.here}publish/")
    assert refused.status_code == 409
    assert "does not say that 1.1 mends it" in refused.text
    case.does(case.owner, "draft", **DRAFT | {"vector": ""})
    assert "a CVSS vector" in case.owner.post(f"{case.here}publish/").text
    case.does(case.owner, "draft", **DRAFT)
    case.operator.get(case.here)
    assert case.operator.post(f"{case.here}publish/").status_code == 409, "an operator has no release to publish"
    assert small_world.client.get("/simple/demo/").text == before
    assert case.case.state == "fix-ready"


def test_of_two_who_press_at_once_one_publishes(world: World) -> None:
    case, _alice = ready(world)
    app = world.app
    with app.database.read() as sql:
        alice = find_user(sql, "alice").actor
    knock = Knock(case.case.public_id, alice)
    wish = PublishCase(knock, policy_of(app.settings), Rules.of(app.settings))
    outcomes: list[str] = []

    def press() -> None:
        try:
            outcomes.append(publish_case(app.deeds, wish).state)
        except Refused as refusal:
            outcomes.append(refusal.code)

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[1] == "published", outcomes
    assert min(outcomes) in ("not-publishable", "no-such-session", "session-closed"), outcomes
    kinds = [json.loads(line).get("kind") for line in world.client.get("/project/demo/ledger.jsonl").text.splitlines()]
    assert kinds.count("disclosure-published") == 1


def test_the_number_of_releases_that_a_project_may_make_ready_tells_nobody_of_one_under_embargo(
    small_world: World,
) -> None:
    staged(small_world)
    own(small_world, "demo", "bob")
    theirs = Stager(small_world.client, small_world.tokens["bob"])
    opened = [theirs.open("demo", f"2.{number}").status_code for number in range(MOST_SESSIONS_OF_PROJECT + 1)]
    assert opened == [201] * MOST_SESSIONS_OF_PROJECT + [409]


def test_what_was_confirmed_are_the_files_as_they_were_then(small_world: World) -> None:
    case, alice = ready(small_world)
    assert ">confirmed" in case.owner.get(case.here).text
    small_world.clock.turn(timedelta(minutes=1))
    opened = alice.ask("GET", alice.open("demo", "1.1").headers["location"]).json()
    alice.add(opened, wheel("demo", "1.1", tag="py2-none-any"))
    assert ">confirmed" not in case.owner.get(case.here).text


def test_an_owner_who_is_none_any_more_knows_nothing_of_the_case(small_world: World) -> None:
    case, _alice = staged(small_world)
    own(small_world, "demo", "bob")
    stage = stage_of(case.owner.get(case.here).text)
    assert small_world.client.get(stage).status_code == 200
    with small_world.app.database.write() as sql:
        mine = project_role.c.account_id == find_user(sql, "alice").id
        sql.execute(project_role.delete().where(mine))
    assert case.owner.get(case.here).status_code == 404
    assert case.owner.post(f"{case.here}say/", text="Still here.").status_code == 404
    assert small_world.client.get(stage).status_code == 404
