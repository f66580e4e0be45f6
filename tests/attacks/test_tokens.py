"""API tokens where they should not work: A17, A19, A20, A56, P11, P13 and P23 for tokens."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from conftest import Where
from customhouse.accounts.index_flags import Ban, ban
from customhouse.accounts.tables import api_token
from customhouse.accounts.tokens import CreateToken, RevokeToken, revoke_token, signature_of
from customhouse.accounts.users import AddUser, Freeze, add_user, find_user, freeze
from customhouse.app import App, open_app
from customhouse.catalog.tables import project_role
from customhouse.formats.api_token import attenuate, redact
from customhouse.index.organizations import CreateOrganization, create_organization
from customhouse.index.transfer import TransferToOrganization, transfer_to_organization
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.infra.logs import _Redacting
from customhouse.infra.settings import Settings
from customhouse.ledger.tables import ledger_event
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor
from customhouse.terms.scope import scope_for
from packages import wheel
from world import Answered, World, upload

pytestmark = pytest.mark.slow

BOTH = pytest.mark.parametrize("world", [Where("sqlite"), Where("postgresql")], indirect=True, ids=str)
YANK = "/api/projects/{}/versions/{}/yank"


def made(world: World, user: str = "alice", **limits: Any) -> str:
    """A token with these limits."""
    world.user(user)
    return world.app.create_token(CreateToken(user, scope=scope_for(**limits))).text


def send(world: World, token: str, name: str = "demo", version: str = "1.0") -> Answered:
    return upload(world.client, token, wheel(name, version), name=name, version=version)


def yank(world: World, token: str, name: str = "demo", version: str = "1.0") -> int:
    answer = world.client.post(YANK.format(name, version), json={"reason": "a test"}, auth=("__token__", token))
    return answer.status_code


def reads(world: World, token: str, name: str = "demo") -> int:
    return world.client.get(f"/simple/{name}/", auth=("__token__", token)).status_code


def actor(world: World, name: str) -> Actor:
    with world.app.database.read() as sql:
        return find_user(sql, name).actor


def kinds(world: World, kind: str) -> int:
    count = sa.select(sa.func.count()).where(ledger_event.c.kind == kind)
    with world.app.database.read() as sql:
        return sql.execute(count).scalar_one()


def revoke(app: App, token: str, by: Actor) -> None:
    app.do(revoke_token, RevokeToken(token.split(".")[1], by))


@BOTH
def test_a17_a_token_for_one_project_or_deed_does_nothing_else(world: World) -> None:
    world.user()
    for name in ("demo", "other"):
        assert send(world, world.user(), name).status == 200
    world.app.do(change_visibility, ChangeVisibility("demo", "private", "demo", by=actor(world, "alice")))
    everything = made(world, projects=["demo"])
    uploads, yanks, looks, stages = (made(world, projects=["demo"], actions=[one]) for one in
                                     ("upload", "yank", "read", "stage"))  # fmt: skip
    assert send(world, everything, "other", "2.0").status == 403
    assert yank(world, everything, "other") == 403
    assert send(world, everything, "unclaimed").status == 403
    table: list[tuple[str, int, int, int]] = [
        (everything, 200, 200, 200), (uploads, 200, 403, 404), (yanks, 403, 200, 404), (looks, 403, 403, 200),
        (stages, 202, 403, 404), (made(world), 200, 200, 200),
    ]  # fmt: skip
    for number, (token, may_upload, may_yank, may_read) in enumerate(table, 1):
        assert send(world, token, version=f"3.{number}").status == may_upload
        assert yank(world, token) == may_yank
        assert reads(world, token) == may_read
    assert "may only stage releases: people publish them" in send(world, stages, version="9.0").text
    assert "9.0" not in world.client.get("/simple/demo/", auth=("__token__", made(world))).text


def test_a17_a_limited_token_opens_no_other_door_under_the_api(small_world: World) -> None:
    world = small_world
    assert send(world, world.user()).status == 200
    report = {"kind": "malware", "text": "It reads every key that it can find on the machine."}
    parts: list[dict[str, Any]] = [
        {"projects": ["demo"]},
        {"actions": ["read", "upload", "yank"]},
        {"versions": ["1.0"]},
    ]
    for limits in parts:
        answer = world.client.post(
            "/api/projects/demo/reports", json=report, auth=("__token__", made(world, "bob", **limits))
        )
        assert answer.status_code == 403
        assert "part of your account" in answer.text
    downloads = "/api/projects/demo/downloads"
    for limits in ({}, {"projects": ["other"]}, {"expires": world.clock.now() + timedelta(days=1)}):  # type: dict[str, Any]
        assert world.client.get(downloads, auth=("__token__", made(world, "bob", **limits))).status_code == 200
    assert world.client.get(downloads, auth=("__token__", made(world, "bob", networks=["::/0"]))).status_code == 403
    for door in ("/account/", "/account/tokens/", "/manage/project/demo/"):
        assert world.client.get(door, auth=("__token__", world.user()), follow_redirects=False).status_code in (
            303,
            401,
        )


def test_a17_a_version_caveat_holds_for_uploads_yanks_and_private_files(small_world: World) -> None:
    world = small_world
    for version in ("1.0", "2.0"):
        assert send(world, world.user(), version=version).status == 200
    world.app.do(change_visibility, ChangeVisibility("demo", "private", "demo", by=actor(world, "alice")))
    token = made(world, versions=[">=2"])
    assert send(world, token, version="2.1").status == 200
    refused = send(world, token, version="1.1")
    assert (refused.status, "versions >=2" in refused.text) == (403, True)
    assert (yank(world, token, version="1.0"), yank(world, token, version="2.0")) == (403, 200)
    for version, status in (("1.0", 404), ("2.0", 200)):
        address = f"/files/demo/{wheel('demo', version).filename}"
        for end in ("", ".metadata"):
            assert world.client.get(address + end, auth=("__token__", token)).status_code == status


@BOTH
def test_a17_an_expired_or_early_token_and_one_from_elsewhere(world: World) -> None:
    now = world.clock.now()
    late = made(world, expires=now + timedelta(hours=1))
    early = made(world, not_before=now + timedelta(hours=2))
    away = made(world, networks=["203.0.113.0/24"])
    assert send(world, late).status == 200
    for token, word in ((early, "works from"), (away, "tied to other networks")):
        answer = send(world, token, version="2.0")
        assert (answer.status, word in answer.text) == (403, True)
    world.clock.turn(timedelta(hours=1))
    answer = send(world, late, version="2.0")
    assert (answer.status, "expired" in answer.text) == (403, True)
    narrowed = attenuate(late, scope_for(expires=world.clock.now() + timedelta(days=9)))
    assert send(world, narrowed, version="2.0").status == 403  # no later end helps
    world.clock.turn(timedelta(hours=1))
    assert send(world, early, version="2.0").status == 200


def test_a17_a_network_caveat_believes_only_front_ends_that_are_trusted(small_world: World) -> None:
    token = made(small_world, networks=["203.0.113.0/24"])
    with pytest.raises(Refused, match="unknown address"):
        small_world.app.authenticate(token)
    with pytest.raises(Refused, match=r"from 192\.0\.2\.1"):
        small_world.app.authenticate(token, "192.0.2.1")
    assert small_world.app.authenticate(token, "203.0.113.9").user.name == "alice"
    lied = small_world.client.post("/legacy/", content=b"", auth=("__token__", token), headers={
        "content-type": "multipart/form-data; boundary=x", "x-forwarded-for": "203.0.113.9"})  # fmt: skip
    assert lied.status_code == 403


def test_a17_the_caveats_of_the_row_hold_whatever_text_is_shown(small_world: World) -> None:
    token = made(small_world, projects=["demo"])
    identifier = token.split(".")[1]
    bare = f"ch1.{identifier}.{signature_of(small_world.app.key, identifier)}"  # as whoever knew the key would make it
    assert send(small_world, bare, "other").status == 403
    assert send(small_world, bare).status == 200


@BOTH
def test_a17_a_token_lives_by_its_users_rights_of_the_moment(world: World) -> None:
    token = world.user("alice")
    assert send(world, token).status == 200
    bobs = made(world, "bob", projects=["demo"])
    assert send(world, bobs, version="2.0").status == 403
    bob, alice = actor(world, "bob"), actor(world, "alice")
    with world.app.database.write() as sql:
        demo = sql.execute(sa.select(project_role.c.project_id)).scalar_one()
        sql.execute(project_role.insert().values(project_id=demo, account_id=bob.account_id, role="maintainer"))
    assert send(world, bobs, version="2.0").status == 200
    with world.app.database.write() as sql:
        sql.execute(project_role.delete().where(project_role.c.account_id == bob.account_id))
    assert send(world, bobs, version="3.0").status == 403
    world.app.do(create_organization, CreateOrganization("guild", by=bob))
    with world.app.database.write() as sql:
        sql.execute(project_role.insert().values(project_id=demo, account_id=bob.account_id, role="owner"))
        sql.execute(project_role.delete().where(project_role.c.account_id == alice.account_id))
    world.app.do(transfer_to_organization, TransferToOrganization("demo", "guild", "demo", by=bob))
    assert send(world, token, version="3.0").status == 403
    assert send(world, bobs, version="3.0").status == 200
    world.app.do(freeze, Freeze("bob", "a test"))
    answer = send(world, bobs, version="4.0")
    assert (answer.status, "frozen" in answer.text) == (403, True)


@BOTH
def test_a17_revoked_or_expired_while_the_file_is_looked_at(world: World) -> None:
    """Who revokes a token is sure that nothing more appears, whatever was begun before."""
    token, ends = made(world), made(world, expires=world.clock.now() + timedelta(minutes=1))
    alice, engine = actor(world, "alice"), world.app.database.engine
    for sent, meanwhile, status in (
        (token, partial(revoke, world.app, token, alice), 401),
        (ends, partial(world.clock.turn, timedelta(minutes=2)), 403),
    ):
        done: list[object] = []

        def look(
            _c: object,
            _k: object,
            statement: str,
            *_rest: object,
            deed: Callable[[], object],
            done: list[object] = done,
        ) -> None:
            if not done and "FROM file_name" in statement:
                done.append(0)
                deed()

        listener = partial(look, deed=meanwhile)
        event.listen(engine, "after_cursor_execute", listener)
        assert send(world, sent).status == status
        event.remove(engine, "after_cursor_execute", listener)
        assert done
        assert kinds(world, "file-uploaded") == 0
    world.clock.turn(timedelta(days=2))
    world.app.sweep()


def test_a17_the_first_use_after_revoke_is_an_event_and_no_later_one_on_two_processes(
    database_settings: Settings,
) -> None:
    with open_app(database_settings) as here, open_app(database_settings) as there:
        alice = _alice(here)
        token = here.create_token(CreateToken("alice")).text
        assert there.authenticate(token).user.name == "alice"
        revoke(there, token, alice)
        narrowed = attenuate(token, scope_for(actions=["read"]))
        with ThreadPoolExecutor(16) as threads:
            codes = list(threads.map(lambda number: _code((here, there)[number % 2], (token, narrowed)[number % 3 == 0]),
                                     range(64)))  # fmt: skip
        assert codes == ["bad-token"] * 64
        assert _events(here, "token-used-revoked") == 1
    with open_app(database_settings) as again:  # after a restart
        assert _code(again, token) == "bad-token"
        assert _events(again, "token-used-revoked") == 1


def test_p11_a_token_is_revoked_once_and_for_every_process(database_settings: Settings) -> None:
    with open_app(database_settings) as here, open_app(database_settings) as there:
        alice = _alice(here)
        token = here.create_token(CreateToken("alice")).text
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: revoke((here, there)[number % 2], token, alice), range(16)))
        assert (_code(here, token), _code(there, token)) == ("bad-token", "bad-token")
    with open_app(database_settings) as again:
        assert _code(again, token) == "bad-token"


def test_p13_a_restored_backup_brings_no_revoked_token_back(small_world: World) -> None:
    """What was revoked before the backup is revoked in it: the row says so, and no text can say otherwise."""
    token = made(small_world)
    revoke(small_world.app, token, actor(small_world, "alice"))
    folder = small_world.app.settings.data
    copy = folder.with_name("restored")
    copy.mkdir()
    name = "customhouse.sqlite3"
    with closing(sqlite3.connect(folder / name)) as here, closing(sqlite3.connect(copy / name)) as there:
        here.backup(there)
    (copy / "server.key").write_bytes((folder / "server.key").read_bytes())
    with open_app(Settings.model_validate({"data": copy})) as restored:
        assert _code(restored, token) == "bad-token"
        assert _code(restored, small_world.user()) == "fine"


def test_a18_after_the_key_has_changed_no_token_of_before_is_one(small_world: World) -> None:
    token = made(small_world)
    settings = small_world.app.settings
    other = settings.data.with_name("other.key")
    other.write_text("ab" * 32)
    with open_app(Settings.model_validate(settings.model_dump() | {"key_file": other})) as app:
        assert _code(app, token) == "bad-token"
        assert _code(app, app.create_token(CreateToken("alice")).text) == "fine"
    assert _code(small_world.app, token) == "fine"


def test_a19_a_token_in_an_address_is_refused_and_stands_in_no_answer_log_or_event(
    small_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = small_world
    assert send(world, world.user()).status == 200
    tokens = [world.user(), attenuate(world.user(), scope_for(projects=["demo"]))]
    caplog.set_level(logging.DEBUG)
    for token in tokens:
        addresses = [f"/simple/demo/?token={token}", f"/simple/?{token}", f"/files/demo/{token}", f"/{token}/simple/",
                     f"/account/tokens/{token}/revoke/", f"/search/?q={token.replace('.', '%2E')}",
                     f"/api/search?q=a&token={token}"]  # fmt: skip
        for address in addresses:
            for accept in ("text/html", "application/json", "*/*"):
                answer = world.client.get(address, headers={"accept": accept}, follow_redirects=False)
                assert (answer.status_code, token in answer.text) == (400, False), address
                assert "location" not in answer.headers
        sent = upload(world.client, world.user(), wheel(), name=token, version=token)
        assert sent.status == 400
        assert token.split(".")[-1] not in sent.text
        seen = world.client.get("/simple/demo/", headers={"referer": f"https://x.test/?{token}"})
        assert (seen.status_code, token in seen.text) == (200, False)
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "GET %s failed", (addresses[0],), None)
        assert token not in _Redacting("%(message)s").format(record)
    said = "".join(_Redacting("%(message)s").format(record) for record in caplog.records)
    with world.app.database.read() as sql:
        events = str(sql.execute(sa.select(ledger_event.c.body)).all())
    for token in tokens:
        assert redact(said) == said
        assert token.split(".")[-1] not in events


@BOTH
def test_a20_nobody_revokes_the_token_of_another(world: World) -> None:
    """TOB-11: by its identifier he learns not even that there is one."""
    token, mallory = world.user("alice"), world.person("mallory")
    identifier = token.split(".")[1]
    mallory.get("/account/tokens/")
    answers = [mallory.post(f"/account/tokens/{one}/revoke/") for one in (identifier, "a" * 26, "1", "../1")]
    assert [answer.status_code for answer in answers[:3]] == [404] * 3
    assert answers[0].text.replace(identifier, "?") == answers[1].text.replace("a" * 26, "?")
    assert world.app.authenticate(token).user.name == "alice"
    assert kinds(world, "token-not-yours") == 3
    mallory.prove()
    assert identifier[:8] not in mallory.get("/account/tokens/").text


def test_a56_a_banned_network_is_shut_out_whatever_the_token(small_world: World) -> None:
    """TOB-6: bans were not applied to API tokens. The door of the tests' client has no address, so it is given one."""
    world = small_world
    assert send(world, world.user()).status == 200
    world.app.do(change_visibility, ChangeVisibility("demo", "private", "demo", by=actor(world, "alice")))
    banned = World(world.app, world.clock, type(world.client)(
        world.client.app, base_url="http://index.test", client=("198.51.100.7", 5000)), world.tokens)  # fmt: skip
    assert (send(banned, world.user(), version="2.0").status, reads(banned, world.user())) == (200, 200)
    world.app.do(ban, Ban("198.51.100.0/24", "a test"))
    for token in (world.user(), attenuate(world.user(), scope_for(networks=["198.51.100.7"]))):
        assert send(banned, token, version="3.0").status == 403
        assert yank(banned, token) == 403
        assert reads(banned, token) == 403
        assert banned.client.post("/-/leaked-tokens/", content=b"[]").status_code == 403
    assert reads(world, world.user()) == 200


@BOTH
def test_the_last_use_is_noted_now_and_then_and_never_by_public_pages(world: World) -> None:
    token = world.user()
    assert send(world, token).status == 200
    start, address = _used(world)
    assert start is not None
    assert address == "testclient"
    world.clock.turn(timedelta(minutes=4))
    assert reads(world, token) == 200
    assert send(world, token, version="2.0").status == 200
    assert _used(world)[0] == start
    world.clock.turn(timedelta(minutes=2))
    for _ in range(3):
        assert reads(world, token) == 200
    assert _used(world)[0] == start
    assert send(world, token, version="3.0").status == 200
    later = _used(world)[0]
    assert later is not None
    assert timedelta(minutes=6) <= later - start < timedelta(minutes=7)


@pytest.mark.parametrize("world", [Where("postgresql")], indirect=True, ids=str)
def test_an_upload_does_not_wait_for_the_note_of_another(world: World) -> None:
    """The row is skipped while it is locked. On SQLite there is one writer at a time anyway."""
    token = world.user()
    with world.app.database.write() as sql:
        sql.execute(sa.select(api_token.c.id).with_for_update()).all()
        with ThreadPoolExecutor(1) as threads:
            bearer = threads.submit(world.app.authenticate, token, "203.0.113.9").result(5)
    assert bearer.user.name == "alice"
    assert _used(world) == (None, None)


def test_p23_no_token_of_a_run_stands_in_the_database_or_its_pages(small_world: World) -> None:
    world = small_world
    person = world.person()
    person.get("/account/tokens/")
    page = person.post("/account/tokens/", note="ci", project="demo, other", expires="30", networks="10.0.0.0/8")
    shown = page.text.split('<pre tabindex="0">')[1].split("<")[0]
    tokens = [shown, world.user(), made(world, actions=["read"]), attenuate(world.user(), scope_for(projects=["demo"]))]
    send(world, tokens[1])
    send(world, tokens[2])
    secrets = [token.split(".")[-1] for token in tokens]
    with closing(sqlite3.connect(world.app.settings.data / "customhouse.sqlite3")) as plain:
        dump = "\n".join(plain.iterdump())
    later = person.get("/account/tokens/").text + person.get("/account/").text
    for secret in secrets:
        assert secret not in dump
        assert secret not in later
    assert secrets[0] in page.text


def _used(world: World) -> tuple[datetime | None, str | None]:
    with world.app.database.read() as sql:
        row = sql.execute(sa.select(api_token.c.used_at, api_token.c.used_from)).one()
    return row.used_at, row.used_from


def _alice(app: App) -> Actor:
    return app.do(add_user, AddUser("alice")).actor


def _code(app: App, token: str) -> str:
    try:
        app.authenticate(token, "203.0.113.9")
    except Refused as refusal:
        return refusal.code
    return "fine"


def _events(app: App, kind: str) -> int:
    with app.database.read() as sql:
        return sql.execute(sa.select(sa.func.count()).where(ledger_event.c.kind == kind)).scalar_one()
