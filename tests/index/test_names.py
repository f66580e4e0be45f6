"""Names that are taken, prohibited, private or in a namespace: what a claim is told, and what it is not."""

from __future__ import annotations

import json

import pytest

from customhouse.accounts.index_flags import SetFlag, set_flag
from customhouse.catalog.namespaces import all_grants
from customhouse.formats.negotiate import JSON
from customhouse.index.delete import Delete
from customhouse.index.namespaces import GrantNamespace, RevokeNamespace, grant_namespace, revoke_namespace
from customhouse.index.new_project import CreateProject, new_project
from customhouse.index.prohibited import Allow, Prohibit, allow, prohibit, prohibited_names
from customhouse.terms.errors import Refused
from neighbours import (
    actor,
    enlist,
    events,
    found_organization,
    found_project,
    join,
    leave,
    refused,
    roles,
    user,
)
from packages import Dist, wheel
from world import Answered, World


def page(world: World, name: str) -> dict[str, object]:
    found: dict[str, object] = world.client.get(f"/simple/{name}/", headers={"accept": JSON}).json()
    return found


def upload(world: World, name: str, who: str = "mallory", dist: Dist | None = None) -> Answered:
    return world.upload(dist or wheel(name), user=who, name=name)


def test_a_private_deleted_prohibited_or_look_alike_name_is_told_in_the_same_words(world: World) -> None:
    """Nobody learns from an upload which names are private here, nor how their owners spell them."""
    found_project(world, "Secret.Plans", visibility="private")
    assert world.upload(wheel("goner"), name="goner").status == 200
    world.app.remove(Delete("goner", typed="goner", by=actor(world, "alice")))
    world.app.do(prohibit, Prohibit("banned", "A trademark."))
    answers = {}
    for name in ("secret-plans", "goner", "banned", "secretp1ans", "g0ner", "banne-d"):
        answer = upload(world, name)
        answers[name] = (answer.status, answer.text.replace(name, "NAME"))
        broken = upload(world, name, dist=Dist(wheel(name).filename, b"no archive at all", "", "bdist_wheel"))
        assert (broken.status, broken.text) == (answer.status, answer.text), "refused before the file is read"
    assert len(set(answers.values())) == 1
    status, text = answers["banned"]
    assert (status, "The name 'NAME' is reserved." in text) == (403, True)


def test_a_token_for_another_project_says_nothing_of_a_private_one(world: World) -> None:
    from customhouse.accounts.tokens import CreateToken  # noqa: PLC0415 - beside its only use

    found_project(world, "Secret.Plans", visibility="private")
    user(world, "mallory")
    world.tokens["mallory"] = world.app.create_token(CreateToken("mallory", "mine")).text
    there, nowhere = upload(world, "secret-plans"), upload(world, "secret-planx")
    assert (there.status, there.text.replace("plans", "planx")) == (nowhere.status, nowhere.text)


def test_inside_a_namespace_and_while_no_names_are_given_out_a_private_name_is_like_a_free_one(world: World) -> None:
    found_organization(world, "acme", "alice")
    found_project(world, "acme-secret", visibility="private")
    found_project(world, "secret-too", visibility="private")
    world.app.do(grant_namespace, GrantNamespace("acme", "acme"))
    answers = [upload(world, name) for name in ("acme-secret", "acme-secreq", "acme-5ecret", "acme-s3cret")]
    assert {answer.status for answer in answers} == {409}
    there, nowhere = answers[0], answers[1]
    assert there.text.replace("acme-secret", "acme-secreq") == nowhere.text
    world.app.do(set_flag, SetFlag("no-new-projects", on=True, reason="we are moving"))
    there, nowhere = upload(world, "secret-too"), upload(world, "secret-toq")
    assert (there.status, there.text) == (nowhere.status, nowhere.text)


def test_a_look_alike_of_a_public_project_is_named(world: World) -> None:
    found_project(world, "demo")
    answer = upload(world, "dem0")
    assert (answer.status, "looks too much like" in answer.text) == (403, True)
    with refused("name-too-similar"):
        found_project(world, "dem0", "bob")
    with refused("name-taken"):
        found_project(world, "Demo", "bob")


def test_the_bytes_of_a_private_file_name_no_private_project(world: World) -> None:
    found_project(world, "secret", visibility="private")
    assert upload(world, "secret", "alice", wheel("secret")).status == 200
    stolen = Dist("mine-1.0-py3-none-any.whl", wheel("secret").body, "", "bdist_wheel")
    answer = upload(world, "mine", dist=stolen)
    assert answer.status == 400
    assert "secret" not in answer.text


def test_a_project_is_made_before_its_first_upload(world: World) -> None:
    made = found_project(world, "Demo", visibility="private")
    assert (made.display, made.visibility, roles(world)) == ("Demo", "private", {"alice": "owner"})
    assert upload(world, "demo", "alice").status == 200
    assert world.client.get("/simple/demo/").status_code == 404
    for name, code in (
        ("os", "name-stdlib"),
        ("requirements-txt", "name-prohibited"),
        ("-x", "bad-name"),
        ("", "bad-name"),
    ):
        with refused(code):
            found_project(world, name)
    with refused("bad-visibility"):
        new_project(world.app.deeds, CreateProject("x", actor(world, "alice"), "hidden"))
    look_alike = new_project(world.app.deeds, CreateProject("reqeusts", actor(world, "alice")))
    assert look_alike.signals == {"look-alike": "requests"}
    found_organization(world, "acme", "carol")
    with refused("unknown-organization"):
        found_project(world, "other", organization="acme")
    enlist(world, "alice", by="carol")
    with refused("not-a-manager"):
        found_project(world, "other", organization="acme")
    assert found_project(world, "other", "carol", organization="acme").organization_id is not None


def test_an_operator_prohibits_and_allows_names(world: World) -> None:
    found_project(world, "demo")
    assert world.app.do(prohibit, Prohibit("Evil.Corp", "A trademark.")) == "evil-corp"
    with world.app.database.read() as sql:
        assert [(one.name, one.reason) for one in prohibited_names(sql)] == [("evil-corp", "A trademark.")]
    for name, code in (
        ("evil_corp", "prohibited-already"), ("ev1lcorp", "looks-taken"), ("demo", "name-in-use"), ("dem0", "looks-taken"),
        ("-", "bad-name"),
    ):  # fmt: skip
        with refused(code):
            world.app.do(prohibit, Prohibit(name, "A trademark."))
    world.app.staging.open("kept", "1.0", actor(world, "alice"))
    with pytest.raises(Refused, match="kept for a first release") as kept:
        world.app.do(prohibit, Prohibit("kept", "A trademark."))
    assert "Cancel the session" in kept.value.accepted
    with refused("no-reason"):
        world.app.do(prohibit, Prohibit("fine", " "))
    with refused("not-an-operator"):
        world.app.do(prohibit, Prohibit("fine", "Mine.", actor(world, "alice")))
    with refused("not-an-operator"):
        world.app.do(allow, Allow("evil-corp", "Mine.", actor(world, "alice")))
    assert world.app.do(allow, Allow("EVIL.corp", "It ended.")) == "evil-corp"
    for name in ("evil-corp", "demo", "never-heard"):
        with refused("not-prohibited"):
            world.app.do(allow, Allow(name, "Why not."))
    found_project(world, "evil-corp", "bob")
    assert [event.kind for event in events(world, "name-")] == ["name-prohibited", "name-allowed"]


def test_the_name_of_a_deleted_project_is_never_allowed_again(world: World) -> None:
    found_project(world, "demo")
    world.app.remove(Delete("demo", typed="demo", by=actor(world, "alice")))
    with refused("not-prohibited"):
        world.app.do(allow, Allow("demo", "Why not."))


def test_pep752_a_new_name_in_a_namespace_is_409_for_everybody_else(world: World) -> None:
    found_organization(world, "acme", "alice")
    enlist(world, "mark", "member")
    enlist(world, "max", "manager")
    world.app.do(grant_namespace, GrantNamespace("Acme", "acme"))
    for name in ("acme", "acme-tool", "Acme.Tool"):
        for who in ("mallory", "mark"):
            answer = upload(world, name, who)
            assert (answer.status, "namespace" in answer.text) == (409, True), (name, who)
            with refused("namespace-reserved"):
                found_project(world, name, who)
    assert upload(world, "acmetool", "mallory").status == 200
    assert upload(world, "acme-box", "max").status == 200
    assert roles(world, "acme-box") == {"alice": "owner", "max": "owner"}, "it belongs to the organization"
    leave_organization(world, "max")
    assert roles(world, "acme-box") == {"alice": "owner"}
    found_organization(world, "other", "alice")
    with refused("namespace-reserved"):
        found_project(world, "acme-hat", "alice", organization="other")
    assert found_project(world, "acme-hat", "alice").organization_id is not None


def leave_organization(world: World, who: str) -> None:
    from customhouse.index.organizations import RemoveMember, remove_member  # noqa: PLC0415 - beside its only use

    world.app.do(remove_member, RemoveMember("acme", by=actor(world, who)))


def test_pep752_what_was_there_before_goes_on_and_is_not_owned(world: World) -> None:
    assert upload(world, "acme-old", "bob").status == 200
    assert page(world, "acme-old")["namespaces"] is None
    found_organization(world, "acme", "alice")
    world.app.do(grant_namespace, GrantNamespace("acme", "acme"))
    assert page(world, "acme-old")["namespaces"] == [{"name": "acme", "owned": False}]
    assert world.upload(wheel("acme-old", "2.0"), user="bob", name="acme-old", version="2.0").status == 200
    assert upload(world, "acme-new", "alice").status == 200
    world.app.do(grant_namespace, GrantNamespace("acme-new", "acme"))
    assert page(world, "acme-new")["namespaces"] == [
        {"name": "acme", "owned": True}, {"name": "acme-new", "owned": True},
    ]  # fmt: skip
    world.app.do(revoke_namespace, RevokeNamespace("acme"))
    assert page(world, "acme-old")["namespaces"] is None
    assert page(world, "acme-new")["namespaces"] == [{"name": "acme-new", "owned": True}]
    assert page(world, "acme-new")["meta"]["api-version"] == "1.5"  # type: ignore[index]
    html = world.client.get("/simple/acme-new/").text
    assert 'name="pypi:repository-version" content="1.4"' in html


def test_a_grant_voids_the_pages_of_every_project_inside_and_of_no_other(world: World) -> None:
    for name in ("acme", "acme-old", "acmeworks"):
        assert upload(world, name, "bob").status == 200
    found_project(world, "acme-hidden", "bob", visibility="private")
    found_organization(world, "org", "alice")
    before = {name: page(world, name)["meta"] for name in ("acme", "acme-old", "acmeworks")}
    world.app.do(grant_namespace, GrantNamespace("acme", "org"))
    after = {name: page(world, name)["meta"] for name in before}
    assert [name for name in before if before[name] != after[name]] == ["acme", "acme-old"]
    changed = events(world, "project-namespace-changed")
    assert [event.project for event in changed] == ["acme", "acme-hidden", "acme-old"]


def test_a_transfer_into_the_organization_makes_a_project_owned(world: World) -> None:
    from customhouse.index.transfer import TransferToOrganization, transfer_to_organization  # noqa: PLC0415 - as above

    assert upload(world, "acme-old", "alice").status == 200
    found_organization(world, "acme", "alice")
    world.app.do(grant_namespace, GrantNamespace("acme", "acme"))
    world.app.do(
        transfer_to_organization,
        TransferToOrganization("acme-old", "acme", "acme-old", by=actor(world, "alice")),
    )
    assert page(world, "acme-old")["namespaces"] == [{"name": "acme", "owned": True}]


def test_grants_of_different_organizations_never_overlap(world: World) -> None:
    found_organization(world, "acme", "alice")
    found_organization(world, "other", "bob")
    world.app.do(grant_namespace, GrantNamespace("foo.bar", "acme"))
    for prefix in ("foo", "foo-bar", "FOO_BAR", "foo-bar-baz"):
        with refused("namespace-overlaps"):
            world.app.do(grant_namespace, GrantNamespace(prefix, "other"))
    world.app.do(grant_namespace, GrantNamespace("foobar", "other"))
    world.app.do(grant_namespace, GrantNamespace("foo", "acme"))
    with refused("namespace-granted"):
        world.app.do(grant_namespace, GrantNamespace("foo", "acme"))
    with refused("namespace-too-deep"):
        world.app.do(grant_namespace, GrantNamespace("a-b-c-d-e", "acme"))
    with refused("bad-name"):
        world.app.do(grant_namespace, GrantNamespace("-x", "acme"))
    with refused("unknown-organization"):
        world.app.do(grant_namespace, GrantNamespace("x", "nowhere"))
    with refused("not-an-operator"):
        world.app.do(grant_namespace, GrantNamespace("x", "other", actor(world, "bob")))
    with refused("no-such-namespace"):
        world.app.do(revoke_namespace, RevokeNamespace("x"))
    with world.app.database.read() as sql:
        assert [(one.prefix, one.organization) for one in all_grants(sql)] == [
            ("foo", "acme"), ("foo-bar", "acme"), ("foobar", "other"),
        ]  # fmt: skip
    assert json.loads(events(world, "namespace-granted")[0].body) == {"prefix": "foo-bar", "organization": "acme"}


def test_pep752_the_two_addresses_say_what_is_granted(world: World) -> None:
    found_organization(world, "acme", "alice")
    assert world.client.get("/namespaces").json() == []
    for prefix in ("foo", "foo-bar", "foo-bar-baz"):
        world.app.do(grant_namespace, GrantNamespace(prefix, "acme"))
    found_project(world, "foo-secret", visibility="private", organization="acme")
    listing = world.client.get("/namespaces")
    assert listing.json() == [{"name": "foo"}, {"name": "foo-bar"}, {"name": "foo-bar-baz"}]
    assert listing.headers["content-type"] == JSON
    assert world.client.get("/namespace/foo").json() == {
        "name": "foo", "parent": None, "children": ["foo-bar"], "owner": "acme",
    }  # fmt: skip
    detail = world.client.get("/namespace/foo-bar")
    assert detail.json() == {"name": "foo-bar", "parent": "foo", "children": ["foo-bar-baz"], "owner": "acme"}
    again = world.client.get("/namespace/foo-bar", headers={"if-none-match": detail.headers["etag"]})
    assert again.status_code == 304
    moved = world.client.get("/namespace/Foo.Bar", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (301, "/namespace/foo-bar")
    for text in ("nothing", "%2e%2e", "%00", "x" * 500):
        assert world.client.get(f"/namespace/{text}", follow_redirects=False).status_code in (400, 404), text


def test_a_maintainer_who_left_an_organization_uploads_nothing_there(world: World) -> None:
    found_organization(world, "acme", "alice")
    found_project(world, "demo", organization="acme")
    join(world, "bob", "maintainer")
    assert upload(world, "demo", "bob").status == 200
    leave(world, "bob")
    assert world.upload(wheel(version="1.1"), user="bob", version="1.1").status == 403
