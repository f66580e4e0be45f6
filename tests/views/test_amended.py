"""Amendments in views: of upstreams' projects by operators, and the files that installers get of them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest

from customhouse.accounts.users import find_user
from customhouse.catalog.tables import project
from customhouse.cli.amend import with_releases
from customhouse.formats.amendment import Amendment, read_envelope, read_keys, verify
from customhouse.index.amending.publish import Amend, amend
from customhouse.index.amending.withdraw import WithdrawAmendment, withdraw_amendment
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor
from letting_in import OPEN, LettingIn
from packages import wheel

EVIDENCE = "https://example.org/issues/3"


@pytest.fixture
def full(views: LettingIn) -> LettingIn:
    """An upstream with `foo` 1.0 and 2.0 that need `bar`, and `bar` 1.0, 2.0 and 3.0."""
    for version in ("1.0", "2.0"):
        views.upstream.add(wheel("foo", version, headers={"Requires-Dist": "bar>=1"}))
    for version in ("1.0", "2.0", "3.0"):
        views.upstream.add(wheel("bar", version))
    return views


def said(views: LettingIn, versions: str = "2.0", requirement: str = "bar>=1,<3", name: str = "foo", view: str = "main",
         by: Actor = COMMAND_LINE) -> Amendment:  # fmt: skip
    app = views.world.app
    wish = with_releases(app, Amend(name, versions, requirement, "our build breaks", EVIDENCE, view=view, by=by))
    return app.do(partial(amend, app.sign), wish)


def told_of(views: LettingIn, view: str = "main") -> list[object]:
    """What the page of `foo` says of amendments."""
    found: list[object] = views.document("foo", view).get("_customhouse", {}).get("amendments", [])
    return found


def kept(text: str) -> list[str]:
    """The lines of a file that installers read."""
    return [one for one in text.splitlines() if one and not one.startswith("#")]


def test_an_operator_amends_what_an_upstream_has_and_its_files_stay_its_own(full: LettingIn) -> None:
    before = full.document("foo")["files"]
    metadata = full.file("foo-2.0-py3-none-any.whl.metadata", "foo").content
    record = said(full)
    assert (record.role, record.view, record.kind) == ("operator", "main", "narrowing")
    page = full.document("foo")
    assert page["files"] == before
    assert full.file("foo-2.0-py3-none-any.whl.metadata", "foo").content == metadata
    [told] = page["_customhouse"]["amendments"]
    shown = full.get("/project/foo/").text
    assert "Said afterwards" in shown
    assert "our build breaks" in shown
    keys = read_keys(full.world.client.get("/.well-known/customhouse-keys.json").json())
    verify(read_envelope(told), keys, full.world.clock.now())


def test_it_counts_in_this_view_and_in_no_other(full: LettingIn) -> None:
    full.add("other", OPEN)
    said(full)
    assert told_of(full, "other") == []
    assert kept(full.get("/constraints.txt", "other").text) == []
    assert kept(full.get("/constraints.txt").text) == ["bar<3"]


def test_it_rests_on_what_the_upstreams_metadata_says(full: LettingIn) -> None:
    with pytest.raises(Rejected, match="says of baz: nothing"):
        said(full, requirement="baz<3")
    with pytest.raises(Refused, match="There is no version"):
        said(full, "9.0")
    with pytest.raises(Refused, match="no project"):
        said(full, name="nobody")
    with pytest.raises(Refused, match="no such view"):
        said(full, view="elsewhere")


def test_only_operators_say_what_counts_in_a_view(full: LettingIn) -> None:
    full.world.user("alice")
    with full.world.app.database.read() as sql:
        alice = find_user(sql, "alice").actor
    with pytest.raises(Refused, match="Only operators"):
        said(full, by=alice)
    record = said(full)
    app = full.world.app
    with pytest.raises(Refused, match="Only operators"):
        app.do(partial(withdraw_amendment, app.sign), WithdrawAmendment(record.id, "mine", by=alice))


def test_a_withdrawal_reaches_every_page_and_file_at_once(full: LettingIn) -> None:
    record = said(full)
    assert len(told_of(full)) == 1
    app = full.world.app
    app.do(partial(withdraw_amendment, app.sign), WithdrawAmendment(record.id, "bar 3.1 has it again"))
    assert told_of(full) == []
    assert kept(full.get("/constraints.txt").text) == []
    [told] = full.world.client.get("/api/views/main/amendments").json()["amendments"]
    assert told["withdrawal"]["signed"]["reason"] == "bar 3.1 has it again"


def test_what_a_company_uses_stands_in_no_public_ledger(full: LettingIn) -> None:
    said(full)
    assert "our build breaks" not in full.world.client.get("/ledger.jsonl").text


def test_the_newest_is_what_the_view_offers_and_not_what_upstream_has(full: LettingIn) -> None:
    said(full)
    assert kept(full.get("/constraints.txt").text) == ["bar<3"]
    full.set('level = "open"\n[[rule]]\nname = "no 2"\nhide-if.version = "==2.0"\n')
    assert kept(full.get("/constraints.txt").text) == ["foo!=2.0"]


def test_a_private_project_stands_in_no_file_for_everybody(full: LettingIn) -> None:
    world = full.world
    assert world.upload(wheel("hush", "1.0", headers={"Requires-Dist": "bar>=1"}), name="hush").status == 200
    with world.app.database.read() as sql:
        alice = find_user(sql, "alice").actor
    wish = Amend("hush", "1.0", "bar>=1,<2", "a secret", EVIDENCE, by=alice)
    world.app.do(partial(amend, world.app.sign), wish)
    assert "hush" in full.get("/constraints.txt").text
    there = replace(wish, view="main", by=COMMAND_LINE)
    world.app.do(partial(amend, world.app.sign), there)
    records = "/api/views/main/amendments"
    assert "hush" in world.client.get(records).text
    with world.app.database.write() as sql:
        sql.execute(project.update().where(project.c.normalized == "hush").values(visibility="private"))
    for path in ("/constraints.txt", "/constraints.txt?for=hush", "/overrides.txt?widening=1&for=hush", "/uv.toml"):
        assert "hush" not in full.get(path).text
        assert "secret" not in full.get(path).text
    assert "hush" not in world.client.get(records).text
    with world.app.database.write() as sql:
        sql.execute(project.update().where(project.c.normalized == "hush").values(visibility="public"))


def test_files_are_asked_again_by_their_etag(full: LettingIn) -> None:
    said(full)
    first = full.get("/constraints.txt")
    assert first.headers["content-type"] == "text/plain; charset=utf-8"
    assert full.get("/constraints.txt", if_none_match=first.headers["etag"]).status_code == 304
    said(full, "1.0", "bar>=1,<2")
    assert full.get("/constraints.txt", if_none_match=first.headers["etag"]).status_code == 200


@pytest.mark.parametrize("query", [
    "for=", "for=%0Aevil", "for=foo%3C%3C", "for=foo&" * 2001, "widening=yes", "more=1", "for=foo%20@%20https://x.example",
    "for=" + "a" * 5000, "for=foo%3D%3D" + "9" * 4000, "for=..%2F..%2Fetc%2Fpasswd", "for=%F0%9F%92%A9",
])  # fmt: skip
def test_bad_questions_are_answered_in_words_and_never_by_a_fault(full: LettingIn, query: str) -> None:
    for path in ("/constraints.txt", "/overrides.txt", "/uv.toml"):
        answer = full.get(f"{path}?{query}")
        assert answer.status_code in (200, 400, 414), (path, answer.status_code, answer.text)
        assert "\nevil" not in answer.text


@pytest.mark.parametrize("change", [
    {"requirement": "bar>=1,<3\nevil==1"}, {"requirement": "bar>=1,<3 # x"}, {"reason": "a\u001b[2J"}, {"reason": " "},
    {"evidence": "javascript:alert(1)"}, {"versions": ""}, {"versions": "9" * 3000}, {"versions": "<" + "9" * 1990},
    {"before": "-r /etc/passwd"}, {"more": "x"}, {"requirement": "bar" + ",".join(f"!=1.{n}" for n in range(150))},
    {"versions": "\ud800"}, {"requirement": "bar @ file:///etc/passwd"}, {"kind": "widening"},
])  # fmt: skip
def test_hostile_amendments_are_refused_and_leave_nothing(full: LettingIn, change: dict[str, str]) -> None:
    world = full.world
    assert world.upload(wheel("mine", "1.0", headers={"Requires-Dist": "bar>=1"}), name="mine").status == 200
    body = {"versions": "1.0", "requirement": "bar>=1,<3", "reason": "tried", "evidence": EVIDENCE} | change
    answer = world.client.post(
        "/api/projects/mine/amendments", content=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {world.tokens['alice']}", "content-type": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 400, answer.text
    assert world.client.get("/api/projects/mine/amendments").json() == {"amendments": []}
