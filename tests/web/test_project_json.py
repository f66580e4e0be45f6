"""``/pypi/NAME/json`` and ``/pypi/NAME/VERSION/json``: the shape that PyPI gives them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from advising import advise, record
from clock import TurnableClock
from customhouse.app import open_app, prepare
from customhouse.formats.project_json import choose_version
from customhouse.infra.settings import Settings
from customhouse.web.asgi import build
from packages import sdist, wheel
from world import World


@pytest.fixture
def published(small_world: World) -> World:
    for version in ("1.0", "2.0", "3.0rc1"):
        assert small_world.upload(wheel(version=version), version=version).status == 200
    assert small_world.upload(sdist(version="2.0"), version="2.0").status == 200
    return small_world


def test_the_newest_final_release_stands_for_the_project(published: World) -> None:
    whole = published.client.get("/pypi/demo/json").json()
    assert (whole["info"]["name"], whole["info"]["version"]) == ("demo", "2.0")
    assert list(whole["releases"]) == ["1.0", "2.0", "3.0rc1"]
    files = {file["packagetype"]: file for file in whole["urls"]}
    assert set(files) == {"bdist_wheel", "sdist"}
    assert (files["bdist_wheel"]["python_version"], files["sdist"]["python_version"]) == ("py3", "source")
    dist = wheel(version="2.0")
    assert files["bdist_wheel"]["digests"]["sha256"] == dist.sha256
    assert files["bdist_wheel"]["url"] == f"http://index.test/packages/demo/{dist.filename}"
    assert published.client.get(files["bdist_wheel"]["url"]).content == dist.body
    assert whole["info"]["release_url"] == "http://index.test/project/demo/2.0/"


def test_one_version_is_told_without_the_others(published: World) -> None:
    whole = published.client.get("/pypi/Demo/3.0RC1/json").json()
    assert whole["info"]["version"] == "3.0rc1"
    assert "releases" not in whole
    assert [file["filename"] for file in whole["urls"]] == [wheel(version="3.0rc1").filename]


@pytest.mark.parametrize("address", ["/pypi/nobody/json", "/pypi/demo/9.9/json", "/pypi/demo/nonsense/json"])
def test_what_is_not_there_is_a_problem_with_a_code(published: World, address: str) -> None:
    answer = published.client.get(address, headers={"accept": "application/json"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in {"unknown-project", "unknown-version"}


@pytest.mark.parametrize(
    ("versions", "yanked", "chosen"),
    [
        (["1.0", "10.0", "9.0"], [], "10.0"),
        (["1.0", "2.0"], ["2.0"], "1.0"),
        (["1.0a1", "1.0a2"], [], "1.0a2"),
        (["1.0", "2.0"], ["1.0", "2.0"], "2.0"),
        ([], [], None),
    ],
)
def test_which_version_stands_for_a_project(versions: list[str], yanked: list[str], chosen: str | None) -> None:
    assert choose_version(versions, yanked) == chosen


@pytest.fixture
def behind_a_proxy(tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    settings = Settings.model_validate({"data": tmp_path / "data", "url": "https://packages.example.org/"})
    prepare(settings)
    with open_app(settings, clock=clock) as app, TestClient(build(app), base_url="http://127.0.0.1:8417") as client:
        yield World(app, clock, client)


def test_full_addresses_are_those_that_the_operator_has_set(behind_a_proxy: World) -> None:
    assert behind_a_proxy.upload(wheel()).status == 200
    whole = behind_a_proxy.client.get("/pypi/demo/json").json()
    assert whole["urls"][0]["url"] == f"https://packages.example.org/packages/demo/{wheel().filename}"
    assert "https://packages.example.org/simple/" in behind_a_proxy.client.get("/project/demo/").text


def test_known_vulnerabilities_of_the_shown_version_are_told_as_pypi_does(published: World) -> None:
    def told(address: str = "/pypi/demo/json") -> list[dict[str, object]]:
        found: list[dict[str, object]] = published.client.get(address).json()["vulnerabilities"]
        return found

    assert told() == []
    before = published.client.get("/pypi/demo/json").headers["etag"]
    advise(
        published.app,
        record("PYSEC-2026-1", "Demo", fixed="2.1", aliases=["CVE-2026-1"], details="Long.\nLonger."),
        record("PYSEC-2026-2", "demo", fixed="2.0"),
        record("PYSEC-2026-3", "demo", withdrawn="2026-11-21T00:00:00Z"),
    )
    assert told() == [
        {
            "aliases": ["CVE-2026-1"], "details": "Long.\nLonger.", "fixed_in": ["2.1"], "id": "PYSEC-2026-1",
            "link": "http://index.test/advisory/PYSEC-2026-1/", "published": "2026-11-20T00:00:00Z", "source": "osv",
            "summary": "Demo is wrong", "withdrawn": None,
        }
    ]  # fmt: skip
    assert [one["id"] for one in told("/pypi/demo/1.0/json")] == ["PYSEC-2026-1", "PYSEC-2026-2"]
    assert told("/pypi/demo/3.0rc1/json") == []
    assert published.client.get("/pypi/demo/json", headers={"if-none-match": before}).status_code == 200
