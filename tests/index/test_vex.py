"""What projects of the index say of vulnerabilities: who may, what is shown where, and in which formats."""

from __future__ import annotations

from datetime import date, timedelta

import httpx2 as httpx
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from advising import advise, record
from customhouse.accounts.users import find_user
from customhouse.catalog.model import Role
from customhouse.catalog.tables import project_role
from customhouse.formats.vex.model import Product
from customhouse.formats.vex.read import read_vex
from customhouse.index.delete import Delete
from customhouse.index.vex import queries
from customhouse.index.vex.state import StateVex, WithdrawVex, state_vex, withdraw_vex
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Actor
from packages import wheel
from world import World


def actor(world: World, name: str = "alice") -> Actor:
    world.user(name)
    with world.app.database.read() as sql:
        return find_user(sql, name).actor


def village(world: World) -> World:
    """Alice's project alpha, which is built on beta; an advisory about beta."""
    for name in ("alpha", "beta"):
        assert world.upload(wheel(name), name=name).status == 200
    advise(world.app, record("PYSEC-2026-1", "beta", fixed="2.1", aliases=["CVE-2026-1000"]))
    return world


def say(world: World, by: Actor, **more: object) -> str:
    wish = {
        "project": "alpha", "vulnerability": "CVE-2026-1000", "status": "not-affected", "specifier": "==1.0",
        "part": "beta", "part_specifier": "<2", "justification": "vulnerable_code_not_in_execute_path",
        "reason": "We never <b>load</b> it.", "by": by, **more,
    }  # fmt: skip
    return world.app.do(state_vex, StateVex(**wish))  # type: ignore[arg-type]


def give_role(world: World, name: str, role: Role) -> None:
    with world.app.database.write() as sql:
        found = find_user(sql, name)
        project_id = sql.exec_driver_sql("SELECT id FROM project WHERE normalized = 'alpha'").scalar_one()
        sql.execute(project_role.insert().values(project_id=project_id, account_id=found.id, role=role))


def test_a_statement_is_shown_on_the_advisory_and_served_in_three_formats(small_world: World) -> None:
    world = village(small_world)
    say(world, actor(world))
    page = world.client.get("/advisory/PYSEC-2026-1/").text
    assert "What projects say" in page
    assert "alpha==1.0, as to beta&lt;2" in page
    assert "We never &lt;b&gt;load&lt;/b&gt; it." in page
    for address in ("/api/advisories/PYSEC-2026-1/vex", "/api/advisories/CVE-2026-1000/vex", "/api/projects/Alpha/vex"):
        for kind in ("openvex", "csaf", "cyclonedx"):
            answer = world.client.get(f"{address}?format={kind}")
            assert answer.status_code == 200, answer.text
            (one,) = read_vex(answer.content, address).statements
            assert (one.owner, one.supplier, one.names) == (
                "the maintainers of alpha", "alpha", frozenset({"CVE-2026-1000", "PYSEC-2026-1"}),
            )  # fmt: skip
            if kind != "cyclonedx":
                assert one.products == (Product("alpha", "==1.0", parts=(Product("beta", "<2"),)),)
            else:
                assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(answer.text) is None
    assert world.client.get("/api/projects/alpha/vex?format=spdx").status_code == 400
    assert world.client.get("/api/advisories/CVE-1-1/vex").status_code == 404
    assert world.client.get("/api/projects/beta/vex").status_code == 404


def test_owners_and_maintainers_say_it_and_nobody_else(small_world: World) -> None:
    world = village(small_world)
    mona = actor(world, "mona")
    with pytest.raises(Refused, match="Only owners and maintainers"):
        say(world, mona)
    give_role(world, "mona", "maintainer")
    statement = say(world, mona)
    with pytest.raises(Refused):
        world.app.do(withdraw_vex, WithdrawVex("alpha", statement, actor(world, "mallory")))
    world.app.do(withdraw_vex, WithdrawVex("alpha", statement, actor(world)))
    assert "What projects say" not in world.client.get("/advisory/PYSEC-2026-1/").text
    with pytest.raises(Refused):
        world.app.do(withdraw_vex, WithdrawVex("alpha", statement, actor(world)))


def test_the_same_again_is_a_newer_version_and_after_a_withdrawal_a_new_statement(world: World) -> None:
    village(world)
    by = actor(world)
    first = say(world, by)
    assert say(world, by, status="affected", justification="", action="Wait for 1.1.") == first
    with world.app.database.read() as sql:
        (one,) = queries.about(sql, ["CVE-2026-1000"])
    assert (one.version, one.status, one.action) == (2, "affected", "Wait for 1.1.")
    world.app.do(withdraw_vex, WithdrawVex("alpha", first, by))
    assert say(world, by) != first


def test_a_statement_of_a_private_or_deleted_project_is_shown_to_nobody_else(small_world: World) -> None:
    world = village(small_world)
    by = actor(world)
    say(world, by)
    world.app.do(change_visibility, ChangeVisibility("alpha", "private", "alpha", by=by))
    assert "alpha" not in world.client.get("/advisory/PYSEC-2026-1/").text
    assert world.client.get("/api/advisories/CVE-2026-1000/vex").status_code == 404
    assert world.client.get("/api/projects/alpha/vex").status_code == 404
    own = world.client.get("/api/projects/alpha/vex", headers={"authorization": f"Bearer {world.user('alice')}"})
    assert own.status_code == 200
    world.app.do(change_visibility, ChangeVisibility("alpha", "public", "alpha", by=by))
    world.app.remove(Delete("alpha", "", "", "No more.", "alpha", by=by))
    assert "alpha" not in world.client.get("/advisory/PYSEC-2026-1/").text


def test_a_statement_that_has_lapsed_is_served_no_more(small_world: World) -> None:
    world = village(small_world)
    say(world, actor(world), expires=date(2026, 12, 1))
    assert world.client.get("/api/projects/alpha/vex").status_code == 200
    world.clock.turn(timedelta(days=7))
    assert world.client.get("/api/projects/alpha/vex").status_code == 200
    world.clock.turn(timedelta(days=1))
    assert world.client.get("/api/projects/alpha/vex").status_code == 404
    assert "What projects say" not in world.client.get("/advisory/PYSEC-2026-1/").text


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"justification": ""}, "and not why"),
        ({"status": "affected", "justification": ""}, "not what to do"),
        ({"status": "fixed"}, "justification"),
        ({"status": "safe"}, "status"),
        ({"justification": "because"}, "justification"),
        ({"vulnerability": "no id"}, "vulnerability"),
        ({"specifier": "==1 2"}, "specifier"),
        ({"part": "-"}, "part"),
        ({"expires": date(2020, 1, 1)}, "is over"),
        ({"reason": "x" * 20_001}, "reason"),
    ],
)
def test_what_breaks_the_rules_of_openvex_is_not_said(small_world: World, more: dict[str, object], why: str) -> None:
    world = village(small_world)
    with pytest.raises(Rejected, match=why):
        say(world, actor(world), **more)


def test_it_is_said_by_programs_and_on_the_page(small_world: World) -> None:
    world = village(small_world)
    headers = {"authorization": f"Bearer {world.user('alice')}"}
    body = {"vulnerability": "CVE-2026-1000", "status": "fixed", "specifier": "==1.0"}
    made = world.client.post("/api/projects/alpha/vex", json=body, headers=headers)
    assert made.status_code == 201, made.text
    odd = world.client.post("/api/projects/alpha/vex", json={**body, "colour": "red"}, headers=headers)
    assert (odd.status_code, "colour" in odd.text) == (400, True)
    alice = world.person("alice")
    assert "take back" in alice.get("/manage/project/alpha/vex/").text.lower()
    gone = world.client.post(f"/api/projects/alpha/vex/{made.json()['id']}/withdraw", headers=headers, json={})
    assert gone.json()["vulnerability"] == "CVE-2026-1000"


def test_a_list_is_registered_by_a_program_seen_by_its_owner_and_revoked(small_world: World) -> None:
    world = village(small_world)
    headers = {"authorization": f"Bearer {world.user('alice')}"}
    body = {"title": "shop", "components": ["beta==1.0", "alpha==1.0"], "webhook": "https://hooks.example.org/x"}
    made = world.client.post("/api/standing/", json=body, headers=headers)
    assert (made.status_code, made.json()["components"], made.json()["key"][:6]) == (201, 2, "whsec_")
    again = world.client.post("/api/standing/", json=body, headers=headers)
    assert (again.status_code, "key" in again.json()) == (200, False)
    listed = world.client.get("/api/standing/", headers=headers).json()["standing"]
    assert [one["title"] for one in listed] == ["shop"]
    address = f"/api/standing/{made.json()['id']}/"
    assert world.client.get(address, headers=headers).json()["findings"] == []
    others = {"authorization": f"Bearer {world.user('mallory')}"}
    for answer in (world.client.get(address, headers=others), _revoked(world, address, others)):
        assert answer.status_code == 404
    assert _revoked(world, address, headers).json()["title"] == "shop"
    assert world.client.get("/api/standing/", headers=headers).json() == {"standing": []}
    assert world.client.post("/api/standing/", json=body).status_code == 401
    bad = world.client.post("/api/standing/", json={**body, "webhook": "ftp://x"}, headers=headers)
    assert (bad.status_code, "webhook" in bad.text) == (400, True)


def _revoked(world: World, address: str, headers: dict[str, str]) -> httpx.Response:
    return world.client.post(f"{address}revoke", headers=headers, json={})
