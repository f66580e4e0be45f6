"""Releases that wait, in the browser and for programs: approved by people with a factor of this moment, then published."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from authenticator import Authenticator, Lie
from clock import TurnableClock
from customhouse.accounts.tokens import CreateToken
from customhouse.catalog.staged_tables import approval, upload_session
from customhouse.index.approving.set_rule import SetRule, set_rule
from customhouse.index.approving.statement import check_evidence
from customhouse.terms.errors import Refused
from customhouse.terms.scope import scope_for
from neighbours import join
from packages import Dist, wheel
from second_step import Guarded, a_key, guarded, named_world
from world import World, upload

pytestmark = pytest.mark.slow


@pytest.fixture
def demo(request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    """A project of alice that bob and carol maintain; two of them must approve each release."""
    with named_world(request, tmp_path, clock) as world:
        assert world.upload(wheel("demo", "1.0")).status == 200
        for name in ("bob", "carol"):
            join(world, name)
        world.app.do(set_rule, SetRule("demo", approvals=2))
        yield world


def stage(world: World, version: str = "2.0", dist: Dist | None = None) -> str:
    """A release by twine that has to wait; returns the address of its page."""
    answer = world.upload(dist or wheel("demo", version), version=version)
    assert answer.status == 202, answer.text
    found = re.search(r"/manage/project/demo/staged/\w+/", answer.text)
    assert found is not None, answer.text
    return found[0]


def manifest_on(page: str) -> str:
    found = re.search(r'name="manifest" value="(\w{64})"', page)
    assert found is not None, page
    return found[1]


def approve_by_key(who: Guarded, key: Authenticator, address: str, *, lie: Lie | None = None) -> int:
    """Look at the page, touch the key, send its answer; returns the status."""
    page = who.person.get(address).text
    about = re.search(r'data-about="([^"]+)"', page)
    assert about is not None, page
    options = who.person.client.get(f"/account/keys/options/?purpose=approve&about={about[1]}")
    assert options.status_code == 200, options.text
    answer = key.get(options.json(), lie or Lie())
    return who.person.post(f"{address}approve/", manifest=manifest_on(page), answer=answer).status_code


def approve_by_code(who: Guarded, address: str) -> int:
    page = who.person.get(address).text
    return who.person.post(f"{address}approve/", manifest=manifest_on(page), code=who.code()).status_code


def names_listed(world: World) -> list[str]:
    answer = world.client.get("/simple/demo/", headers={"accept": "application/vnd.pypi.simple.v1+json"})
    return [one["filename"] for one in answer.json()["files"]]


@pytest.mark.slow
def test_a_release_waits_until_two_people_have_approved_it_and_appears_whole(demo: World) -> None:
    address = stage(demo)
    key = a_key()
    bob, carol = guarded(demo, "bob", keys=(key,)), guarded(demo, "carol", app=True)
    page = bob.person.get(address).text
    assert "2 approvals are wanted" in page
    assert "0 of 2" in page
    assert names_listed(demo) == ["demo-1.0-py3-none-any.whl"]

    assert approve_by_key(bob, key, address) == 303
    again = bob.person.post(f"{address}approve/", manifest="0" * 64, code="123456")
    assert again.status_code == 409
    assert "You have approved these files already" in again.text
    demo.clock.turn(timedelta(minutes=1))
    assert approve_by_code(carol, address) == 303
    assert names_listed(demo) == ["demo-1.0-py3-none-any.whl"]

    assert "2 of 2" in carol.person.get(address).text
    done = carol.person.post(f"{address}publish/")
    assert done.headers["location"] == "/project/demo/2.0/", done.text
    assert sorted(names_listed(demo)) == ["demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"]


@pytest.mark.slow
def test_what_a_key_has_signed_can_be_checked_without_us_and_for_nothing_else(demo: World) -> None:
    address = stage(demo)
    key = a_key()
    bob = guarded(demo, "bob", keys=(key,))
    assert approve_by_key(bob, key, address) == 303
    with demo.app.database.read() as sql:
        row = sql.execute(sa.select(approval)).one()
    session = address.split("/")[-2]
    told = demo.client.get(f"/api/projects/demo/staged/{session}", auth=("__token__", demo.user("alice"))).json()
    assert told["approvals"][0]["evidence"] == row.evidence
    said = check_evidence(row.evidence)
    assert (said.project, said.version, said.manifest, said.account) == ("demo", "2.0", row.manifest, "bob")
    for name, other in (
        ("statement", row.evidence["statement"].replace("version: 2.0", "version: 3.0")),
        ("statement", row.evidence["statement"].replace("account: bob", "account: eve")),
        ("signature", row.evidence["credential_id"]),
        ("client_data", row.evidence["authenticator_data"]),
        ("public_key", row.evidence["signature"]),
    ):
        with pytest.raises(Refused):
            check_evidence({**row.evidence, name: other})


@pytest.mark.slow
def test_an_answer_of_a_key_counts_once_and_for_the_manifest_that_was_shown(demo: World) -> None:
    address = stage(demo)
    key = a_key()
    bob = guarded(demo, "bob", keys=(key,))
    page = bob.person.get(address).text
    about = re.search(r'data-about="([^"]+)"', page)
    assert about is not None
    manifest = manifest_on(page)
    options = bob.person.client.get(f"/account/keys/options/?purpose=approve&about={about[1]}").json()
    answer = key.get(options, Lie())
    # Meant for these files, it is worth nothing for others, nor as a proof of anything else.
    assert bob.person.post(f"{address}approve/", manifest="0" * 64, answer=answer).status_code == 403
    assert bob.person.post("/account/again/", answer=answer, next="/account/").status_code == 403
    assert bob.person.post(f"{address}approve/", manifest=manifest, answer=answer).status_code == 303
    bob.person.post(f"{address}withdraw/")
    assert bob.person.post(f"{address}approve/", manifest=manifest, answer=answer).status_code == 403
    # And one that was given for signing in approves nothing.
    other = key.get(bob.options("again"), Lie())
    assert bob.person.post(f"{address}approve/", manifest=manifest, answer=other).status_code == 403
    # Files that change while somebody looks get no challenge.
    stage(demo, dist=wheel("demo", "2.0", tag="py3-none-linux_x86_64"))
    refused = bob.person.client.get(f"/account/keys/options/?purpose=approve&about={about[1]}")
    assert refused.status_code == 409


@pytest.mark.slow
def test_another_file_voids_every_approval(demo: World) -> None:
    address = stage(demo)
    bob = guarded(demo, "bob", app=True)
    demo.clock.turn(timedelta(minutes=1))
    assert approve_by_code(bob, address) == 303
    assert "1 of 2" in bob.person.get(address).text
    assert stage(demo, dist=wheel("demo", "2.0", tag="py3-none-linux_x86_64")) == address
    assert "0 of 2" in bob.person.get(address).text
    demo.clock.turn(timedelta(minutes=1))
    assert approve_by_code(bob, address) == 303


@pytest.mark.slow
def test_a_password_is_never_enough_and_neither_is_a_code_that_was_used_or_a_recovery_code(demo: World) -> None:
    address = stage(demo)
    bob = guarded(demo, "bob", app=True)
    demo.clock.turn(timedelta(minutes=1))
    manifest = manifest_on(bob.person.get(address).text)
    code = bob.code()
    assert bob.person.post(f"{address}approve/", manifest=manifest, code=code).status_code == 303
    bob.person.post(f"{address}withdraw/")
    for other in (code, bob.codes[0], "", "000000"):
        assert bob.person.post(f"{address}approve/", manifest=manifest, code=other).status_code == 403
    carol = demo.person("carol")
    page = carol.get(address).text
    assert "You need a second factor for that" in page
    assert 'name="manifest"' not in page


def test_strangers_hear_of_no_release_that_waits(demo: World) -> None:
    address = stage(demo)
    mallory, nobody = demo.person("mallory"), demo.stranger()
    missing = mallory.get("/manage/project/demo/staged/" + "0" * 32 + "/")
    for verb in ("", "diff/"):
        found = mallory.get(address + verb)
        assert (found.status_code, missing.status_code) == (404, 404) or found.status_code == missing.status_code
        assert nobody.get(address + verb).headers["location"].startswith("/account/sign-in/")
    for verb in ("approve/", "withdraw/", "publish/", "cancel/"):
        assert mallory.post(address + verb, manifest="0" * 64, code="1").status_code == missing.status_code
    session = address.split("/")[-2]
    asked = mallory.client.get(f"/account/keys/options/?purpose=approve&about={session}:{'0' * 64}")
    assert asked.status_code in (404, 409)
    with demo.app.database.read() as sql:
        assert sql.execute(sa.select(upload_session.c.state)).scalar_one() == "open"


def test_a_maintainer_cancels_a_release_and_nothing_of_it_appears(demo: World) -> None:
    address = stage(demo)
    bob = demo.person("bob")
    assert bob.post(f"{address}cancel/").status_code == 303
    assert names_listed(demo) == ["demo-1.0-py3-none-any.whl"]
    assert "canceled" in bob.get(address).text
    assert bob.post(f"{address}publish/").status_code in (403, 409)


def test_the_list_and_the_front_pages_say_what_waits(demo: World) -> None:
    stage(demo)
    bob = demo.person("bob")
    listed = bob.get("/manage/project/demo/staged/").text
    assert "1 release waits" in listed
    assert "2 people approve, none of them an uploader" in listed
    assert "1 release waits" in bob.get("/manage/project/demo/").text
    assert "your approval is wanted" in bob.get("/account/").text
    alice = demo.person("alice").get("/account/").text
    assert "waits for people" in alice
    assert "your approval is wanted" not in alice  # she has sent it


def test_the_difference_to_the_release_before_can_be_read(demo: World) -> None:
    address = stage(demo, dist=wheel("demo", "2.0", files={"demo/new.py": b"print('new')\n"}))
    bob = demo.person("bob")
    page = bob.get(address).text
    assert "Compared with 1.0" in page
    shown = bob.get(f"{address}diff/")
    assert shown.status_code == 200
    assert "demo/new.py" in shown.text


def test_programs_ask_how_far_a_release_is(demo: World) -> None:
    address = stage(demo)
    session = address.split("/")[-2]
    asked = demo.client.get(
        f"/api/projects/demo/staged/{session}", auth=("__token__", demo.user("alice"))
    )  # fmt: skip
    assert asked.status_code == 200, asked.text
    told = asked.json()
    assert told["state"] == "open"
    assert told["missing"]["approvals"] == 2
    assert told["missing"]["who"] == ["bob", "carol"]
    assert [one["code"] for one in told["reasons"]] == ["release-rule"]
    assert demo.app.settings.public_url + address == told["page"]
    stager = demo.app.create_token(CreateToken("bob", scope=scope_for(projects=["demo"], actions=["stage"]))).text
    assert demo.client.get(f"/api/projects/demo/staged/{session}", auth=("__token__", stager)).status_code == 200
    reader = demo.app.create_token(CreateToken("bob", scope=scope_for(actions=["read"]))).text
    for path, token in ((session, reader), (session, demo.user("mallory")), ("0" * 32, stager)):
        answer = demo.client.get(f"/api/projects/demo/staged/{path}", auth=("__token__", token))
        assert answer.status_code in (403, 404), answer.text
    assert demo.client.get(f"/api/projects/demo/staged/{session}").status_code == 401
    assert demo.client.get(f"/api/projects/other/staged/{session}", auth=("__token__", stager)).status_code in (
        403,
        404,
    )


def test_an_owner_sets_the_rule_after_proving_who_he_is(demo: World) -> None:
    alice, bob = demo.person("alice"), demo.person("bob")
    page = alice.get("/manage/project/demo/rule/")
    assert page.status_code == 200
    answer = alice.post("/manage/project/demo/rule/", approvals="1", method="webauthn", hours="2")
    assert "1 person approves with a security key or passkey; 2 hours must pass" in alice.said(answer)
    for fields in ({"approvals": "11"}, {"approvals": "x"}, {"approvals": "3", "hours": "9999"}, {"method": "blood"}):
        assert alice.post("/manage/project/demo/rule/", **fields).status_code == 400, fields
    assert alice.post("/manage/project/demo/rule/", approvals="9").status_code == 409
    assert bob.post("/manage/project/demo/rule/", approvals="0").status_code == 403
    demo.clock.turn(timedelta(hours=1))
    asked = alice.post("/manage/project/demo/rule/", approvals="0")
    assert asked.headers["location"].startswith("/account/again/")


def test_a_token_that_only_stages_makes_a_release_that_people_publish(demo: World) -> None:
    demo.app.do(set_rule, SetRule("demo", approvals=0))
    token = demo.app.create_token(CreateToken("alice", scope=scope_for(projects=["demo"], actions=["stage"]))).text
    answer = upload(demo.client, token, wheel("demo", "3.0"), name="demo", version="3.0")
    assert answer.status == 202, answer.text
    assert "may only stage" in answer.text
    found = re.search(r"/manage/project/demo/staged/(\w+)/", answer.text)
    assert found is not None
    asked = demo.client.get(f"/api/projects/demo/staged/{found[1]}", auth=("__token__", token))
    assert "does not publish" in json.loads(asked.text)["missing"]["sentence"]
    bob = demo.person("bob")
    assert bob.post(f"{found[0]}publish/").headers["location"] == "/project/demo/3.0/"
    assert "demo-3.0-py3-none-any.whl" in names_listed(demo)


def test_the_first_release_of_a_new_project_is_published_by_who_will_own_it(demo: World) -> None:
    token = demo.app.create_token(CreateToken("bob", scope=scope_for(actions=["stage"]))).text
    answer = upload(demo.client, token, wheel("fresh", "0.1"), name="fresh", version="0.1")
    assert answer.status == 202, answer.text
    found = re.search(r"/manage/project/fresh/staged/\w+/", answer.text)
    assert found is not None, answer.text
    bob, mallory = demo.person("bob"), demo.person("mallory")
    assert "fresh 0.1" in bob.get("/account/").text
    page = bob.get(found[0])
    assert page.status_code == 200
    assert "Publish 0.1 now" in page.text
    assert mallory.get(found[0]).status_code == 403
    assert mallory.post(f"{found[0]}publish/").status_code == 403
    assert bob.post(f"{found[0]}publish/").headers["location"] == "/project/fresh/0.1/"
    assert demo.client.get("/simple/fresh/").status_code == 200


@pytest.mark.parametrize(
    "session", ["%00", "a%00b", "%F0%9F%A6%86", "x" * 3000, "..%2F..", "%ED%A0%80", "1%27--", "%20"]
)
def test_addresses_that_name_nothing_are_answered_so(demo: World, session: str) -> None:
    bob = demo.person("bob")
    for address in (f"/manage/project/demo/staged/{session}/", f"/manage/project/demo/staged/{session}/diff/"):
        assert bob.get(address).status_code in (400, 403, 404)
    for verb in ("approve/", "withdraw/", "publish/", "cancel/"):
        answer = bob.post(f"/manage/project/demo/staged/{session}/{verb}", manifest="x" * 64, answer="{}")
        assert answer.status_code in (400, 403, 404, 414)
    asked = demo.client.get(f"/api/projects/demo/staged/{session}", auth=("__token__", demo.user("bob")))
    assert asked.status_code in (400, 403, 404)
    options = bob.client.get(f"/account/keys/options/?purpose=approve&about={session}")
    assert options.status_code in (400, 404)


def test_answers_that_say_nothing_approve_nothing(demo: World) -> None:
    address = stage(demo)
    bob = guarded(demo, "bob", keys=(a_key(),))
    manifest = manifest_on(bob.person.get(address).text)
    for answer in ("{}", "[]", "null", "x" * 20_000, '{"rawId": "", "response": {}}', "{" * 5000):
        sent = bob.person.post(f"{address}approve/", manifest=manifest, answer=answer)
        assert sent.status_code in (400, 403, 429), answer[:40]
    for wrong in ("", "x" * 65, "0" * 64, "\u2028" * 10):
        sent = bob.person.post(f"{address}approve/", manifest=wrong, code="123456")
        assert sent.status_code in (400, 403, 409, 429), wrong
    with demo.app.database.read() as sql:
        assert sql.execute(sa.select(approval.c.id)).all() == []
