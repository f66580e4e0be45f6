"""Upload 2.0 from the first request to the published release (PEP 694, round 4)."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

import httpx2 as httpx
import pytest

from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import find_user
from customhouse.index.staging.expire import expire_sessions
from customhouse.terms.scope import scope_for
from customhouse.work import run_due_job, seed_periodic_jobs
from packages import Dist, sdist, wheel
from staging import MEDIA_TYPE, META, Stager, path_of, sweep_all
from world import World

JSON = {"accept": "application/vnd.pypi.simple.v1+json"}


def stager(world: World, user: str = "alice") -> Stager:
    return Stager(world.client, world.user(user))


def limited(world: World, *actions: str, user: str = "alice") -> Stager:
    """Somebody whose token is only for these actions."""
    world.user(user)
    return Stager(world.client, world.app.create_token(CreateToken(user, scope=scope_for(actions=actions))).text)


def files_of(world: World, name: str = "demo") -> list[str]:
    answer = world.client.get(f"/simple/{name}/", headers=JSON)
    return sorted(one["filename"] for one in answer.json()["files"]) if answer.status_code == 200 else []


def run_jobs(world: World) -> None:
    while run_due_job(world.app):
        pass


def test_a_release_appears_as_a_whole(world: World) -> None:
    alice = stager(world)
    session = alice.session()
    for dist in (wheel(), sdist()):
        alice.add(session, dist)
    assert world.client.get("/simple/demo/").status_code == 404
    assert {one["status"] for one in alice.status(session)["files"].values()} == {"completed"}
    published = alice.publish(session)
    assert published.status_code == 201, published.text
    assert published.headers["location"] == session["links"]["session"]
    assert alice.status(session)["status"] == "published"
    assert files_of(world) == sorted([wheel().filename, sdist().filename])
    assert world.download(f"/files/demo/{wheel().filename}").content == wheel().body


def test_the_session_says_what_the_pep_asks_for(small_world: World) -> None:
    alice = stager(small_world)
    answer = alice.open("Demo", "1.0")
    body = answer.json()
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["location"] == body["links"]["session"]
    assert answer.headers["cache-control"] == "no-store"
    assert body["meta"] == META
    assert {"stage", "upload", "session", "publish", "extend"} <= body["links"].keys()
    assert all(link.startswith("http://index.test/") for link in body["links"].values())
    assert body["mechanisms"][0] == "http-post-bytes"
    assert (body["status"], body["files"]) == ("open", {})
    assert body["links"]["stage"] == f"http://index.test/stage/{body['session-token']}/simple/"
    ends = datetime.strptime(body["expires-at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta(days=13, hours=23) < ends - small_world.clock.now() <= timedelta(days=14)
    file = alice.announce(body, wheel())
    assert int(file.headers["retry-after"]) > 0
    said = file.json()
    assert said["links"]["file-upload-session"] == file.headers["location"]
    assert body["session-token"] in file.headers["location"]
    assert {"complete", "extend"} <= said["links"].keys()
    assert said["mechanism"]["identifier"] == "http-post-bytes"
    assert {"file_url", "attestations_url"} <= said["mechanism"].keys()
    assert alice.status(body)["files"][wheel().filename] == {"status": "pending", "link": file.headers["location"]}


def test_a_second_session_is_answered_by_the_first(small_world: World) -> None:
    alice = stager(small_world)
    session = alice.session("demo", "1.0")
    again = alice.open("DEMO", "1.0")
    assert (again.status_code, again.headers["location"]) == (409, session["links"]["session"])
    assert alice.open("demo", "1.1").status_code == 201
    assert alice.ask("DELETE", session["links"]["session"]).status_code == 204
    other = alice.session("demo", "1.0")
    for link in ("session", "stage"):
        assert other["links"][link] != session["links"][link]
    assert alice.status(session)["status"] == "canceled"


def test_an_error_is_a_problem_document(small_world: World) -> None:
    alice = stager(small_world)
    answer = alice.open("demo", "not a version")
    said = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, said["status"], said["meta"]) == (400, 400, META)
    assert said["details"] == said["detail"]
    assert said["errors"][0]["source"] == "version"
    nobody = small_world.client.post("/upload/", json={})
    assert (nobody.status_code, "www-authenticate" in nobody.headers) == (401, True)
    lost = small_world.client.get("/upload/elsewhere/")
    assert (lost.status_code, lost.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", MEDIA_TYPE, 400),
        (b"[]", MEDIA_TYPE, 400),
        (b"{", MEDIA_TYPE, 400),
        (b"\xff", MEDIA_TYPE, 400),
        (b'{"name": "demo", "version": "1.0"}', MEDIA_TYPE, 400),
        (b'{"meta": {"api-version": "1.0"}, "name": "demo", "version": "1.0"}', MEDIA_TYPE, 400),
        (b'{"meta": {"api-version": 2.0}, "name": "demo", "version": "1.0"}', MEDIA_TYPE, 400),
        (b'{"meta": {"api-version": "2.0"}, "name": "demo", "name": "demo", "version": "1.0"}', MEDIA_TYPE, 400),
        (b'{"meta": {"api-version": "2.0"}, "name": "demo", "version": NaN}', MEDIA_TYPE, 400),
        (b'{"meta": {"api-version": "2.0"}, "name": "demo", "version": ' + b"[" * 99 + b"]" * 99 + b"}", MEDIA_TYPE, 400),
        (b'{"meta": {"api-version": "2.0"}, "name": "a\\u0000b", "version": "1.0"}', MEDIA_TYPE, 400),
        (b'{"meta": {"api-version": "2.0"}, "name": "\\ud800", "version": "1.0"}', MEDIA_TYPE, 400),
        (b'{"meta": {"api-version": "2.0"}, "name": "demo", "version": "1.0+local"}', MEDIA_TYPE, 400),
        (b'{"meta": {"api-version": "2.0"}, "name": "demo", "version": "1.0"}', "application/json", 415),
        (b'{"meta": {"api-version": "2.0"}, "name": "' + b"x" * 70_000 + b'", "version": "1"}', MEDIA_TYPE, 413),
    ],
)  # fmt: skip
def test_a_request_is_read_strictly(small_world: World, body: bytes, kind: str, status: int) -> None:
    answer = stager(small_world).send("POST", "/upload/", body, kind)
    assert answer.status_code == status, answer.text


def test_a_name_is_kept_for_its_first_release_and_free_again_when_it_is_canceled(world: World) -> None:
    alice, bob = stager(world), stager(world, "bob")
    session = alice.session("demo")
    taken = bob.open("demo")
    reserved = bob.open("Dem0", "2.0")
    assert (taken.status_code, taken.json()["code"]) == (403, "name-reserved")
    assert reserved.status_code == 403
    assert world.upload(wheel(), user="bob").status == 403
    assert world.client.get("/simple/demo/").status_code == 404
    assert "demo" not in world.client.get("/simple/").text
    assert alice.ask("DELETE", session["links"]["session"]).status_code == 204
    assert bob.open("demo").status_code == 201


def test_who_keeps_a_name_may_take_it_by_the_legacy_upload_too(world: World) -> None:
    alice = stager(world)
    session = alice.session("demo", "1.0")
    alice.add(session, wheel())
    assert world.upload(wheel(version="0.9"), version="0.9").status == 200
    assert alice.publish(session).status_code == 201
    assert files_of(world) == [wheel(version="0.9").filename, wheel().filename]


def test_an_empty_session_registers_a_name(small_world: World) -> None:
    alice = stager(small_world)
    session = alice.session("demo", "0.0.0a0")
    assert alice.publish(session).status_code == 201
    assert files_of(small_world) == []
    assert stager(small_world, "bob").open("demo").status_code == 403
    assert small_world.upload(wheel()).status == 200


def test_only_completed_files_are_published(small_world: World) -> None:
    alice = stager(small_world)
    session = alice.session()
    alice.add(session, wheel())
    pending = alice.announce(session, sdist()).json()
    refused = alice.publish(session)
    assert (refused.status_code, refused.json()["code"]) == (409, "files-not-complete")
    assert refused.json()["errors"] == [{"source": sdist().filename, "message": "pending"}]
    assert alice.status(session)["status"] == "open"
    assert alice.ask("DELETE", pending["links"]["file-upload-session"]).status_code == 204
    assert alice.publish(session).status_code == 201
    assert files_of(small_world) == [wheel().filename]


def test_a_file_is_replaced_by_deleting_it_and_announcing_it_again(small_world: World) -> None:
    alice = stager(small_world)
    session = alice.session()
    old = alice.add(session, wheel())
    other = wheel(files={"demo/other.py": b"o"})
    assert alice.announce(session, other).status_code == 409
    own = old["links"]["file-upload-session"]
    assert alice.ask("DELETE", own).status_code == 204
    assert alice.ask("GET", own).json()["status"] == "canceled"
    assert alice.status(session)["files"] == {}
    assert alice.post_bytes(old, wheel().body).status_code == 409
    alice.add(session, other)
    assert alice.publish(session).status_code == 201
    assert small_world.download(f"/files/demo/{other.filename}").content == other.body


def test_bytes_that_are_not_those_announced_are_refused_and_may_be_sent_again(small_world: World) -> None:
    alice = stager(small_world)
    session = alice.session()
    hashes = {"sha256": wheel().sha256, "blake2b": hashlib.blake2b(wheel().body).hexdigest()}
    file = alice.announce(session, wheel(), hashes=hashes).json()
    body = wheel().body
    for wrong, status in ((body[:-1], 400), (body + b"x", 413), (body[:-1] + b"!", 400), (b"", 400)):
        assert alice.post_bytes(file, wrong).status_code == status
    assert alice.post_bytes(file, body).status_code == 200
    assert alice.post_bytes(file, body).status_code == 200, "the same once more is fine"
    assert alice.complete(file).status_code == 201
    assert alice.complete(file).status_code == 409


def test_every_announced_digest_counts(small_world: World) -> None:
    alice = stager(small_world)
    session = alice.session()
    wrong = {"sha256": wheel().sha256, "sha3_256": "0" * 64}
    file = alice.announce(session, wheel(), hashes=wrong).json()
    answer = alice.post_bytes(file, wheel().body)
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, "hashes.sha3_256")
    assert alice.complete(file).status_code == 400


@pytest.mark.parametrize(
    "hashes",
    [
        {}, {"md5": "0" * 32}, {"sha1": "0" * 40}, {"sha256": "0" * 63}, {"sha256": "g" * 64}, {"sha256": 5},
        {"shake_128": "00"}, {"blake9": "00"}, [], None, {"sha256": "0" * 64, "sha-256": "0" * 64},
    ],
)  # fmt: skip
def test_a_file_is_announced_with_a_digest_that_is_secure(small_world: World, hashes: object) -> None:
    alice = stager(small_world)
    assert alice.announce(alice.session(), wheel(), hashes=hashes).status_code == 400


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"filename": "other-1.0-py3-none-any.whl"}, 400),
        ({"filename": "demo-2.0-py3-none-any.whl"}, 400),
        ({"filename": "../demo-1.0.tar.gz"}, 400),
        ({"filename": "demo-1.0.zip"}, 400),
        ({"filename": 7}, 400),
        ({"size": 0}, 400),
        ({"size": -1}, 400),
        ({"size": True}, 400),
        ({"size": "9"}, 400),
        ({"size": 1e3}, 400),
        ({"size": 2**53}, 400),
        ({"size": 2**40}, 409),
        ({"mechanism": "vnd-madscience-quantumentanglement"}, 422),
        ({"mechanism": "legacy"}, 422),
        ({"mechanism": None}, 400),
    ],
)
def test_an_announcement_is_looked_at_before_any_byte_comes(
    small_world: World, members: dict[str, object], status: int
) -> None:
    alice = stager(small_world)
    answer = alice.announce(alice.session(), wheel(), **members)
    assert answer.status_code == status, answer.text


def test_what_was_published_is_not_staged_again(small_world: World) -> None:
    alice = stager(small_world)
    assert small_world.upload(wheel()).status == 200
    session = alice.session()
    refused = alice.announce(session, wheel(files={"demo/x.py": b"x"}))
    assert (refused.status_code, refused.json()["code"]) == (409, "file-exists")
    alice.add(session, wheel(tag="py2-none-any"))
    assert alice.publish(session).status_code == 201
    assert len(files_of(small_world)) == 2


def test_a_name_that_is_published_meanwhile_is_in_the_way_until_it_is_deleted(world: World) -> None:
    alice = stager(world)
    session = alice.session()
    late = alice.add(session, wheel(files={"demo/late.py": b"late"}))
    alice.add(session, wheel(tag="py2-none-any"))
    assert world.upload(wheel()).status == 200
    refused = alice.publish(session)
    assert (refused.status_code, refused.json()["code"]) == (409, "file-exists")
    assert [one["source"] for one in refused.json()["errors"]] == [wheel().filename]
    assert alice.status(session)["status"] == "open"
    assert files_of(world) == [wheel().filename]
    alice.ask("DELETE", late["links"]["file-upload-session"])
    assert alice.publish(session).status_code == 201
    assert world.download(f"/files/demo/{wheel().filename}").content == wheel().body


def test_a_file_that_nobody_can_read_can_only_be_deleted(small_world: World) -> None:
    alice = stager(small_world)
    session = alice.session()
    broken = Dist(wheel().filename, b"no wheel at all", "", "bdist_wheel")
    file = alice.announce(session, broken).json()
    assert alice.post_bytes(file, broken.body).status_code == 200
    answer = alice.complete(file)
    assert answer.status_code == 400
    entry = alice.status(session)["files"][broken.filename]
    assert (entry["status"], len(entry["notices"])) == ("error", 1)
    assert alice.complete(file).status_code == 409
    assert alice.post_bytes(file, broken.body).status_code == 409
    assert alice.publish(session).status_code == 409
    assert alice.ask("DELETE", file["links"]["file-upload-session"]).status_code == 204
    alice.add(session, wheel())
    assert alice.publish(session).status_code == 201


def test_a_file_without_bytes_cannot_be_completed(small_world: World) -> None:
    alice = stager(small_world)
    session = alice.session()
    file = alice.announce(session, wheel()).json()
    assert alice.complete(file).status_code == 400
    assert alice.status(session)["files"][wheel().filename]["status"] == "error"


def test_files_that_contradict_each_other_are_told_at_once(small_world: World) -> None:
    alice = stager(small_world)
    session = alice.session()
    alice.add(session, wheel(headers={"Requires-Python": ">=3.9"}))
    other = wheel(tag="py2-none-any", headers={"License-Expression": "MIT"})
    alice.add(session, other)
    liar = wheel("demo", "1.0", tag="py38-none-any", headers={"Version": "2.0"})
    file = alice.announce(session, liar).json()
    alice.post_bytes(file, liar.body)
    assert alice.complete(file).status_code == 400


def test_parts_come_in_any_order_and_are_joined(world: World) -> None:
    alice = stager(world)
    session = alice.session()
    body = wheel().body
    file = alice.announce(session, wheel(), mechanism="vnd-customhouse-parts").json()
    assert alice.put_part(file, 500, body[500:]).status_code == 204
    assert alice.put_part(file, 0, b"x" * 100).status_code == 204
    assert alice.put_part(file, 0, body[:500]).status_code == 204, "the one before is replaced"
    assert alice.put_part(file, 0, body[:500], digest=b"0" * 32).status_code == 400
    assert alice.put_part(file, len(body), b"x").status_code == 400
    assert alice.post_bytes({"mechanism": {"file_url": file["mechanism"]["parts_url"].replace("parts", "bytes")}},
                            body).status_code == 409  # fmt: skip
    there = alice.ask("GET", file["mechanism"]["parts_url"]).json()
    assert [(one["offset"], one["size"]) for one in there["parts"]] == [(0, 500), (500, len(body) - 500)]
    assert there["parts"][0]["sha256"] == hashlib.sha256(body[:500]).hexdigest()
    assert alice.complete(file).status_code == 201
    assert alice.publish(session).status_code == 201
    assert world.download(f"/files/demo/{wheel().filename}").content == body


@pytest.mark.parametrize("parts", [[(0, 400)], [(1, 500)], []])
def test_parts_that_do_not_make_up_the_file_are_refused(small_world: World, parts: list[tuple[int, int]]) -> None:
    alice = stager(small_world)
    session = alice.session()
    body = wheel().body
    file = alice.announce(session, wheel(), mechanism="vnd-customhouse-parts").json()
    for begin, end in parts:
        assert alice.put_part(file, begin, body[begin:end]).status_code == 204
    refused = alice.complete(file)
    assert (refused.status_code, refused.json()["code"]) == (400, "parts-missing")
    assert alice.status(session)["files"][wheel().filename]["status"] == "error"


@pytest.mark.parametrize("mechanism", ["http-post-bytes", "vnd-customhouse-parts"])
def test_a_large_file_is_examined_by_the_worker(small_world: World, mechanism: str) -> None:
    object.__setattr__(small_world.app.staging, "policy", _strict(small_world))
    alice = stager(small_world)
    session = alice.session()
    good, bad = wheel(), Dist(sdist().filename, b"no sdist", "", "sdist")
    for dist in (good, bad):
        file = alice.announce(session, dist, mechanism=mechanism).json()
        if mechanism == "http-post-bytes":
            alice.post_bytes(file, dist.body)
        else:
            alice.put_part(file, 0, dist.body)
        answer = alice.complete(file)
        assert (answer.status_code, answer.json()["status"]) == (202, "processing")
        assert answer.headers["location"] == file["links"]["file-upload-session"]
        assert alice.ask("DELETE", answer.headers["location"]).status_code == 409
        assert alice.publish(session).status_code == 409
        last = file
    run_jobs(small_world)
    states = {name: one["status"] for name, one in alice.status(session)["files"].items()}
    assert states == {good.filename: "completed", bad.filename: "error"}
    assert alice.ask("GET", last["links"]["file-upload-session"]).json()["notices"]
    alice.ask("DELETE", last["links"]["file-upload-session"])
    assert alice.publish(session).status_code == 201


def _strict(world: World) -> object:
    from dataclasses import replace  # noqa: PLC0415 - beside its only use

    return replace(world.app.staging.policy, deferred_bytes=0)


def test_a_session_is_canceled_while_a_file_is_examined(small_world: World) -> None:
    object.__setattr__(small_world.app.staging, "policy", _strict(small_world))
    alice = stager(small_world)
    session = alice.session()
    file = alice.announce(session, wheel()).json()
    alice.post_bytes(file, wheel().body)
    assert alice.complete(file).status_code == 202
    assert alice.ask("DELETE", session["links"]["session"]).status_code == 204
    run_jobs(small_world)
    assert alice.ask("GET", file["links"]["file-upload-session"]).json()["status"] == "canceled"


def test_a_session_is_extended_and_never_shortened(small_world: World) -> None:
    alice = stager(small_world)
    session = alice.session()
    begun = session["expires-at"]
    for seconds in (0, 3600, 10**12):
        answer = alice.ask("POST", session["links"]["extend"], **{"extend-for": seconds})
        assert (answer.status_code, answer.json()["expires-at"]) == (200, begun), "a new one has all there is"
    small_world.clock.turn(timedelta(days=10))
    longer = alice.ask("POST", session["links"]["extend"], **{"extend-for": 86400}).json()["expires-at"]
    assert longer > begun
    small_world.clock.turn(timedelta(days=6))
    assert alice.ask("POST", session["links"]["extend"], **{"extend-for": 60}).status_code == 409
    assert alice.status(session)["status"] == "canceled"
    assert alice.open().status_code == 201, "its name and version are free at once"


def test_what_nobody_publishes_ends_and_is_swept_and_forgotten(world: World) -> None:
    alice, bob = stager(world), stager(world, "bob")
    session = alice.session()
    alice.add(session, wheel())
    file = alice.announce(session, sdist(), mechanism="vnd-customhouse-parts").json()
    alice.put_part(file, 0, sdist().body)
    assert sweep_all(world) == 0, "rows name all of it"
    world.clock.turn(timedelta(days=15))
    assert alice.publish(session).status_code == 409
    assert expire_sessions(world.app.deeds) == 1
    assert expire_sessions(world.app.deeds) == 0
    assert alice.status(session)["status"] == "canceled"
    assert world.client.get(path_of(session["links"]["stage"])).status_code == 404
    assert bob.open("demo").status_code == 201
    assert sweep_all(world) == 3, "the wheel, its metadata and the part"
    world.clock.turn(timedelta(days=31))
    expire_sessions(world.app.deeds)
    expire_sessions(world.app.deeds)
    assert alice.ask("GET", session["links"]["session"]).status_code == 403
    assert not list(world.app.blobs.list())


def test_several_publishers_make_one_release(world: World) -> None:
    """Rights are those of the moment: who is let in joins, who is put out is out, and may come back."""
    alice, bob = stager(world), stager(world, "bob")
    assert world.upload(wheel(version="0.1"), version="0.1").status == 200
    session = alice.session()
    assert bob.ask("GET", session["links"]["session"]).status_code == 403
    for joined in (True, False, True):
        _let_in(world, "bob", joined=joined)
        answer = bob.ask("GET", session["links"]["session"])
        assert answer.status_code == (200 if joined else 403)
        assert bob.open().status_code == (409 if joined else 403)
    bob.add(session, wheel())
    hers = alice.add(session, sdist())
    _let_in(world, "alice", joined=False, keep="bob")
    assert alice.publish(session).status_code == 403
    assert bob.ask("DELETE", hers["links"]["file-upload-session"]).status_code == 204
    bob.add(session, sdist())
    assert bob.publish(session).status_code == 201
    assert len(files_of(world)) == 3


def _let_in(world: World, user: str, *, joined: bool, keep: str = "") -> None:
    from customhouse.catalog.tables import project, project_role  # noqa: PLC0415 - beside its only use

    with world.app.database.write() as sql:
        project_id = sql.execute(project.select()).first().id  # type: ignore[union-attr]
        who = find_user(sql, user)
        sql.execute(project_role.delete().where(project_role.c.account_id == who.id))
        if joined:
            sql.execute(project_role.insert().values(project_id=project_id, account_id=who.id, role="maintainer"))
        if keep:
            sql.execute(project_role.update().values(role="owner"))


def test_a_token_that_only_stages_does_everything_but_publish(small_world: World) -> None:
    machine = limited(small_world, "stage")
    session = machine.session()
    machine.add(session, wheel())
    refused = machine.publish(session)
    assert (refused.status_code, refused.json()["code"]) == (409, "needs-approval")
    assert files_of(small_world) == []
    with small_world.app.database.read() as sql:
        person = find_user(sql, "alice").actor
    small_world.app.staging.publish(path_of(session["links"]["session"]).split("/")[-2], person)
    assert files_of(small_world) == [wheel().filename]


def test_a_token_for_something_else_opens_nothing(small_world: World) -> None:
    session = stager(small_world).session()
    for actions in (("read",), ("yank",)):
        other = limited(small_world, *actions)
        assert other.open("demo", "2.0").status_code == 403
        assert other.ask("GET", session["links"]["session"]).status_code == 403


def test_a_switch_and_a_ban_close_the_doors(small_world: World) -> None:
    from customhouse.accounts.index_flags import SetFlag, set_flag  # noqa: PLC0415 - beside its only use

    alice = stager(small_world)
    session = alice.session()
    small_world.app.do(set_flag, SetFlag("no-uploads", on=True, reason="maintenance"))
    assert alice.announce(session, wheel()).status_code in (403, 503)
    assert alice.ask("GET", session["links"]["session"]).status_code == 200
    small_world.app.do(set_flag, SetFlag("no-uploads", on=False, reason="done"))
    alice.add(session, wheel())


def test_staged_bytes_count_against_the_quota(small_world: World) -> None:
    from dataclasses import replace  # noqa: PLC0415 - beside its only use

    from customhouse.catalog.quotas import Limits  # noqa: PLC0415

    policy = replace(small_world.app.staging.policy, limits=Limits(3000, 3000))
    object.__setattr__(small_world.app.staging, "policy", policy)
    alice = stager(small_world)
    session = alice.session()
    dists = [wheel(tag=f"py3{n}-none-any", files={"demo/a.py": f"a = {n}\n".encode()}) for n in range(9)]
    answers = [alice.announce(session, dist).status_code for dist in dists]
    fits = answers.count(202)
    assert answers == [202] * fits + [409] * (9 - fits)
    assert 1 <= fits < 9
    first = alice.status(session)["files"][dists[0].filename]["link"]
    assert alice.ask("DELETE", first).status_code == 204
    assert alice.announce(session, dists[-1]).status_code == 202


def test_the_worker_ends_what_nobody_has_published_in_time(small_world: World) -> None:
    alice = stager(small_world)
    session = alice.session()
    seed_periodic_jobs(small_world.app)
    small_world.clock.turn(timedelta(days=small_world.app.settings.stage_days, hours=2))
    run_jobs(small_world)
    assert alice.status(session)["status"] == "canceled"


def test_answers_are_for_clients_that_can_read_them(small_world: World) -> None:
    alice = stager(small_world)
    body = json.dumps({"meta": META, "name": "demo", "version": "1.0"}).encode()

    def ask(accept: str) -> httpx.Response:
        return alice.send("POST", "/upload/", body, MEDIA_TYPE, accept=accept)

    assert ask("application/vnd.pypi.upload.v3+json").status_code == 406
    assert ask(f"{MEDIA_TYPE}, application/problem+json;q=0.9").status_code == 201


def test_the_same_bytes_are_in_a_session_once(small_world: World) -> None:
    alice = stager(small_world)
    session = alice.session()
    alice.add(session, wheel())
    twin = Dist(wheel(tag="py2-none-any").filename, wheel().body, "", "bdist_wheel")
    file = alice.announce(session, twin).json()
    assert alice.post_bytes(file, twin.body).status_code == 200
    assert alice.complete(file).status_code == 400
    alice.ask("DELETE", file["links"]["file-upload-session"])
    assert alice.publish(session).status_code == 201


def test_what_is_wrong_with_a_file_leaves_a_trace(small_world: World) -> None:
    from customhouse.ledger import queries as ledger  # noqa: PLC0415 - beside its only use

    alice = stager(small_world)
    alice.complete(alice.announce(alice.session(), wheel()).json())
    with small_world.app.database.read() as sql:
        last = [entry for entry in ledger.entries(sql) if entry.kind == "upload-refused"]
    assert len(last) == 1
    assert json.loads(last[0].body)["code"] == "no-bytes"


def test_nobody_begins_releases_without_end(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = stager(small_world)
    monkeypatch.setattr("customhouse.index.staging.open_session.MOST_SESSIONS_A_DAY", 3)
    monkeypatch.setattr("customhouse.index.staging.open_session.MOST_SESSIONS_OF_SENDER", 2)
    sessions = [alice.session("demo", "1.0"), alice.session("demo", "2.0")]
    assert alice.open("demo", "3.0").json()["code"] == "too-many-sessions"
    alice.ask("DELETE", sessions[0]["links"]["session"])
    third = alice.session("demo", "3.0")
    alice.ask("DELETE", third["links"]["session"])
    assert alice.open("demo", "4.0").json()["code"] == "too-many-sessions"
    small_world.clock.turn(timedelta(days=1, seconds=1))
    assert alice.open("demo", "4.0").status_code == 201


def test_no_address_holds_the_character_0(world: World) -> None:
    """PostgreSQL takes it for no text at all, so it must not get that far."""
    alice = stager(world)
    session = alice.session()
    alice.add(session, wheel())
    assert alice.publish(session).status_code == 201
    mine, stage = path_of(session["links"]["session"]), session["session-token"]
    addresses = [
        *(f"/upload/sessions/{text}/{rest}" for text in ("%00", "a%00b") for rest in ("", "publish/", "extend/", "files/")),
        f"{mine}%00/", "/upload/files/%00/x/", f"/upload/files/{stage}/%00/", f"/upload/files/{stage}/%00/bytes/",
        f"/upload/files/{stage}/a%00b/complete/", "/api/projects/demo/staged/%00", "/api/projects/demo/staged/a%00b",
        "/api/projects/%00/staged/x", "/stage/%00/simple/", f"/stage/{stage}%00/simple/demo/",
        f"/stage/{stage}/files/%00", f"/stage/{stage}/simple/%00/",
    ]  # fmt: skip
    for address in addresses:
        for verb in ("GET", "POST", "DELETE"):
            answer = alice.ask(verb, address)
            assert answer.status_code in (400, 403, 404, 405), f"{verb} {address}: {answer.text}"


def test_a_file_is_sent_by_who_announced_it(small_world: World) -> None:
    """Else one could let another finish one's own bytes, and approve them as if they were his."""
    alice, bob = stager(small_world), stager(small_world, "bob")
    assert small_world.upload(wheel(version="0.1"), version="0.1").status == 200
    _let_in(small_world, "bob", joined=True)
    session = alice.session()
    whole = alice.announce(session, wheel()).json()
    parts = alice.announce(session, sdist(), mechanism="vnd-customhouse-parts").json()
    assert bob.post_bytes(whole, wheel().body).status_code == 409
    assert bob.put_part(parts, 0, sdist().body).json()["code"] == "file-of-another"
    assert alice.post_bytes(whole, wheel().body).status_code == 200
    assert bob.complete(whole).status_code == 201
    assert bob.ask("DELETE", parts["links"]["file-upload-session"]).status_code == 204
    bob.add(session, sdist())
    assert alice.publish(session).status_code == 201
