"""The checklist as people and programs read it; nothing of private projects, and nothing of who lacks a factor."""

from __future__ import annotations

from attesting import House, attest
from packages import wheel
from world import World

DIST = wheel()


def test_the_page_says_what_is_met_and_why_no_more(small_world: World) -> None:
    small_world.upload(DIST)
    page = small_world.client.get("/project/demo/checklist/").text
    assert "SLSA build level 0 of 3" in page
    assert "has no source archive: nobody can build it again" in page
    assert 'href="/api/projects/demo/checklist"' in page
    assert "manage" not in page.partition("<h1>")[2]
    assert 'href="/project/demo/checklist/"' in small_world.client.get("/project/demo/").text


def test_an_address_without_its_slash_leads_on(small_world: World) -> None:
    small_world.upload(DIST)
    answer = small_world.client.get("/project/demo/checklist", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (301, "/project/demo/checklist/")


def test_json_has_every_item(small_world: World) -> None:
    small_world.upload(DIST)
    found = small_world.client.get("/api/projects/demo/checklist").json()
    states = {one["key"]: one["state"] for one in found["items"]}
    assert (found["project"], found["version"], found["slsa"]["level"]) == ("demo", "1.0", 0)
    assert states["attested"] == "unmet"
    assert states["second-factor"] == "unknown"
    assert states["no-advisories"] == "unknown"
    assert found["met"] + found["unmet"] + found["unknown"] == len(found["items"])


def test_provenance_of_a_build_service_is_level_two(small_world: World) -> None:
    small_world.upload(DIST)
    house = House(small_world.clock)
    attest(small_world.app, DIST, house.verified(DIST))
    found = small_world.client.get("/api/projects/demo/checklist").json()
    assert found["slsa"]["level"] == 2
    assert "isolated builder" in found["slsa"]["why_not_higher"]
