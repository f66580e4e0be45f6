"""Releases that are made ready: through the legacy upload, by trusted publishers, and how they look on their stage."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from starlette.testclient import TestClient

from clock import TurnableClock
from customhouse.accounts.tables import api_token
from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import Freeze, find_user, freeze
from customhouse.catalog.queries import find_project
from customhouse.catalog.staged import files_of_session, find_session, ongoing_sessions
from customhouse.catalog.staged_tables import approval
from customhouse.catalog.tables import organization_member, project_role
from customhouse.index.namespaces import GrantNamespace, grant_namespace
from customhouse.index.organizations import CreateOrganization, create_organization
from customhouse.index.quarantine_by_hand import (
    QuarantineProject,
    QuarantineRelease,
    order_project_quarantine,
    order_release_quarantine,
)
from customhouse.index.staging.expire import expire_sessions
from customhouse.index.transfer import TransferToOrganization, transfer_to_organization
from customhouse.infra.logs import configure_logs
from customhouse.infra.sweep_marks import mark
from customhouse.ledger import queries as ledger
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused
from customhouse.terms.scope import scope_for
from customhouse.trust.tables import trusted_publisher
from customhouse.work import run_due_job
from packages import sdist, wheel
from publishing import PublishingWorld, publishing_world
from staging import Body, Stager, path_of, sweep_all
from world import Answered, World, upload

JSON = {"accept": "application/vnd.pypi.simple.v1+json"}


def stage_only(world: World, user: str = "alice") -> str:
    world.user(user)
    return world.app.create_token(CreateToken(user, scope=scope_for(actions=["stage"]))).text


def send(world: World, token: str, dist: object = None, version: str = "1.0") -> Answered:
    return upload(world.client, token, dist or wheel(version=version), name="demo", version=version)  # type: ignore[arg-type]


def in_person(world: World, user: str, session_id: str) -> None:
    """Somebody publishes in a browser."""
    with world.app.database.read() as sql:
        actor = find_user(sql, user).actor
    world.app.staging.publish(session_id, actor)
    world.app.renderer.render_after_commit("demo")


def id_of(session: Body) -> str:
    return path_of(session["links"]["session"]).split("/")[-2]


def test_a_legacy_upload_that_must_wait_becomes_a_file_of_a_session(world: World) -> None:
    token = stage_only(world)
    first = send(world, token)
    assert first.status == 202, first.text
    assert "waits for people" in first.text
    with world.app.database.read() as sql:
        (session,) = ongoing_sessions(sql, "demo")
        files = files_of_session(sql, session.id)
    assert f"/manage/project/demo/staged/{session.id}/" in first.text
    assert (session.protocol, [one["code"] for one in session.reasons]) == ("legacy", ["stages-only"])
    assert [(one.filename, one.state, one.mechanism) for one in files] == [(wheel().filename, "completed", "legacy")]
    assert world.client.get("/simple/demo/").status_code == 404
    assert send(world, token).status == 202, "the same bytes again are no fault"
    other = send(world, token, wheel(files={"demo/x.py": b"x"}))
    assert (other.status, other.text.startswith("File already exists")) == (400, True)
    assert send(world, token, sdist()).status == 202
    alice = Stager(world.client, world.user())
    unattended = alice.ask("POST", f"/upload/sessions/{session.id}/publish/")
    assert (unattended.status_code, unattended.json()["code"]) == (409, "needs-approval")
    in_person(world, "alice", session.id)
    page = world.client.get("/simple/demo/", headers=JSON).json()
    assert len(page["files"]) == 2
    assert send(world, token).status == 200, "it is published, with the same bytes"
    assert send(world, token, wheel(tag="py2-none-any")).status == 202


def test_a_legacy_upload_joins_the_session_that_is_there(small_world: World) -> None:
    alice = Stager(small_world.client, small_world.user())
    session = alice.session()
    alice.add(session, sdist())
    pending = alice.announce(session, wheel(tag="py2-none-any")).json()
    token = stage_only(small_world)
    assert send(small_world, token).status == 202
    assert send(small_world, token, wheel(tag="py2-none-any")).status == 409, "it is on its way already"
    alice.complete(pending)
    assert send(small_world, token, wheel(tag="py2-none-any")).status == 202, "what failed makes room"
    assert {one["status"] for one in alice.status(session)["files"].values()} == {"completed"}
    in_person(small_world, "alice", id_of(session))


def test_somebody_elses_token_stages_nothing(small_world: World) -> None:
    assert small_world.upload(wheel(version="0.1"), version="0.1").status == 200
    assert send(small_world, stage_only(small_world, "bob")).status == 403
    alice = stage_only(small_world)
    assert send(small_world, alice).status == 202
    with small_world.app.database.write() as sql:
        sql.execute(project_role.delete())
    assert send(small_world, alice, sdist()).status == 403


def test_the_stage_is_a_simple_repository_of_one_release(small_world: World) -> None:
    world = small_world
    alice = Stager(world.client, world.user())
    session = alice.session("De.mo", "1.0")
    dist = wheel("De.mo", "1.0", headers={"Requires-Python": ">=3.8"})
    alice.add(session, dist)
    stage = path_of(session["links"]["stage"])
    listing = world.client.get(stage, headers=JSON)
    assert [one["name"] for one in listing.json()["projects"]] == ["De.mo"]
    page = world.client.get(f"{stage}de-mo/", headers=JSON)
    for answer in (listing, page):
        assert answer.headers["cache-control"] == "no-store"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert answer.headers["vary"] == "Accept"
    (file,) = page.json()["files"]
    assert page.json()["versions"] == ["1.0"]
    assert (file["filename"], file["hashes"]["sha256"]) == (dist.filename, dist.sha256)
    assert (file["requires-python"], file["size"], file["yanked"]) == (">=3.8", len(dist.body), False)
    html = world.client.get(f"{stage}de-mo/")
    assert f"#sha256={dist.sha256}" in html.text
    assert f'data-core-metadata="sha256={file["core-metadata"]["sha256"]}"' in html.text
    files = stage.replace("/simple/", "/files/")
    got = world.client.get(f"{files}{dist.filename}")
    assert (got.content, got.headers["cache-control"]) == (dist.body, "no-store")
    assert world.client.get(f"{files}{dist.filename}.metadata").text == dist.metadata
    assert world.client.get(f"{stage}De.mo/", follow_redirects=False).headers["location"].endswith("/de-mo/")
    assert world.client.get(f"{stage}de-mo", follow_redirects=False).status_code == 301
    for elsewhere in (f"{stage}other/", f"{files}other-1.0-py3-none-any.whl", f"{files}{dist.filename}.asc"):
        assert world.client.get(elsewhere).status_code == 404
    assert world.client.get(f"{stage}de-mo/", headers={"accept": "image/png"}).status_code == 406
    assert world.client.get(f"/files/de-mo/{dist.filename}").status_code == 404
    alice.ask("DELETE", session["links"]["session"])
    assert world.client.get(stage).status_code == 404
    assert world.client.get(f"{files}{dist.filename}").status_code == 404


def test_a_quarantined_project_has_no_stage(small_world: World) -> None:
    assert small_world.upload(wheel(version="0.1"), version="0.1").status == 200
    alice = Stager(small_world.client, small_world.user())
    session = alice.session()
    alice.add(session, wheel())
    stage = path_of(session["links"]["stage"])
    assert small_world.client.get(stage).status_code == 200
    small_world.app.do(order_project_quarantine, QuarantineProject("demo", reason="malware"))
    assert small_world.client.get(stage).status_code == 404
    assert small_world.client.get(stage.replace("/simple/", f"/files/{wheel().filename}")).status_code == 404
    assert alice.publish(session).status_code == 403
    assert alice.ask("DELETE", session["links"]["session"]).status_code == 204


def test_a_sweep_that_came_between_is_noticed_and_the_bytes_are_put_again(small_world: World) -> None:
    alice = Stager(small_world.client, small_world.user())
    session = alice.session()
    with small_world.app.database.write() as sql:
        mark(sql, wheel().sha256, small_world.clock.now())
    file = alice.announce(session, wheel()).json()
    assert alice.post_bytes(file, wheel().body).status_code == 503
    small_world.app.sweep()
    assert alice.post_bytes(file, wheel().body).status_code == 200
    assert alice.complete(file).status_code == 201
    assert alice.publish(session).status_code == 201


def test_every_step_that_counts_is_in_the_ledger(small_world: World) -> None:
    alice = Stager(small_world.client, small_world.user())
    gone = alice.session("demo", "0.9")
    alice.ask("DELETE", gone["links"]["session"])
    session = alice.session()
    file = alice.add(session, sdist())
    alice.ask("DELETE", file["links"]["file-upload-session"])
    alice.add(session, wheel())
    alice.publish(session)
    with small_world.app.database.read() as sql:
        kinds = [entry.kind for entry in ledger.entries(sql)]
    assert kinds[kinds.index("session-opened") :] == [
        "session-opened", "session-canceled", "session-opened", "file-staged", "staged-file-removed", "file-staged",
        "project-created", "release-created", "file-uploaded", "release-published",
    ]  # fmt: skip


@pytest.fixture
def forge(small_world: World, clock: TurnableClock) -> Iterator[PublishingWorld]:
    with publishing_world(small_world.app.settings, clock) as made:
        yield made


def test_a_pending_publisher_makes_the_first_release_and_its_person_owns_the_project(forge: PublishingWorld) -> None:
    forge.await_project("demo-new")
    client = forge.world.client
    build = Stager(client, forge.minted())
    session = build.session("demo-new")
    build.add(session, wheel("demo-new"))
    forge.person("bob")
    bob, alice = Stager(client, forge.world.tokens["bob"]), Stager(client, forge.world.tokens["alice"])
    assert bob.open("demo-new", "2.0").status_code == 403
    assert bob.ask("GET", session["links"]["session"]).status_code == 403
    assert alice.ask("GET", session["links"]["session"]).status_code == 200
    assert build.open("another").status_code == 403, "a machine makes no names but its own"
    alice.add(session, sdist("demo-new"))
    published = build.publish(session)
    assert published.status_code == 201, published.text
    assert len(client.get("/simple/demo-new/", headers=JSON).json()["files"]) == 2
    assert alice.open("demo-new", "3.0").status_code == 201


def test_a_person_publishes_what_a_pending_publisher_has_staged(forge: PublishingWorld) -> None:
    forge.await_project("demo-new")
    build = Stager(forge.world.client, forge.minted())
    session = build.session("demo-new")
    build.add(session, wheel("demo-new"))
    alice = Stager(forge.world.client, forge.world.tokens["alice"])
    assert alice.publish(session).status_code == 201
    assert build.open("demo-new", "2.0").status_code in (201, 403)


def test_a_publisher_that_only_stages_leaves_publishing_to_people(forge: PublishingWorld) -> None:
    forge.project("demo")
    forge.trust("demo", stages_only=True)
    build = Stager(forge.world.client, forge.minted())
    session = build.session()
    build.add(session, wheel())
    refused = build.publish(session)
    assert (refused.status_code, refused.json()["code"]) == (409, "needs-approval")
    assert "alice" in refused.json()["approvers"]
    assert refused.json()["page"].endswith(f"/staged/{session['links']['session'].split('/')[-2]}/")
    unattended = Stager(forge.world.client, forge.world.tokens["alice"]).publish(session)
    assert (unattended.status_code, unattended.json()["code"]) == (409, "needs-approval")
    in_person(forge.world, "alice", id_of(session))


def test_time_turns_no_name_loose_while_its_release_is_being_made(small_world: World) -> None:
    alice, bob = (Stager(small_world.client, small_world.user(name)) for name in ("alice", "bob"))
    one, two = alice.session("demo", "1.0"), alice.session("demo", "2.0")
    alice.ask("DELETE", one["links"]["session"])
    assert bob.open("demo").status_code == 403, "another release of it is being made"
    small_world.clock.turn(timedelta(days=13))
    assert bob.open("demo").status_code == 403
    alice.ask("DELETE", two["links"]["session"])
    assert bob.open("demo").status_code == 201


def test_a_file_in_parts_is_joined_and_served_from_every_store(world: World) -> None:
    alice = Stager(world.client, world.user())
    session = alice.session()
    dist, half = wheel(), len(wheel().body) // 2
    file = alice.announce(session, dist, mechanism="vnd-customhouse-parts").json()
    for begin in (half, 0):
        assert alice.put_part(file, begin, dist.body[begin : begin + half + 1 if begin else half]).status_code == 204
    assert alice.complete(file).status_code == 201
    files = path_of(session["links"]["stage"]).replace("/simple/", "/files/")
    assert world.download(f"{files}{dist.filename}").content == dist.body
    assert world.download(f"{files}{dist.filename}.metadata").text == dist.metadata
    assert sweep_all(world) == 2, "the parts, which nobody needs any more"
    assert alice.publish(session).status_code == 201
    assert world.download(f"/files/demo/{dist.filename}").content == dist.body


@pytest.mark.parametrize(
    ("offset", "size", "status"),
    [(0, 401, 204), (0, 501, 409), (0, None, 409), (499, 2, 409), (550, 10, 409), (599, 2, 409), (500, 50, 204),
     (500, 100, 204), (500, 101, 204), (500, 301, 409), (600, 201, 409), (600, 200, 204), (799, 1, 204), (1, 499, 204)],
)  # fmt: skip
def test_parts_do_not_overlap_so_that_they_are_never_more_than_was_announced(
    small_world: World, offset: int, size: int | None, status: int
) -> None:
    alice = Stager(small_world.client, small_world.user())
    session, body = alice.session(), wheel().body
    file = alice.announce(session, wheel(), mechanism="vnd-customhouse-parts").json()
    for begin, end in ((500, 600), (800, len(body))):
        assert alice.put_part(file, begin, body[begin:end]).status_code == 204
    answer = alice.put_part(file, offset, body[offset : offset + size if size else len(body)])
    assert answer.status_code == status, answer.text
    there = alice.ask("GET", file["mechanism"]["parts_url"]).json()["parts"]
    assert sum(one["size"] for one in there) <= len(body)
    assert all(one["offset"] + one["size"] <= two["offset"] for one, two in pairwise(there))


def test_an_organization_holds_what_its_managers_make(small_world: World) -> None:
    """It is named when the session is made, or it has the namespace; all its managers may go on with the release."""
    world = small_world
    with_people(world, "guild", owner="alice", manager="bob")
    world.app.do(grant_namespace, GrantNamespace("corp", "guild"))
    alice, bob, carol = (Stager(world.client, world.user(name)) for name in ("alice", "bob", "carol"))
    assert carol.open("corp-tool").status_code == 409, "it is in somebody's namespace"
    asked = {"meta": {"api-version": "2.0", "_customhouse": {"organization": "guild"}}}
    assert carol.open("tool", "1.0", **asked).status_code == 403
    for name, wish in (("corp-tool", {}), ("tool", asked)):
        opened = alice.open(name, "1.0", **wish)
        assert opened.status_code == 201, opened.text
        session = opened.json()
        bob.add(session, wheel(name))
        assert carol.ask("GET", session["links"]["session"]).status_code == 403
        assert bob.publish(session).status_code == 201
    with world.app.database.read() as sql:
        assert {find_project(sql, name).organization_id for name in ("corp-tool", "tool")} == {1}  # type: ignore[union-attr]


def with_people(world: World, organization: str, *, owner: str, manager: str) -> None:
    """An organization with an owner and a manager."""
    for name in (owner, manager):
        world.user(name)
    with world.app.database.read() as sql:
        head = find_user(sql, manager)
    world.app.do(create_organization, CreateOrganization(organization, owner=owner))
    with world.app.database.write() as sql:
        sql.execute(organization_member.insert().values(organization_id=1, account_id=head.id, role="manager"))


def test_no_upload_token_publishes_what_one_that_only_stages_has_sent(world: World) -> None:
    """CI joins the session it finds, as PEP 694 says: what a thief has put there must not go out with it."""
    assert world.upload(wheel(version="0.1"), version="0.1").status == 200
    thief = Stager(world.client, stage_only(world))
    session = thief.session()
    evil = thief.add(session, wheel(files={"demo/evil.py": b"evil"}))
    build = Stager(world.client, world.user())
    found = build.open()
    assert (found.status_code, found.headers["location"]) == (409, session["links"]["session"])
    build.add(session, sdist())
    refused = build.publish(session)
    assert (refused.status_code, refused.json()["code"]) == (409, "needs-approval")
    assert "in a browser" in refused.json()["detail"]
    assert build.ask("DELETE", evil["links"]["file-upload-session"]).status_code == 204
    assert build.publish(session).status_code == 201


@pytest.mark.parametrize("mechanism", ["http-post-bytes", "vnd-customhouse-parts"])
def test_whoever_only_stages_is_known_by_the_bytes_whoever_announced_and_completed_them(
    small_world: World, mechanism: str
) -> None:
    alice, dist = Stager(small_world.client, small_world.user()), wheel()
    thief = Stager(small_world.client, stage_only(small_world))
    session = alice.session()
    file = alice.announce(session, dist, mechanism=mechanism).json()
    if mechanism == "http-post-bytes":
        assert thief.post_bytes(file, dist.body).status_code == 200
    else:
        assert thief.put_part(file, 0, dist.body[:100]).status_code == 204
        assert alice.put_part(file, 100, dist.body[100:]).status_code == 204
    assert alice.complete(file).status_code == 201
    with small_world.app.database.read() as sql:
        found = find_session(sql, id_of(session))
    assert found is not None
    assert [one["code"] for one in found.reasons] == ["stages-only"]
    assert alice.publish(session).json()["code"] == "needs-approval"


def test_the_worker_finds_that_a_large_file_came_from_who_only_stages(small_world: World) -> None:
    world = small_world
    thief = Stager(world.client, stage_only(world))
    world.app.staging.policy = replace(world.app.staging.policy, deferred_bytes=0)
    session = thief.session()
    file = thief.announce(session, wheel()).json()
    assert thief.post_bytes(file, wheel().body).status_code == 200
    assert thief.complete(file).status_code == 202
    while run_due_job(world.app):
        pass
    with world.app.database.read() as sql:
        found = find_session(sql, id_of(session))
    assert found is not None
    assert [one["code"] for one in found.reasons] == ["stages-only"]


def let_in(world: World, user: str) -> None:
    """Make somebody a maintainer of demo."""
    world.user(user)
    with world.app.database.write() as sql:
        demo = find_project(sql, "demo")
        assert demo is not None
        who = find_user(sql, user).id
        sql.execute(project_role.insert().values(project_id=demo.id, account_id=who, role="maintainer"))


@pytest.mark.parametrize("what", ["removed", "frozen", "revoked", "came back"])
def test_nobody_publishes_for_who_could_not_himself_any_more(small_world: World, what: str) -> None:
    world = small_world
    assert world.upload(wheel(version="0.1"), version="0.1").status == 200
    let_in(world, "bob")
    with world.app.database.read() as sql:
        bob_id = find_user(sql, "bob").id
    alice, bob = (Stager(world.client, world.user(name)) for name in ("alice", "bob"))
    session = alice.session()
    alice.add(session, sdist())
    theirs = bob.add(session, wheel())
    if what == "removed":
        with world.app.database.write() as sql:
            sql.execute(project_role.delete().where(project_role.c.account_id == bob_id))
    if what in ("frozen", "came back"):
        world.app.do(freeze, Freeze("bob", "stolen"))
    if what == "came back":
        world.app.do(freeze, Freeze("bob", "it is hers again", thaw=True))
    if what == "revoked":
        with world.app.database.write() as sql:
            sql.execute(api_token.update().where(api_token.c.account_id == bob_id).values(revoked_at=world.clock.now()))
    answer = alice.publish(session)
    if what == "came back":
        assert answer.status_code == 201
        return
    assert (answer.status_code, answer.json()["code"]) == (409, "sender-gone")
    assert wheel().filename in answer.json()["detail"]
    assert sdist().filename not in answer.json()["detail"]
    with pytest.raises(Refused, match="not publish here any more"):
        in_person(world, "alice", id_of(session))
    assert alice.ask("DELETE", theirs["links"]["file-upload-session"]).status_code == 204
    assert alice.publish(session).status_code == 201


def test_nobody_founds_a_project_with_files_of_who_may_not_found_it(forge: PublishingWorld) -> None:
    """The publisher that was to found it was removed while its files wait."""
    awaited = forge.await_project("demo-new")
    build, alice = (Stager(forge.world.client, token) for token in (forge.minted(), forge.world.tokens["alice"]))
    session = alice.session("demo-new")
    build.add(session, wheel("demo-new"))
    with forge.app.database.write() as sql:
        gone = trusted_publisher.update().where(trusted_publisher.c.id == awaited.id)
        sql.execute(gone.values(removed_at=forge.clock.now()))
    answer = alice.publish(session)
    assert (answer.status_code, answer.json()["code"]) == (409, "sender-gone")


def test_a_transfer_ends_the_releases_that_are_being_made(small_world: World) -> None:
    world = small_world
    assert world.upload(wheel(version="0.1"), version="0.1").status == 200
    with_people(world, "guild", owner="alice", manager="bob")
    alice = Stager(world.client, world.user())
    session = alice.session()
    alice.add(session, wheel())
    world.app.do(transfer_to_organization, TransferToOrganization("demo", "guild", typed="demo"))
    assert alice.status(session)["status"] == "canceled"
    assert alice.publish(session).status_code == 409
    assert alice.open().status_code == 201


@pytest.mark.parametrize(
    "seconds", [86_400 * 999_999_999 + 1, 86_400_000_000_000, 10**15, 2**53 - 1, 2**53, 10**30, -(10**15)]
)
def test_no_number_of_seconds_is_too_much(small_world: World, seconds: int) -> None:
    alice = Stager(small_world.client, small_world.user())
    session = alice.session()
    small_world.clock.turn(timedelta(days=10))
    answer = alice.ask("POST", session["links"]["extend"], **{"extend-for": seconds})
    assert answer.status_code == (200 if 0 < seconds < 2**53 else 400), answer.text
    if answer.status_code == 200:
        assert answer.json()["expires-at"] > session["expires-at"]


def test_a_session_without_files_publishes_no_release(small_world: World) -> None:
    alice = Stager(small_world.client, small_world.user())
    assert small_world.upload(wheel(version="0.1"), version="0.1").status == 200
    session = alice.session("demo", "99.0")
    assert alice.publish(session).status_code == 201
    with small_world.app.database.read() as sql:
        assert "release-published" not in [entry.kind for entry in ledger.entries(sql)]


def test_the_stage_offers_nothing_of_a_frozen_account(small_world: World) -> None:
    world = small_world
    assert world.upload(wheel(version="0.1"), version="0.1").status == 200
    let_in(world, "bob")
    alice, bob = (Stager(world.client, world.user(name)) for name in ("alice", "bob"))
    session = alice.session()
    bob.add(session, wheel())
    stage = path_of(session["links"]["stage"])
    file = stage.replace("/simple/", f"/files/{wheel().filename}")
    assert world.client.get(file).status_code == 200
    world.app.do(freeze, Freeze("bob", "stolen"))
    for address in (stage, f"{stage}demo/", file, f"{file}.metadata"):
        assert world.client.get(address).status_code == 404, address
    alice.add(session, sdist())
    listed = world.client.get(f"{stage}demo/", headers=JSON).json()["files"]
    assert [one["filename"] for one in listed] == [sdist().filename]
    assert world.client.get(file).status_code == 404


def test_a_release_that_is_quarantined_has_no_stage(small_world: World) -> None:
    world = small_world
    assert world.upload(wheel()).status == 200
    alice = Stager(world.client, world.user())
    session = alice.session()
    alice.add(session, sdist())
    stage = path_of(session["links"]["stage"])
    assert world.client.get(stage).status_code == 200
    world.app.do(order_release_quarantine, QuarantineRelease("demo", "1.0", reason="malware"))
    assert world.client.get(stage).status_code == 404
    assert world.client.get(stage.replace("/simple/", f"/files/{sdist().filename}")).status_code == 404


def test_what_keys_have_signed_of_a_published_release_is_kept(small_world: World) -> None:
    world = small_world
    alice = Stager(world.client, world.user())
    gone, kept = alice.session("demo", "0.9"), alice.session()
    alice.add(gone, wheel(version="0.9"))
    alice.add(kept, wheel())
    with world.app.database.write() as sql:
        for one in (gone, kept):
            sql.execute(
                approval.insert().values(
                    session_id=id_of(one), account_id=1, manifest="0" * 64, method="webauthn", evidence={"said": "yes"},
                    approved_at=world.clock.now(),
                )
            )  # fmt: skip
    assert alice.publish(kept).status_code == 201
    alice.ask("DELETE", gone["links"]["session"])
    world.clock.turn(timedelta(days=400))
    expire_sessions(world.app.deeds)
    with world.app.database.read() as sql:
        assert find_session(sql, id_of(gone)) is None
        assert [row.session_id for row in sql.execute(approval.select())] == [id_of(kept)]
        assert [one.digest for one in files_of_session(sql, id_of(kept))] == [wheel().sha256]
    assert sweep_all(world) == 2, "what was canceled"


def test_a_legacy_upload_counts_among_the_files_of_its_session(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("customhouse.index.staging.add_file.MOST_FILES", 2)
    token = stage_only(small_world)
    assert [send(small_world, token, one).status for one in (sdist(), wheel())] == [202, 202]
    assert send(small_world, token, wheel(tag="py2-none-any")).status == 409
    assert send(small_world, token, wheel()).status == 202, "it is here already"


def test_no_log_tells_the_address_of_a_stage(
    broken_world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An object is lost from the store: the fault is logged with the address that was asked for."""
    alice = Stager(broken_world.client, broken_world.user())
    session = alice.session()
    alice.add(session, wheel())
    logger = logging.getLogger("customhouse")
    for name in ("handlers", "level", "propagate"):
        monkeypatch.setattr(logger, name, list(logger.handlers) if name == "handlers" else getattr(logger, name))
    configure_logs("info")
    broken_world.app.blobs.delete(Digest(wheel().sha256))
    secret = session["session-token"]
    lost = TestClient(broken_world.client.app, base_url="http://index.test", raise_server_exceptions=False)
    assert lost.get(f"/stage/{secret}/files/{wheel().filename}").status_code == 500
    logger.info("POST /upload/files/%s/x/bytes/ failed", secret)
    said = capsys.readouterr().err
    assert said.count("/stage/…/files/") >= 1
    assert "/upload/files/…/x/" in said
    assert secret not in said
