"""Why a view offers what it offers: the same in JSON, on the page and in a terminal, with sources and dates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from browser import faults
from playwright.sync_api import Browser

from advising import advise, record
from command_line import customhouse
from letting_in import LettingIn
from neighbours import found_organization, found_project
from packages import wheel
from terminal_picture import terminal_picture
from upstream_world import upstream_world
from world import Server, running

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


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real index with a view ``main`` of an upstream that has an old and a young release."""
    from datetime import UTC, datetime  # noqa: PLC0415

    now = datetime.now(UTC)
    with upstream_world() as upstream:
        upstream.add(wheel("demo", "1.0"))
        upstream.add(wheel("demo", "2.0"), uploaded_at=now - timedelta(days=400))
        upstream.add(wheel("demo", "2.1"), uploaded_at=now - timedelta(hours=30))
        settings = {f"CUSTOMHOUSE_{key.upper()}": json.dumps(value) for key, value in upstream.settings().items()}
        with running(tmp_path_factory.mktemp("explained") / "data", environment=settings) as server:
            server.command("view", "add", "main", "--upstream", "pypi", "--policy", "balanced")
            yield server


def test_in_a_terminal_it_fits_eighty_columns_and_says_the_same(index: Server, tmp_path: Path) -> None:
    plain = {"CUSTOMHOUSE_INDEX": index.url}
    whole = customhouse("policy", "explain", "demo", "--view", "main", environment=plain, folder=tmp_path)
    assert whole.returncode == 0, whole.stderr
    assert "2.1  hidden" in whole.stdout
    one = customhouse("policy", "explain", "demo", "2.1", "--view", "main", environment=plain, folder=tmp_path)
    assert one.returncode == 1
    assert "HIDDEN by rule 'cooldown'" in one.stdout
    assert "age < 7d: " in one.stdout
    assert "rules that do not apply: --all" in one.stdout
    every = customhouse(
        "policy", "explain", "demo", "2.1", "--view", "main", "--all", environment=plain, folder=tmp_path
    )
    assert "- similar name: does not apply" in every.stdout
    for done in (whole, one, every):
        assert max(map(len, done.stdout.splitlines())) <= 80
    terminal_picture("policy-explain", "customhouse policy explain demo --view main", whole.stdout)
    terminal_picture("policy-explain-version", "customhouse policy explain demo 2.1 --view main", one.stdout)
    told = customhouse(
        "policy", "explain", "demo", "2.1", "--view", "main", "--json", environment=plain, folder=tmp_path
    )
    assert json.loads(told.stdout)["versions"][0]["verdict"] == "hide"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nothing", "--view", "main"), 2, "There is no project named 'nothing' here."),
        (("demo", "9", "--view", "main"), 2, "The view has no version '9' of it."),
        (("demo", "--view", "other"), 2, "There is no such view here."),
        (("demo",), 2, "--view NAME"),
        (("no name", "--view", "main"), 2, "is not a project name"),
    ],
)
def test_what_cannot_be_explained_is_said_in_a_sentence(
    index: Server, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = customhouse("policy", "explain", *arguments, environment={"CUSTOMHOUSE_INDEX": index.url}, folder=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_an_index_that_is_none_is_a_failed_service(tmp_path: Path) -> None:
    with upstream_world() as upstream:
        done = customhouse("policy", "explain", "demo", "--view", "main", "--index", upstream.url, folder=tmp_path)
    assert done.returncode == 4
    assert "no JSON" in done.stderr


def test_people_and_programs_can_read_the_page(index: Server, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{index.url}/view/main/project/demo/")
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert faults(page) == []
    context.close()
