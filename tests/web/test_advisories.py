"""What pages and feeds say of known vulnerabilities, and that they say nothing of private projects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa

from advising import advise, record
from customhouse.accounts.tables import account
from customhouse.advisories.tables import exploited, likelihood
from customhouse.catalog.queries import find_project
from customhouse.index.advising.tables import affected_release
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.infra.db import insert_new
from customhouse.infra.tables import job
from customhouse.work import run_due_job, run_followers, seed_periodic_jobs
from packages import wheel
from world import World

ATOM = "{http://www.w3.org/2005/Atom}"
CVE = "CVE-2026-1000"
HIGH = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N"}]


def publish(world: World, name: str, *versions: str, **more: object) -> None:
    for version in versions:
        assert world.upload(wheel(name, version, **more), name=name, version=version).status == 200  # type: ignore[arg-type]


def affects(world: World, name: str, version: str, advisory_id: str) -> None:
    """What the follower of advisories keeps."""
    with world.app.database.write() as sql:
        found = find_project(sql, name)
        assert found is not None
        row = {"project_id": found.id, "version": version, "advisory_id": advisory_id}
        insert_new(sql, affected_release, **row)


@pytest.fixture
def advised(small_world: World) -> World:
    publish(small_world, "demo", "1.0", "2.0", "3.0")
    advise(
        small_world.app,
        record("PYSEC-2026-1", "demo", fixed="3.0", aliases=[CVE, "GHSA-aaaa-bbbb-cccc"], severity=HIGH),
        record("GHSA-aaaa-bbbb-cccc", "demo", fixed="3.0", aliases=[CVE]),
        record("PYSEC-2026-2", "demo", versions=["1.0"], references=[{"type": "WEB", "url": "javascript:alert(1)"}]),
    )
    return small_world


def test_a_projects_page_warns_of_the_shown_version_and_marks_the_others(advised: World) -> None:
    old = advised.client.get("/project/demo/1.0/").text
    assert "affected by 2 known vulnerabilities" in old
    assert old.count('<a href="/advisory/PYSEC-2026-1/">') == 1
    assert '<span class="mark warn">high</span>' in old
    assert "Fixed in 3.0" in old
    assert "No fix is known" in old
    assert 'None is known of <a href="/project/demo/3.0/">3.0</a>' in old
    newest = advised.client.get("/project/demo/").text
    assert "Known vulnerabilities" not in newest
    assert "2 advisories, high" in newest
    assert "1 advisory, high" in newest


def test_an_advisory_says_what_it_means_here_and_an_alias_leads_to_it(advised: World) -> None:
    publish(advised, "pinned", "1.0", headers={"Requires-Dist": "demo<3"})
    publish(advised, "lax", "1.0", headers={"Requires-Dist": "Demo>=1"})
    publish(advised, "well", "1.0", headers={"Requires-Dist": "demo>=3"})
    publish(advised, "secret", "1.0", headers={"Requires-Dist": "demo<3"})
    advised.app.do(change_visibility, ChangeVisibility("secret", "private", "secret"))
    with advised.app.database.write() as sql:
        insert_new(sql, exploited, cve=CVE, added=date(2026, 11, 21), ransomware=False)
        insert_new(sql, likelihood, cve=CVE, score=0.25, percentile=0.9, day=date(2026, 11, 21))
    page = advised.client.get("/advisory/PYSEC-2026-1/").text
    assert "high, CVSS 7.5" in page
    assert "CISA has listed it since 21 Nov 2026" in page
    assert "25.0 %" in page
    assert "2 of 3 releases of" in page
    assert page.index("pinned") < page.index("only affected releases") < page.index("lax") < page.index("is allowed")
    assert "well" not in page.partition("Dependants at risk")[2].partition("</table>")[0]
    assert "secret" not in page
    moved = advised.client.get(f"/advisory/{CVE}/", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (302, "/advisory/PYSEC-2026-1/")
    assert advised.client.get("/advisory/CVE-1999-1/").status_code == 404
    odd = advised.client.get("/advisory/PYSEC-2026-2/").text
    assert 'href="javascript' not in odd
    assert "javascript:alert(1)" in odd


def test_an_advisory_on_a_library_names_its_versions_and_the_list_begins_what_has_no_title(small_world: World) -> None:
    ranges = [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.3.2"}]}]
    affected = [{"package": {"ecosystem": "OSS-Fuzz", "name": "libwebp"}, "ranges": ranges}]
    on_library = record("CVE-2026-7", "demo", affected=affected, modified="2026-11-22T00:00:00Z")
    untitled = record("PYSEC-2026-8", "demo", fixed="3.0", summary="", details="It is *wrong* " + "indeed " * 90)
    advise(small_world.app, untitled, on_library)
    assert "Versions from the beginning, fixed in 1.3.2" in small_world.client.get("/advisory/CVE-2026-7/").text
    listed = small_world.client.get("/advisories/").text
    assert "demo: It is *wrong* indeed" in listed
    assert listed.index("CVE-2026-7") < listed.index("PYSEC-2026-8"), "what was modified last comes first"
    assert listed.count("indeed") < 30
    assert "See /advisories/." in small_world.client.get("/advisory/CVE-1/").text


def test_what_was_withdrawn_says_so_and_warns_nobody(advised: World) -> None:
    later = {"modified": "2026-11-27T00:00:00Z", "withdrawn": "2026-11-27T00:00:00Z"}
    advise(advised.app, record("PYSEC-2026-2", "demo", versions=["1.0"], **later))
    assert "affected by a known vulnerability" in advised.client.get("/project/demo/1.0/").text
    assert "affects nothing any more" in advised.client.get("/advisory/PYSEC-2026-2/").text


def test_a_hostile_record_is_shown_without_harm(small_world: World) -> None:
    hostile = record(
        "X-1", "demo", details="<script>alert(1)</script>\n\n# Big\n[x](javascript:alert(2))",
        summary="<b>bold</b>", credits=[{"name": "<i>me</i>"}],
        references=[{"type": "WEB", "url": 'https://x.invalid/"onmouseover="alert(3)'}],
    )  # fmt: skip
    advise(small_world.app, hostile)
    for address in ("/advisory/X-1/", "/advisories/"):
        page = small_world.client.get(address).text
        assert "<script>alert" not in page
        assert "<b>bold</b>" not in page
        assert 'href="javascript' not in page
        assert '"onmouseover="' not in page


def test_the_list_is_chosen_from_by_name_level_and_what_is_here(advised: World) -> None:
    advise(advised.app, record("PYSEC-2026-3", "elsewhere", fixed="2.0"))
    affects(advised, "demo", "1.0", "PYSEC-2026-1")

    def ids(query: str) -> list[str]:
        page = advised.client.get(f"/advisories/?{query}").text
        return [part.partition("/")[0] for part in page.split('<li><span><a href="/advisory/')[1:]]

    everything = ["PYSEC-2026-3", "PYSEC-2026-2", "PYSEC-2026-1", "GHSA-aaaa-bbbb-cccc"]
    assert ids("") == everything
    assert sorted(ids("q=Demo")) == sorted(everything[1:])
    assert sorted(ids(f"q={CVE.lower()}")) == ["GHSA-aaaa-bbbb-cccc", "PYSEC-2026-1"]
    assert ids("q=pysec-2026-3") == ["PYSEC-2026-3"]
    assert ids("level=high") == ["PYSEC-2026-1"]
    assert ids("here=yes") == ["PYSEC-2026-1"]
    for wrong in ("page=0", "page=x", "level=dire", "q=" + "x" * 300):
        assert advised.client.get(f"/advisories/?{wrong}").status_code == 400


def test_feeds_tell_of_advisories_that_touch_what_everybody_may_see(advised: World) -> None:
    def titles() -> list[str]:
        found = []
        for address in ("/rss/advisories.xml", "/feeds/advisories.xml"):
            root = ET.fromstring(advised.client.get(address).content)  # noqa: S314 - our own document
            items = [one for one in root.iter() if one.tag.endswith(("item", "entry"))]
            found.append(
                [text for one in items for text in (one.find("title"), one.find(f"{ATOM}title")) if text is not None]
            )
        told = [[one.text or "" for one in feed] for feed in found]
        assert told[0] == told[1]
        return told[0]

    assert titles() == []
    publish(advised, "secret", "1.0")
    advise(advised.app, record("PYSEC-2026-4", "secret", fixed="2.0"))
    affects(advised, "demo", "1.0", "PYSEC-2026-1")
    affects(advised, "secret", "1.0", "PYSEC-2026-4")
    assert titles() == ["PYSEC-2026-4: secret (unknown)", "PYSEC-2026-1: demo (high)"]
    advised.app.do(change_visibility, ChangeVisibility("secret", "private", "secret"))
    assert titles() == ["PYSEC-2026-1: demo (high)"]
    assert "affects secret here" not in advised.client.get("/advisories/").text
    page = advised.client.get("/advisory/PYSEC-2026-4/").text
    assert "/project/secret/" not in page
    owner = advised.person("alice")
    assert "affected by a known vulnerability" in owner.get("/project/secret/").text


def test_owners_hear_once_that_their_newest_release_is_affected(small_world: World) -> None:
    world = small_world
    publish(world, "demo", "1.0", "2.0")
    seed_periodic_jobs(world.app)
    with world.app.database.write() as sql:
        sql.execute(account.update().values(email="alice@example.org"))

    def letters() -> list[Mapping[str, Any]]:
        while run_followers(world.app) or run_due_job(world.app, without={"mail"}):
            pass
        with world.app.database.read() as sql:
            found = sql.execute(sa.select(job.c.arguments).where(job.c.name == "mail").order_by(job.c.id)).scalars()
            return [one["values"]["body"] for one in found if one["template"] == "newest-affected"]

    assert letters() == []
    advise(world.app, record("PYSEC-2026-1", "demo", versions=["1.0"]), record("PYSEC-2026-5", "other", fixed="9"))
    assert letters() == []
    advise(
        world.app,
        record("PYSEC-2026-2", "demo", fixed="3.0", aliases=[CVE]),
        record("PYSEC-2026-3", "demo", severity=HIGH),
    )
    [first] = letters()
    assert (first["version"], first["level"], first["fixed"]) == ("2.0", "high", ["3.0"])
    assert first["advisories"] == ["PYSEC-2026-3", "PYSEC-2026-2"]
    advise(world.app, record("GHSA-same", "demo", fixed="3.0", aliases=[CVE]))
    assert len(letters()) == 1
    advise(world.app, record("PYSEC-2026-4", "demo", introduced="2.0"))
    assert [one["advisories"] for one in letters()] == [first["advisories"], ["PYSEC-2026-4"]]
    assert "affected by what became known" in world.client.get("/project/demo/ledger/").text
    world.check()


def test_owners_see_what_is_affected_and_who_depends_on_it_where_they_manage(advised: World) -> None:
    publish(advised, "pinned", "1.0", headers={"Requires-Dist": "demo<3"})
    page = advised.person("alice").get("/manage/project/demo/").text
    assert "2 advisories, high" in page
    assert page.index("Dependants at risk") < page.index("demo&lt;3") < page.index("only affected releases")
