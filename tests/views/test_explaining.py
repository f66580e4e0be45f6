"""Why a view offers what it offers: the same in JSON, on the page and in a terminal, with sources and dates."""

from __future__ import annotations

from datetime import timedelta

import pytest

from advising import advise, record
from customhouse.views.explaining import Explained, ExplainedVersion
from letting_in import LettingIn
from neighbours import found_organization, found_project
from packages import wheel

pytestmark = pytest.mark.slow


def young(views: LettingIn, version: str = "3.0", days: float = 1) -> None:
    views.upstream.add(wheel("demo", version), uploaded_at=views.world.clock.now() - timedelta(days=days))


def asked(views: LettingIn, path: str = "demo", status: int = 200) -> dict[str, object]:
    answer = views.world.client.get(f"/api/views/main/explain/{path}", headers={"accept": "application/json"})
    assert answer.status_code == status, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_every_version_has_its_verdict_and_the_rule_that_decided(views: LettingIn) -> None:
    young(views)
    advise(views.world.app, record("PYSEC-2026-1", "demo", fixed="2.0"))
    told = asked(views)
    assert (told["view"], told["project"], told["origin"], told["level"]) == ("main", "demo", "pypi", "balanced")
    verdicts = {one["version"]: (one["verdict"], one["files"][0]["rule"]) for one in told["versions"]}  # type: ignore[attr-defined]
    assert verdicts["3.0"] == ("hide", "cooldown")
    assert list(verdicts) == ["3.0", "2.0", "1.0"]
    assert "rules" not in told["versions"][0]["files"][0]  # type: ignore[index]


def test_a_version_is_explained_rule_by_rule_with_value_source_and_date(views: LettingIn) -> None:
    young(views)
    one = asked(views, "Demo/3")["versions"][0]  # type: ignore[index]
    [file] = one["files"]
    assert (file["action"], file["rule"]) == ("hide", "cooldown")
    assert file["changes_at"].startswith(f"{views.world.clock.now() + timedelta(days=6):%Y-%m-%d}")
    rules = {rule["rule"]: rule for rule in file["rules"]}
    age, fixes = rules["cooldown"]["signals"]
    assert (age["signal"], age["wanted"], age["holds"], age["source"]) == ("age", "< 7d", True, "pypi")
    assert (fixes["signal"], fixes["excuses"], fixes["holds"]) == ("fixes", True, False)
    # What is not known says why.
    [known] = rules["known malware"]["signals"]
    assert (known["known"], known["why_unknown"]) == (False, "no advisories were ever imported here")
    assert rules["known malware"]["action"] == "warn"
    assert rules["runs at every start"]["signals"][0]["why_unknown"]


def test_what_is_no_version_is_not_taken_for_another_that_is_none(views: LettingIn) -> None:
    legacy = ExplainedVersion("2004-final-2", ())
    found = Explained(views.world.app.views.get("main"), "demo", "pypi", "open", views.world.clock.now(), (), (legacy,))
    assert found.version("2004-final-2") is legacy
    assert found.version("nonsense") is None


def test_what_there_is_not_is_not_explained(views: LettingIn) -> None:
    assert asked(views, "nothing", 404)["code"] == "unknown-project"
    assert asked(views, "demo/9", 404)["code"] == "unknown-version"
    assert asked(views, f"demo/{'9' * 300}", 404)["code"] == "unknown-version"
    assert asked(views, "no name", 404)["code"] == "unknown-project"
    assert views.world.client.get("/api/views/other/explain/demo").status_code == 404
    assert views.get("/project/demo/?version=" + "9" * 300).status_code == 400
    assert "has no version 9" in views.get("/project/demo/?version=9").text


def test_a_private_project_is_explained_only_to_whoever_may_read_it(small_views: LettingIn) -> None:
    world = small_views.world
    found_organization(world, "guild", "alice")
    found_project(world, "secret", visibility="private", organization="guild")
    assert world.upload(wheel("secret", "1.0"), name="secret").status == 200
    unknown = asked(small_views, "nothing", 404)
    assert asked(small_views, "secret", 404) == unknown | {"detail": unknown["detail"].replace("nothing", "secret")}  # type: ignore[attr-defined]
    address = "/api/views/main/explain/secret/1.0"
    bearer = {"authorization": f"Bearer {world.user('alice')}"}
    read = world.client.get(address, headers=bearer)
    assert read.status_code == 200, read.text
    assert read.json()["versions"][0]["verdict"] == "allow"
    assert world.client.get(address, headers={"authorization": f"Bearer {world.user('mallory')}"}).status_code == 404
    assert world.person("alice").get("/view/main/project/secret/").status_code == 200
    assert world.stranger().get("/view/main/project/secret/").status_code == 404


def test_the_page_tells_the_same_and_its_addresses_lead_to_it(views: LettingIn) -> None:
    young(views)
    page = views.get("/project/demo/")
    assert page.status_code == 200
    for part in ("cooldown", "hidden", "hides: this decides", "unless fixes", "From pypi"):
        assert part in page.text
    assert page.text.count('<details class="kind"') == 3
    one = views.get("/project/demo/?version=1.0")
    assert one.text.count('<details class="kind"') == 1
    spelled = views.get("/project/Demo/")
    assert (spelled.status_code, spelled.headers["location"]) == (301, "../demo/")
