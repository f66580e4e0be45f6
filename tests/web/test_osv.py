"""Advisories in the protocol of OSV.dev, over the door that its clients knock at."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from advising import advise, know_exploited, record
from customhouse.advisories.known import Known
from customhouse.formats.epss import Likelihood, read_scores
from customhouse.formats.kev import Exploited, read_catalogue
from customhouse.formats.osv.matching import is_affected
from customhouse.formats.osv.read import read_record
from world import World

CVE = "CVE-2026-1000"


def ask(world: World, path: str, question: object) -> Any:
    """The answer to a question that says nothing of its content type."""
    answer = world.client.post(path, content=json.dumps(question).encode())
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def about(name: str, version: str = "") -> dict[str, object]:
    return {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}


def found(world: World, name: str, version: str = "") -> list[str]:
    """The ids that a query answers, which a batch answers as well."""
    ids = [one["id"] for one in ask(world, "/v1/query", about(name, version)).get("vulns", [])]
    batch = ask(world, "/v1/querybatch", {"queries": [about("nothing-there"), about(name, version)]})["results"]
    assert batch[0] == {}
    assert [one["id"] for one in batch[1].get("vulns", [])] == ids
    assert all(set(one) == {"id", "modified"} for one in batch[1].get("vulns", []))
    return ids


def test_a_version_is_answered_with_every_record_that_matches(world: World) -> None:
    advise(
        world.app,
        record("PYSEC-2026-1", "demo", fixed="2.0", aliases=[CVE, "GHSA-aaaa-bbbb-cccc"]),
        record("GHSA-aaaa-bbbb-cccc", "Demo", fixed="2.0", aliases=[CVE]),
        record("PYSEC-2026-2", "demo", versions=["1.0", "0.9p1"]),
        record("PYSEC-2026-3", "demo", fixed="3.0", withdrawn="2026-11-21T00:00:00Z"),
        record("PYSEC-2026-4", "other", fixed="3.0"),
    )
    assert found(world, "demo", "1.0.0") == ["GHSA-aaaa-bbbb-cccc", "PYSEC-2026-1", "PYSEC-2026-2"]
    assert found(world, "Demo", "1.5") == ["GHSA-aaaa-bbbb-cccc", "PYSEC-2026-1"]
    assert found(world, "demo", "0.9p1") == ["PYSEC-2026-2"]
    assert found(world, "demo", "2.0") == []
    assert found(world, "demo") == ["GHSA-aaaa-bbbb-cccc", "PYSEC-2026-1", "PYSEC-2026-2"]
    assert ask(world, "/v1/query", about("demo", "2.0")) == {}
    assert ask(world, "/v1/query", {"package": {"purl": "pkg:pypi/demo@1.5"}})["vulns"][0]["affected"][0]["package"] == {
        "ecosystem": "PyPI", "name": "demo",
    }  # fmt: skip


def test_every_process_sees_a_change_at_its_next_look(world: World) -> None:
    """Another process remembers what it has read; whatever is written makes it read again."""
    other = Known(world.app.database)

    def both(name: str, version: str) -> list[str]:
        ids = [one.id for one in other.affecting(name, version)]
        assert found(world, name, version) == ids
        return ids

    assert both("demo", "1.0") == []
    advise(world.app, record("PYSEC-2026-1", "demo", fixed="2.0"), record("PYSEC-2026-2", "other", fixed="2.0"))
    assert both("demo", "1.0") == ["PYSEC-2026-1"]
    assert both("other", "1.0") == ["PYSEC-2026-2"]
    advise(world.app, record("PYSEC-2026-1", "demo", fixed="1.0", modified="2026-11-21T00:00:00Z"))
    assert both("demo", "1.0") == []
    advise(world.app, record("PYSEC-2026-2", "elsewhere", fixed="9.0", modified="2026-11-22T00:00:00Z"))
    assert both("other", "1.0") == []
    assert both("elsewhere", "1.0") == ["PYSEC-2026-2"]
    gone = {"id": "PYSEC-2026-2", "modified": "2026-11-23T00:00:00Z", "withdrawn": "2026-11-23T00:00:00Z"}
    advise(world.app, read_record(gone, "withdrawn"))
    assert both("elsewhere", "1.0") == []


def test_a_second_question_reads_nothing_but_whether_anything_has_changed(world: World) -> None:
    advise(world.app, record("PYSEC-2026-1", "demo", fixed="2.0"))
    assert [one.id for one in world.app.advice.affecting("demo", "1.0")] == ["PYSEC-2026-1"]
    with world.statements() as heard:
        assert [one.id for one in world.app.advice.affecting("demo", "1.0")] == ["PYSEC-2026-1"]
        assert world.app.advice.affecting("demo", "2.0") == []
    assert len(heard) == 2


def test_errors_have_osv_devs_shape_and_are_no_empty_answers(small_world: World) -> None:
    world = small_world
    for path, body, status in (
        ("/v1/query", b"{", 400),
        ("/v1/query", b"", 400),
        ("/v1/query", b'{"version": "1.0"}', 400),
        ("/v1/query", json.dumps(about("left-pad", "1")).replace("PyPI", "npm").encode(), 400),
        ("/v1/querybatch", json.dumps({"queries": [about("demo")] * 1001}).encode(), 400),
        ("/v1/querybatch", b" " * (4 * 2**20 + 1), 413),
    ):
        answer = world.client.post(path, content=body)
        assert answer.status_code == status
        assert answer.json()["code"] == 3
        assert answer.json()["message"]
        assert answer.headers["cache-control"] == "no-store"
    assert world.client.get("/v1/query").status_code == 405


def test_one_record_is_read_by_its_id_and_an_alias_names_those_who_have_it(small_world: World) -> None:
    world = small_world
    made = record("PYSEC-2026-1", "Demo", fixed="2.0", aliases=[CVE], published="2026-11-20T00:00:00+00:00")
    advise(world.app, made)
    for address in ("/v1/vulns/PYSEC-2026-1", "/osv/PyPI/PYSEC-2026-1.json"):
        answer = world.client.get(address)
        assert answer.json()["published"] == "2026-11-20T00:00:00Z"
        assert answer.json()["affected"][0]["package"]["name"] == "demo"
        kept = world.client.get(address, headers={"if-none-match": answer.headers["etag"]})
        assert (kept.status_code, kept.content) == (304, b"")
    answer = world.client.get(f"/v1/vulns/{CVE}")
    assert answer.status_code == 404
    assert answer.json() == {"code": 5, "message": "Bug not found. These go by that name: PYSEC-2026-1."}
    for unknown in ("CVE-1999-1", "x" * 3000, "%00", "a%20b"):
        assert world.client.get(f"/v1/vulns/{unknown}").status_code == 404


def test_the_archive_holds_each_record_and_is_made_once_for_each_state(world: World) -> None:
    git = {"ranges": [{"type": "GIT", "repo": "https://x.invalid/x", "events": [{"introduced": "0"}]}]}
    elsewhere = {"package": {"ecosystem": "npm", "name": "left-pad"}, "versions": ["1"]}
    first = [
        record("PYSEC-2026-1", "demo", fixed="2.0"),
        record("PYSEC-2026-2", "demo", fixed="2.0", withdrawn="2026-11-21T00:00:00Z", modified="2026-11-21T00:00:00Z"),
        read_record({"id": "PSF-2026-1", "modified": "2026-11-19T00:00:00.5Z", "affected": [git]}, "psf"),
        read_record({"id": "GHSA-npm", "modified": "2026-11-22T00:00:00Z", "affected": [elsewhere]}, "npm"),
    ]
    advise(world.app, *first)

    def whole() -> tuple[str, dict[str, Any]]:
        answer = world.client.get("/osv/PyPI/all.zip")
        assert answer.headers["content-type"] == "application/zip"
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        return answer.headers["etag"], {name: json.loads(archive.read(name)) for name in archive.namelist()}

    etag, records = whole()
    assert sorted(records) == ["PSF-2026-1.json", "PYSEC-2026-1.json", "PYSEC-2026-2.json"]
    assert is_affected(read_record(records["PYSEC-2026-1.json"], "zip"), "demo", "1.0")
    listing = world.client.get("/osv/PyPI/modified_id.csv")
    assert listing.text.splitlines() == [
        "2026-11-21T00:00:00Z,PYSEC-2026-2",
        "2026-11-20T00:00:00Z,PYSEC-2026-1",
        "2026-11-19T00:00:00.500000Z,PSF-2026-1",
    ]
    kept = {"if-none-match": listing.headers["etag"]}
    assert world.client.get("/osv/PyPI/modified_id.csv", headers=kept).status_code == 304
    assert world.client.get("/osv/PyPI/all.zip", headers={"if-none-match": etag}).status_code == 304
    part = world.client.get("/osv/PyPI/all.zip", headers={"range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, b"PK")
    folder = world.app.settings.data / "osv"
    assert len(list(folder.iterdir())) == 1
    for number in range(3):
        advise(world.app, record(f"PYSEC-2026-1{number}", "demo", fixed="2.0"))
        changed, records = whole()
        assert changed != etag
        assert f"PYSEC-2026-1{number}.json" in records
        assert world.client.get("/osv/PyPI/modified_id.csv", headers=kept).status_code == 200
    assert len(list(folder.iterdir())) == 2


@pytest.mark.slow
def test_all_pins_of_the_pypas_packages_are_answered_as_we_match_them_ourselves(small_world: World) -> None:
    """Every version that any of some packages lists, in batches, against the matcher that audits use."""
    from advising import load, pypa_records  # noqa: PLC0415 - the database is read when it is needed

    names = {"django", "pillow", "ansible", "jw-util", "steam", "tensorflow", "plone"}
    records = [one for one in pypa_records() if names & set(one.packages())]
    load(small_world.app, records)
    pins = sorted({(entry.name, version) for one in records for entry in one.affected for version in entry.versions})
    assert len(pins) > 1000
    for start in range(0, len(pins), 1000):
        some = pins[start : start + 1000]
        results = ask(small_world, "/v1/querybatch", {"queries": [about(*pin) for pin in some]})["results"]
        for (name, version), result in zip(some, results, strict=True):
            ours = sorted(one.id for one in records if is_affected(one, name, version))
            assert [one["id"] for one in result.get("vulns", [])] == ours, (name, version)


def test_what_is_known_of_exploitation_stands_beside_the_records(world: World) -> None:
    addresses = ("/osv/known_exploited_vulnerabilities.json", "/osv/epss_scores.csv")
    assert [world.client.get(one).status_code for one in addresses] == [404, 404]
    advise(world.app, record("PYSEC-2026-1", "demo", fixed="2.0", aliases=["CVE-2026-1001"]))
    know_exploited(world.app, "CVE-2026-1001")
    kev, epss = (world.client.get(one) for one in addresses)
    assert [one.cve for one in read_catalogue(kev.content, "kev") if isinstance(one, Exploited)] == ["CVE-2026-1001"]
    day, scores = read_scores(epss.content, "epss")
    assert (day.isoformat(), list(scores)) == ("2026-11-20", [Likelihood("CVE-2026-1001", 0.97, 0.999)])
    again = {"if-none-match": kev.headers["etag"]}
    assert world.client.get(addresses[0], headers=again).status_code == 304
