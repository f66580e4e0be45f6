"""Trying a policy: the address that it makes, what it says of many versions, and that nobody else is affected."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from advising import advise, record
from customhouse.accounts.tokens import CreateToken
from customhouse.formats.policy.level_texts import LEVELS
from customhouse.formats.policy.read import read_policy
from customhouse.terms.scope import scope_for
from customhouse.views.simulate.tables import view_candidate
from customhouse.web.asgi import build
from letting_in import LettingIn
from packages import wheel
from upstream_world import HTML_TYPE, JSON_TYPE

YOUNG = 'level = "open"\n[[rule]]\nname = "cooldown"\nhide-if.age = "< 7d"\n'
MANY_RULES = "".join(f'[[rule]]\nname = "r{number}"\nwarn-if.kind = ["sdist"]\n' for number in range(150))


def young(views: LettingIn, name: str = "demo", version: str = "3.0", days: float = 1.0) -> str:
    """A release of the upstream that is so many days old."""
    at = views.world.clock.now() - timedelta(days=days)
    return views.upstream.add(wheel(name, version), uploaded_at=at).filename


def ask(views: LettingIn, path: str, user: str = "alice", **body: Any) -> httpx.Response:
    return views.world.client.post(
        f"/api/views/main/candidates{path}", content=json.dumps(body),
        headers={"content-type": "application/json"}, auth=("__token__", views.world.user(user)),
    )  # fmt: skip


def made(views: LettingIn, policy: str = YOUNG, **more: str) -> str:
    answer = ask(views, "", policy=policy, **more)
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["candidate"]
    assert answer.json()["simple"].endswith(f"/view/~{token}/simple/")
    return token


def listed(views: LettingIn, token: str, name: str = "demo") -> set[str]:
    """What the candidate lists, the same in JSON and in HTML."""
    answer = views.get(f"/simple/{name}/", f"~{token}", accept=JSON_TYPE)
    assert answer.status_code == 200, answer.text
    found = {one["filename"] for one in answer.json()["files"]}
    html = views.get(f"/simple/{name}/", f"~{token}", accept=HTML_TYPE).text
    assert {name for name in (*found, "nothing") if f">{name}</a>" in html} == found
    return found


def decided(views: LettingIn, token: str, *wanted: str) -> dict[str, Any]:
    answer = ask(views, f"/{token}/decide", wanted=list(wanted), rules=True)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


@pytest.mark.parametrize("policy", [*LEVELS, YOUNG])
def test_a_candidate_lists_exactly_what_a_view_under_that_policy_would(small_views: LettingIn, policy: str) -> None:
    text = policy if "\n" in policy else f'level = "{policy}"\n'
    young(small_views)
    small_views.add("other", text)
    page = small_views.page("demo", "other")
    expected = {one["filename"] for one in page.json()["files"]}
    assert listed(small_views, made(small_views, text)) == expected
    app = small_views.world.app
    offered = app.views.offered(app.views.get("main"), "demo", policy=read_policy(text, now=app.clock.now()))
    assert offered is not None
    assert expected == {one.filename for one in offered.page.files}


@pytest.mark.parametrize("as_of", ["9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_at_the_end_of_the_calendar_is_refused(small_views: LettingIn, as_of: str) -> None:
    answer = ask(small_views, "", policy=YOUNG, as_of=as_of)
    assert answer.status_code == 400
    assert "as_of" in answer.text


def test_what_is_our_own_by_the_settings_is_so_for_a_candidate_too(views: LettingIn) -> None:
    """A policy that the view takes, and may have, can be tried."""
    young(views)
    own = f'{YOUNG}[[exception]]\npackage = "demo"\nrules = ["cooldown"]\nreason = "our own"\n'
    assert ask(views, "", policy=own).status_code == 400
    app = views.world.app
    object.__setattr__(app.views.around, "internal_names", ("demo",))
    token = made(views, own)
    assert f"{wheel('demo', '3.0').filename}" in listed(views, token)
    with app.database.write() as sql:
        before = sql.execute(sa.text("SELECT policy FROM view")).scalar_one()
        sql.execute(sa.text("UPDATE view SET policy = :own"), {"own": own})
    [verdict] = decided(views, token, "demo==3.0")["verdicts"]
    with app.database.write() as sql:
        sql.execute(sa.text("UPDATE view SET policy = :before"), {"before": before})
    assert (verdict["action"], verdict["today"]) == ("allow", "allow")


def test_it_ends_after_an_hour_and_is_listed_nowhere_and_kept_by_nobody(views: LettingIn) -> None:
    filename = young(views)
    token = made(views)
    assert filename not in listed(views, token)
    answer = views.get("/simple/demo/", f"~{token}", accept=JSON_TYPE)
    assert answer.headers["cache-control"] == "no-store"
    assert "noindex" in answer.headers["x-robots-tag"]
    with views.world.app.database.read() as sql:
        stored = sql.execute(sa.text("SELECT count(*) FROM page WHERE view LIKE '~%'")).scalar()
        row = sql.execute(sa.select(view_candidate)).one()
    assert stored == 0
    assert token not in str(tuple(row)), "the database does not hold what opens the address"
    views.turn(timedelta(hours=1))
    gone = views.get("/simple/demo/", f"~{token}", accept=JSON_TYPE)
    never = views.get("/simple/demo/", f"~{'x' * 32}", accept=JSON_TYPE)
    assert (gone.status_code, gone.text) == (never.status_code, never.text) == (404, gone.text)


def test_it_hands_out_metadata_and_no_file(views: LettingIn) -> None:
    """A candidate that lets everything in is no way round the view's own policy."""
    token = made(views, 'level = "open"\n')
    filename = wheel("demo", "1.0").filename
    answer = views.get(f"/files/demo/{filename}.metadata", f"~{token}")
    assert answer.status_code == 200
    assert answer.text == wheel("demo", "1.0").metadata
    refused = views.get(f"/files/demo/{filename}", f"~{token}")
    assert refused.status_code == 403
    assert "no files" in refused.text
    assert views.get("/files/demo/demo-9.0-py3-none-any.whl.metadata", f"~{token}").status_code == 404


def test_metadata_of_what_the_candidate_hides_is_not_there(views: LettingIn) -> None:
    filename = young(views)
    assert views.get(f"/files/demo/{filename}.metadata", f"~{made(views)}").status_code == 404


def test_hosted_projects_are_in_it_with_their_metadata(views: LettingIn) -> None:
    assert views.world.upload(wheel("ours", "1.0"), name="ours").status == 200
    token = made(views)
    (filename,) = listed(views, token, "ours")
    answer = views.get(f"/files/ours/{filename}.metadata", f"~{token}")
    assert answer.text == wheel("ours", "1.0").metadata


def test_projects_can_be_spared_in_the_address(views: LettingIn) -> None:
    hidden, also = young(views), young(views, "more", "1.0")
    token = made(views)
    assert hidden not in listed(views, token)
    assert hidden in listed(views, f"{token}.demo")
    assert also not in listed(views, f"{token}.demo", "more")
    assert also in listed(views, f"{token}.demo.more", "more")
    assert {hidden, also} <= listed(views, f"{token}.*") | listed(views, f"{token}.*", "more")


@pytest.mark.parametrize("address", ["", ".demo", "{}.DEMO", "{}..", "{}.*.demo", "{}%00", "{}" + ".demo" * 61])
def test_no_other_address_leads_there(small_views: LettingIn, address: str) -> None:
    token = made(small_views)
    answer = small_views.get("/simple/demo/", f"~{address.format(token)}")
    assert answer.status_code in (400, 404)


@pytest.mark.parametrize("project", ["archived", "quarantined"])
def test_what_is_in_quarantine_is_never_spared(small_views: LettingIn, project: str) -> None:
    small_views.upstream.project("demo").status = project
    token = made(small_views)
    assert bool(listed(small_views, f"{token}.*")) == (project == "archived")


def test_malware_is_never_spared_and_no_exception_is_proposed_for_it(small_views: LettingIn) -> None:
    advise(small_views.world.app, record("MAL-2026-1", "demo", versions=["2.0"]))
    token = made(small_views)
    assert listed(small_views, f"{token}.*") == {wheel("demo", "1.0").filename, "demo-1.0.tar.gz"}
    (verdict,) = decided(small_views, token, "demo==2.0")["verdicts"]
    assert (verdict["action"], verdict["rule"]) == ("deny", "known malware")
    assert "malware" in verdict["never"]


def test_as_of_an_earlier_day_only_what_had_been_uploaded_is_there(views: LettingIn) -> None:
    at = datetime(2024, 12, 4, 20, 51, tzinfo=UTC)
    bad = views.upstream.add(wheel("demo", "8.3.41"), uploaded_at=at).filename
    later = views.upstream.add(wheel("demo", "8.3.43"), uploaded_at=at + timedelta(days=2)).filename
    old = views.upstream.add(wheel("demo", "8.3.30"), uploaded_at=at - timedelta(days=30)).filename
    token = made(views, as_of="2024-12-05")
    assert listed(views, token) == {old}
    assert listed(views, f"{token}.*") == {old, bad}
    now = made(views)
    assert {old, bad, later} <= listed(views, now)


def test_many_versions_are_decided_in_one_request(views: LettingIn) -> None:
    filename = young(views)
    found = decided(
        views, made(views), "demo==1.0", "Demo==3.0", "demo==1.0.0", "demo==9", f"demo==3.0 {filename}", "no==1"
    )
    told = [(one["name"], one["version"], one.get("action"), one["found"]) for one in found["verdicts"]]
    assert told == [
        ("demo", "1.0", "allow", True), ("demo", "3.0", "hide", True), ("demo", "1.0.0", "allow", True),
        ("demo", "9", None, False), ("demo", "3.0", "hide", True), ("no", "1", None, False),
    ]  # fmt: skip
    refused = found["verdicts"][1]
    assert refused["rules"] == ["cooldown"]
    assert refused["changes_at"] > "2026-11-29"
    newest = {one["name"]: one for one in found["newest"]}
    # Under the view's own policy, balanced, it waits as well.
    assert newest["demo"] == {"name": "demo", "there": "3.0", "today": "2.0", "candidate": "2.0"}
    assert found["waits"] == [7.0]


def test_an_exception_below_the_policy_counts(views: LettingIn) -> None:
    filename = young(views)
    spared = (
        YOUNG + '[[exception]]\npackage = "demo"\nversion = "==3.0"\nrules = ["cooldown"]\n'
        'reason = "needed"\nowner = "alice"\nexpires = 2026-12-24\n'
    )
    assert filename in listed(views, made(views, spared))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"policy": "level = 3"}, "line 1"), ({"policy": 'level = "opn"'}, "open"), ({"policy": '[[rule]]\nname = "x"\nnam = 1'}, "line 3"),
        ({"policy": YOUNG, "as_of": "yesterday"}, "as_of"), ({"policy": YOUNG, "as_of": "2199-01-01"}, "future"),
        ({"policy": "x" * 300_000}, "policy"), ({"policy": ["a", ["b"]]}, "policy"),
    ],
)  # fmt: skip
def test_a_bad_wish_is_refused_with_its_place(small_views: LettingIn, body: dict[str, Any], said: str) -> None:
    answer = ask(small_views, "", **body)
    assert answer.status_code == 400
    assert said in answer.text


@pytest.mark.parametrize(
    "wanted",
    [[], ["demo"], ["demo==1", "==1"], ["-==1"], ["demo==" + "1" * 200], ["x==1"] * 10_001, ["a" * 200 + "==1"]],
)
def test_a_bad_question_is_refused_with_its_line(small_views: LettingIn, wanted: list[str]) -> None:
    answer = ask(small_views, f"/{made(small_views)}/decide", wanted=wanted)
    assert answer.status_code == 400
    assert "wanted" in answer.text


def test_a_policy_of_hundreds_of_rules_is_no_deep_json(small_views: LettingIn) -> None:
    made(small_views, f'level = "open"\n{MANY_RULES}')


def test_only_who_shows_a_token_makes_one(views: LettingIn) -> None:
    bare = views.world.client.post("/api/views/main/candidates", json={"policy": YOUNG})
    assert bare.status_code == 401
    person = views.world.person("bob")
    answer = person.client.post("/api/views/main/candidates", json={"policy": YOUNG})
    assert answer.status_code == 401, "a page cannot drive the API by a cookie"
    assert ask(views, "", policy=YOUNG).status_code == 201
    unknown = views.world.client.post(
        "/api/views/nowhere/candidates", json={"policy": YOUNG}, auth=("__token__", views.world.user())
    )
    assert unknown.status_code == 404


@pytest.mark.parametrize(("action", "status"), [("read", 201), ("upload", 403)])
def test_a_token_that_may_read_is_enough(small_views: LettingIn, action: str, status: int) -> None:
    small_views.world.user()
    token = small_views.world.app.create_token(CreateToken("alice", scope=scope_for(actions=[action]))).text
    answer = small_views.world.client.post(
        "/api/views/main/candidates", json={"policy": YOUNG}, auth=("__token__", token)
    )
    assert answer.status_code == status, answer.text


def test_fifty_at_once_are_enough_for_anybody(small_views: LettingIn) -> None:
    tokens = [made(small_views) for _ in range(50)]
    assert ask(small_views, "", policy=YOUNG).status_code == 429
    assert ask(small_views, "", "bob", policy=YOUNG).status_code == 201
    assert ask(small_views, f"/{tokens[0]}/end", end=True).status_code == 200
    assert small_views.get("/simple/demo/", f"~{tokens[0]}").status_code == 404
    made(small_views)
    small_views.turn(timedelta(hours=1))
    made(small_views)
    with small_views.world.app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(view_candidate)).scalar_one() == 1


def test_two_web_workers_answer_the_same(views: LettingIn) -> None:
    young(views)
    token = made(views)
    with TestClient(build(views.world.app), base_url="http://index.test") as other:
        answer = other.get(f"/view/~{token}/simple/demo/", headers={"accept": JSON_TYPE})
    assert {one["filename"] for one in answer.json()["files"]} == listed(views, token)


def test_a_private_name_is_not_asked_of_the_upstream(views: LettingIn) -> None:
    assert views.world.upload(wheel("ours", "1.0"), name="ours").status == 200
    decided(views, made(views), "ours==1.0", "ours==9.0")
    assert views.upstream.asked_about("ours") == []
