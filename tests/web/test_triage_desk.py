"""The desk of triage in a browser, and the form for advisories of our own."""

from __future__ import annotations

import re

import pytest

from advising import advise, record
from customhouse.advisories import queries as stored
from customhouse.advisories.triage import queries
from packages import wheel
from triaging import PREFIX, certain, cve_record, take
from world import World, upload

CVE = "CVE-2026-1000"
DESK = "/admin/triage/"
TYPED = {
    "summary": "A hole",
    "details": "It is deep.",
    "affected": "demo: >= 1.0, < 1.4",
    "severity": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
    "references": "FIX https://example.org/fix\nhttps://example.org/more",
    "credits": "FINDER Ada",
    "aliases": "CVE-2026-7777",
}
NEW = "/admin/advisories/new/"


def test_the_desk_shows_the_likeliest_first_with_evidence_and_a_key_for_each_verdict(world: World) -> None:
    olga = world.operator()
    take(world.app, cve_record(), certain("CVE-2026-2000", version=">= 1.0"))
    page = olga.get(DESK).text
    assert page.index("CVE-2026-2000") < page.index(CVE)
    assert set(re.findall('accesskey="(.)"', page)) == {"a", "n", "d", "l"}
    assert "It links to the package&#39;s page on PyPI." in page
    assert "<mark>demo</mark>" in page
    assert "A person decides: No version ends it" in page
    assert "<script" not in page


def test_one_click_decides_and_the_next_one_is_shown(world: World) -> None:
    olga = world.operator()
    take(world.app, cve_record(), cve_record("CVE-2026-2000", version="all"))
    page = olga.get(f"{DESK}{CVE}/").text
    seen = re.search(r'name="seen" value="([0-9a-f]+)"', page)
    assert seen is not None
    answer = olga.post(
        f"{DESK}{CVE}/verdict/", verdict="accepted", seen=seen[1], **{"package-0": "demo", "other": "demo-extra"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, DESK)
    page = olga.get(DESK).text
    assert f"It is {PREFIX}-2026-1, of demo, demo-extra." in page
    assert 'id="record"><a href="/admin/triage/CVE-2026-2000/"' in page
    assert olga.post(f"{DESK}{CVE}/undo/").status_code == 303
    with world.app.database.read() as sql:
        assert [one.id for one in queries.queue(sql, most=5)] == [CVE, "CVE-2026-2000"]


def test_several_are_judged_at_once_but_none_that_has_changed(world: World) -> None:
    olga = world.operator()
    take(world.app, cve_record(), cve_record("CVE-2026-2000", version="all"))
    page = olga.get(DESK).text
    marks = dict(re.findall(r'name="(case:[^"]+)" value="([0-9a-f]+)"', page))
    take(world.app, cve_record(version="< 7"))
    assert olga.post(f"{DESK}list/several/", verdict="not-python", reason="A server.", **marks).status_code == 303
    page = olga.get(DESK).text
    assert "1 of 2" in page
    assert "has changed since you looked" in page
    assert 'value="A server."' in page


def test_a_text_cannot_write_the_page(world: World) -> None:
    olga = world.operator()
    take(
        world.app,
        cve_record(text="demo <script>alert(1)</script> is a Python library\u202e.", links=['https://x.test/"><b>']),
    )
    page = olga.get(f"{DESK}{CVE}/").text
    assert "<script" not in page
    assert '"><b>' not in page
    assert "\u202e" not in page


def test_an_advisory_is_previewed_written_changed_and_withdrawn_with_a_reason(world: World) -> None:
    olga = world.operator()
    for version in ("1.0", "1.3", "1.4"):
        assert upload(world.client, world.user(), wheel(version=version), name="demo", version=version).status == 200
    page = olga.post(NEW, **TYPED, do="preview").text
    assert "2 versions of this index are affected: 1.0, 1.3. Not affected: 1.4." in re.sub(
        r"\s+", " ", re.sub("<[^>]+>", "", page)
    )
    with world.app.database.read() as sql:
        assert stored.count(sql) == 0
    assert olga.post(NEW, **TYPED, do="save").status_code == 303
    name = f"{PREFIX}-2026-1"
    page = olga.get(f"/admin/advisories/{name}/").text
    assert "demo: &gt;= 1.0, &lt; 1.4</textarea>" in page
    seen = re.search(r'name="seen" value="([0-9a-f]+)"', page)
    assert seen is not None
    changed = TYPED | {"affected": "demo: < 1.4; 2.0"}
    assert olga.post(f"/admin/advisories/{name}/", **changed, do="save", seen=seen[1]).status_code == 303
    assert olga.post(f"/admin/advisories/{name}/", **changed, do="save", seen=seen[1]).status_code == 409
    assert olga.post(f"/admin/advisories/{name}/withdraw/", reason="").status_code == 400
    assert olga.post(f"/admin/advisories/{name}/withdraw/", reason="It was none.").status_code == 303
    with world.app.database.read() as sql:
        found = stored.find(sql, name)
    assert found is not None
    assert found.withdrawn is not None
    assert found.record.document["database_specific"] == {"withdrawn_reason": "It was none."}
    assert [one.version for one in found.record.affected[0].ranges[1].events] == ["2.0", "2.0"]
    assert olga.post(f"/admin/advisories/{name}/withdraw/", reason="It is one.", do="reinstate").status_code == 303
    assert "withdrawn" not in olga.get("/admin/advisories/").text.replace("is withdrawn", "")


@pytest.mark.parametrize(
    ("field", "text", "where"),
    [
        ("affected", "", "affected"),
        ("affected", "demo", "affected, line 1"),
        ("affected", "demo: < 1\nother: < banana", "affected, line 2"),
        ("affected", "demo: >= 2.0, < 1.0", "affected, line 1"),
        ("affected", "no name: < 1", "affected, line 1"),
        ("severity", "very bad", "severity, line 1"),
        ("severity", "CVSS:3.1/AV:N", "severity, line 1"),
        ("references", "javascript:alert(1)", "references, line 1"),
        ("references", "GOSSIP https://example.org/", "references, line 1"),
        ("aliases", "not an id!", "aliases, line 1"),
    ],
)
def test_a_fault_is_told_with_its_line_and_nothing_typed_is_lost(
    world: World, field: str, text: str, where: str
) -> None:
    answer = world.operator().post(NEW, **(TYPED | {field: text}), do="save")
    assert answer.status_code == 400
    assert where in answer.text
    assert "It is deep." in answer.text


def test_others_advisories_are_not_ours_to_change(world: World) -> None:
    advise(world.app, record("PYSEC-2026-1", "demo", fixed="1.4"))
    olga = world.operator()
    assert olga.get("/admin/advisories/PYSEC-2026-1/").status_code == 404
    assert olga.post("/admin/advisories/PYSEC-2026-1/", **TYPED, do="save").status_code == 404
    assert olga.post("/admin/advisories/PYSEC-2026-1/withdraw/", reason="No.").status_code == 404
