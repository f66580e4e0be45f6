"""The pages of people, organizations and names, walked as people do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from customhouse.ledger import queries as ledger
from packages import wheel
from person import Person
from world import World


def kinds(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return [entry.kind for entry in ledger.entries(sql)]


def invitation_of(person: Person) -> str:
    """The number of the newest invitation on somebody's page."""
    found = re.search(r'action="/account/invitations/(\d+)/accept/"', person.get("/account/invitations/").text)
    assert found, "there is no open invitation"
    return found[1]


def post(person: Person, address: str, /, **fields: str) -> int:
    answer = person.post(address, **fields)
    return answer.status_code


@pytest.fixture
def alice(world: World) -> Person:
    person = world.person("alice")
    assert world.upload(wheel()).status == 200
    return person


def test_somebody_is_invited_accepts_uploads_and_leaves(world: World, alice: Person) -> None:
    bob = world.person("bob")
    assert post(alice, "/manage/project/demo/people/invite/", who="bob", role="maintainer") == 303
    assert "bob" in alice.get("/manage/project/demo/people/").text
    assert world.upload(wheel(version="1.1"), user="bob", version="1.1").status == 403
    page = bob.get("/account/invitations/").text
    assert "Be maintainer of the project demo" in page
    assert post(bob, f"/account/invitations/{invitation_of(bob)}/accept/") == 303
    assert world.upload(wheel(version="1.1"), user="bob", version="1.1").status == 200
    assert bob.get("/manage/project/demo/people/").status_code == 200
    assert post(bob, "/manage/project/demo/people/invite/", who="alice", role="owner") == 403
    assert post(bob, "/manage/project/demo/people/leave/") == 303
    assert world.upload(wheel(version="1.2"), user="bob", version="1.2").status == 403
    assert bob.get("/manage/project/demo/people/").status_code == 403
    assert [kind for kind in kinds(world) if kind.startswith(("invitation", "role"))] == [
        "invitation-made", "invitation-accepted", "role-changed", "role-removed",
    ]  # fmt: skip


def test_an_organization_with_a_team_is_made_in_the_browser(world: World, alice: Person) -> None:
    bob = world.person("bob")
    assert post(alice, "/manage/new-organization/", name="Acme", display="Acme Works") == 303
    home = "/manage/organization/Acme/"
    assert "Acme Works" in alice.get(home).text
    assert bob.get(home).status_code == 404
    assert post(alice, f"{home}people/invite/", who="bob", role="member") == 303
    assert post(bob, f"/account/invitations/{invitation_of(bob)}/accept/") == 303
    assert bob.get(f"{home}people/").status_code == 200
    assert post(alice, "/manage/new/", name="acme-tool", visibility="private", organization="Acme") == 303
    assert world.upload(wheel("acme-tool"), user="bob", name="acme-tool").status == 403
    assert post(alice, f"{home}teams/", team="Builders") == 303
    assert post(alice, f"{home}teams/Builders/members/", user="bob") == 303
    assert post(alice, f"{home}teams/Builders/projects/", project="acme-tool", role="maintainer") == 303
    for page in ("", "people/", "teams/", "teams/builders/", "settings/"):
        assert alice.get(f"{home}{page}").status_code == 200, page
    assert world.upload(wheel("acme-tool"), user="bob", name="acme-tool").status == 200
    assert post(bob, f"{home}leave/") == 303
    assert world.upload(wheel("acme-tool", "1.1"), user="bob", name="acme-tool", version="1.1").status == 403
    assert bob.get(home).status_code == 404
    assert post(alice, f"{home}teams/Builders/projects/", project="acme-tool", role="") == 303
    assert post(alice, f"{home}teams/Builders/remove/") == 303
    assert post(alice, f"{home}settings/", display="Acme") == 303
    assert post(alice, f"{home}leave/") == 409


def test_a_transfer_shows_who_loses_access_and_wants_the_name(world: World, alice: Person) -> None:
    bob = world.person("bob")
    post(alice, "/manage/project/demo/people/invite/", who="bob", role="owner")
    post(bob, f"/account/invitations/{invitation_of(bob)}/accept/")
    post(alice, "/manage/new-organization/", name="acme")
    page = alice.get("/manage/project/demo/transfer/?organization=acme").text
    assert ">bob<" in page
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert seen
    fields = {"organization": "acme", "seen": seen[1]}
    assert post(alice, "/manage/project/demo/transfer/", typed="dem", **fields) == 400
    assert post(alice, "/manage/project/demo/transfer/", typed="demo", organization="acme", seen="") == 409
    assert post(alice, "/manage/project/demo/transfer/", typed="Demo", **fields) == 303
    assert bob.get("/manage/project/demo/people/").status_code == 403
    assert "acme" in alice.get("/manage/project/demo/people/").text
    assert alice.get("/manage/project/demo/transfer/?person=bob").status_code == 200
    assert post(alice, "/manage/project/demo/transfer/", typed="demo", person="bob") == 303
    assert post(bob, f"/account/invitations/{invitation_of(bob)}/accept/") == 303
    assert alice.get("/manage/project/demo/people/").status_code == 403
    assert bob.get("/manage/project/demo/people/").status_code == 200


def test_the_people_of_a_strange_organization_are_not_shown_by_a_transfer(world: World, alice: Person) -> None:
    bob = world.person("bob")
    post(bob, "/manage/new-organization/", name="secret")
    there = alice.get("/manage/project/demo/transfer/?organization=secret")
    nowhere = alice.get("/manage/project/demo/transfer/?organization=secrex")
    assert there.status_code == nowhere.status_code == 404
    assert there.text.replace("secret", "secrex") == nowhere.text


def test_a_project_is_hidden_and_shown_again(world: World, alice: Person) -> None:
    assert alice.get("/manage/project/demo/visibility/").status_code == 200
    assert post(alice, "/manage/project/demo/visibility/", visibility="private", typed="x") == 400
    assert post(alice, "/manage/project/demo/visibility/", visibility="private", typed="demo") == 303
    assert world.client.get("/simple/demo/").status_code == 404
    assert "demo" not in world.client.get("/simple/").text
    assert alice.get("/manage/project/demo/visibility/").status_code == 200
    assert post(alice, "/manage/project/demo/visibility/", visibility="public", typed="demo") == 303
    assert world.client.get("/simple/demo/").status_code == 200
    assert "demo" in world.client.get("/simple/").text


def test_dangerous_doors_want_the_password_again(world: World, alice: Person) -> None:
    world.person("bob")
    world.clock.turn(timedelta(seconds=world.app.settings.proof_seconds + 1))
    for address, fields in (
        ("people/invite/", {"who": "bob", "role": "owner"}), ("transfer/", {"person": "bob", "typed": "demo"}),
        ("visibility/", {"visibility": "private", "typed": "demo"}), ("people/alice/role/", {"role": "maintainer"}),
    ):  # fmt: skip
        answer = alice.post(f"/manage/project/demo/{address}", **fields)
        assert answer.headers["location"].startswith("/account/again/"), address


def test_an_operator_keeps_names_namespaces_and_limits(world: World, alice: Person) -> None:
    olga = world.operator()
    post(alice, "/manage/new-organization/", name="acme")
    assert post(olga, "/admin/names/prohibit/", name="Evil.Corp", reason="A trademark.") == 303
    assert post(olga, "/admin/namespaces/grant/", prefix="Acme", organization="acme") == 303
    page = olga.get("/admin/names/").text
    assert "evil-corp" in page
    assert "A trademark." in page
    assert 'name="prefix" value="acme"' in page
    assert post(olga, "/admin/quotas/", project="demo", file_size="2 GB", project_size="") == 409
    assert post(olga, "/admin/quotas/", project="demo", file_size="", project_size="50 GB", reason="Models.") == 303
    assert "50.0 GB" in olga.get("/admin/quotas/").text
    assert "50.0 GB" in alice.get("/manage/project/demo/").text
    assert world.upload(wheel("evil-corp"), name="evil-corp").status == 403
    assert post(olga, "/admin/names/allow/", name="evil-corp", reason="It ended.") == 303
    assert world.upload(wheel("evil-corp"), name="evil-corp").status == 200
    assert post(olga, "/admin/namespaces/revoke/", prefix="acme") == 303
    assert alice.get("/admin/names/").status_code == 403
    assert post(alice, "/admin/names/prohibit/", name="x", reason="y") == 403
