"""Signing in and out, forms that are ours, the password again: attacks A3 to A7 as far as there are no factors yet."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from customhouse.accounts.index_flags import Ban, SetFlag, ban, set_flag
from customhouse.accounts.links import MakePasswordLink, link_text, make_password_link
from customhouse.accounts.tables import account_link, session
from customhouse.accounts.users import Freeze, find_user, freeze
from customhouse.ledger import queries as ledger
from person import PASSWORD, Person
from world import World


def kinds(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return [entry.kind for entry in ledger.entries(sql)]


def test_a_person_signs_in_sees_what_is_hers_and_signs_out(world: World) -> None:
    alice = world.person("alice")
    page = alice.get("/account/")
    assert (page.status_code, "<h1>alice</h1>" in page.text) == (200, True)
    assert page.headers["cache-control"] == "private, no-store"
    assert alice.post("/account/sign-out/").status_code == 303
    assert alice.get("/account/").headers["location"].startswith("/account/sign-in/")
    assert kinds(world)[-2:] == ["signed-in", "signed-out"]


def test_a5_the_cookie_is_for_this_host_alone_and_its_row_holds_a_hash(small_world: World) -> None:
    small_world.person("alice")
    stranger = small_world.stranger()
    answer = stranger.sign_in("alice")
    (cookie,) = [text for text in answer.headers.get_list("set-cookie") if text.startswith("__Host-session=")]
    assert all(flag in cookie for flag in ("Path=/", "Secure", "HttpOnly", "SameSite=Lax"))
    assert "Domain" not in cookie
    value = cookie.partition("=")[2].partition(";")[0]
    assert len(value) >= 43
    with small_world.app.database.read() as sql:
        rows = sql.execute(sa.select(session)).all()
    assert value not in str(rows)


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", "wrong password"), ("nobody-at-all", PASSWORD), ("", ""), ("alice", ""), ("alice\n", "x" * 5000)],
)
def test_a3_whatever_is_wrong_the_answer_is_the_same(small_world: World, name: str, password: str) -> None:
    small_world.person("alice")
    stranger = small_world.stranger()
    answer = stranger.sign_in(name, password)
    assert answer.status_code == 403
    assert "This name and this password do not go together." in answer.text


def test_a4_an_id_from_before_is_never_taken_over(small_world: World) -> None:
    small_world.person("alice")
    stranger = small_world.stranger()
    stranger.client.cookies.set("__Host-session", "chosen-by-mallory", domain="index.test")
    stranger.sign_in("alice")
    values = [cookie.value for cookie in stranger.client.cookies.jar if cookie.name == "__Host-session"]
    assert "chosen-by-mallory" not in values[-1:]
    fresh = Person(small_world.stranger().client)
    fresh.client.cookies.set("__Host-session", "chosen-by-mallory", domain="index.test")
    assert fresh.get("/account/").status_code == 303


def test_a4_a_session_is_over_when_it_is_idle_old_or_its_account_frozen(world: World) -> None:
    settings = world.app.settings
    alice = world.person("alice")
    world.clock.turn(timedelta(seconds=settings.session_idle_seconds + 1))
    assert alice.get("/account/").status_code == 303
    alice = world.person("alice")
    for _ in range(settings.session_life_seconds // (settings.session_idle_seconds // 2)):
        assert alice.get("/account/").status_code == 200
        world.clock.turn(timedelta(seconds=settings.session_idle_seconds // 2))
    world.clock.turn(timedelta(hours=1))
    assert alice.get("/account/").status_code == 303
    alice = world.person("alice")
    world.app.do(freeze, Freeze("alice", "a test"))
    assert alice.get("/account/").status_code == 303
    assert alice.sign_in("alice").status_code == 403


def test_a4_a_new_password_ends_the_other_sessions_and_proving_it_changes_the_id(world: World) -> None:
    alice, elsewhere = world.person("alice"), world.stranger()
    elsewhere.sign_in("alice")
    old = alice.client.cookies["__Host-session"]
    alice.prove()
    assert alice.client.cookies["__Host-session"] != old
    answer = alice.post("/account/password/", password="another long password", again="another long password")
    assert answer.status_code == 303
    assert alice.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 303
    assert elsewhere.sign_in("alice").status_code == 403
    assert elsewhere.sign_in("alice", "another long password").status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://index.test.evil.example"},
    ],
)
def test_a6_a_form_from_elsewhere_is_refused(small_world: World, headers: dict[str, str]) -> None:
    alice = small_world.person("alice")
    alice.get("/account/")
    answer = alice.client.post("/account/sign-out/", data={"csrf": alice.csrf}, headers=headers, follow_redirects=False)
    assert answer.status_code == 403
    assert alice.get("/account/").status_code == 200


@pytest.mark.parametrize("token", [None, "", "wrong", "of another"])
def test_a6_a_form_without_this_browsers_token_is_refused(small_world: World, token: str | None) -> None:
    alice, mallory = small_world.person("alice"), small_world.person("mallory")
    mallory.get("/account/")
    fields = {} if token is None else {"csrf": mallory.csrf if token == "of another" else token}
    answer = alice.client.post("/account/sign-out/", data=fields, follow_redirects=False)
    assert answer.status_code == 403
    assert "foreign" in answer.text or "does not come from" in answer.text


def test_a6_signing_somebody_in_from_elsewhere_is_refused(small_world: World) -> None:
    """Login CSRF: without the browser's own form cookie there is no token."""
    small_world.person("alice")
    stranger = small_world.stranger()
    answer = stranger.client.post("/account/sign-in/", data={"name": "alice", "password": PASSWORD, "csrf": "x"})
    assert answer.status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/json", ""])
def test_a6_only_a_form_is_a_form(small_world: World, kind: str) -> None:
    alice = small_world.person("alice")
    alice.get("/account/")
    answer = alice.client.post("/account/sign-out/", content=f"csrf={alice.csrf}", headers={"content-type": kind})
    assert answer.status_code == 415


def test_a7_a_half_session_is_nobody(world: World) -> None:
    alice = world.person("alice")
    with world.app.database.write() as sql:
        sql.execute(session.update().values(state="half"))
    for address in ("/account/", "/account/tokens/", "/account/password/"):
        assert alice.get(address).headers["location"].startswith("/account/sign-in/")
    assert alice.post("/account/sign-out/").status_code in (303, 403)


def test_the_dangerous_pages_want_the_password_again(world: World) -> None:
    alice = world.person("alice")
    world.clock.turn(timedelta(seconds=world.app.settings.proof_seconds + 1))
    answer = alice.get("/account/tokens/")
    assert answer.headers["location"] == "/account/again/?next=/account/tokens/"
    assert alice.post("/account/tokens/", note="x").headers["location"].startswith("/account/again/")
    assert alice.prove("wrong").status_code == 403
    assert alice.prove().status_code == 303
    assert alice.get("/account/tokens/").status_code == 200


def test_a_token_made_on_the_page_uploads_and_is_shown_once(world: World) -> None:
    alice = world.person("alice")
    made = alice.post("/account/tokens/", note="ci", project="demo")
    assert "ch1." in made.text
    again = alice.get("/account/tokens/")
    assert "ch1." not in again.text
    assert "ci" in again.text


def test_a20_somebody_elses_token_cannot_be_revoked_and_the_try_leaves_an_event(world: World) -> None:
    """TOB-PYPI26-11."""
    world.user("alice")
    mallory = world.person("mallory")
    with world.app.database.read() as sql:
        token_id = next(iter(sql.execute(sa.text("SELECT id FROM api_token ORDER BY created_at LIMIT 1")))).id
    assert mallory.post(f"/account/tokens/{token_id}/revoke/").status_code == 404
    assert mallory.post("/account/tokens/nonsense/revoke/").status_code == 404
    assert kinds(world)[-2:] == ["token-not-yours", "token-not-yours"]
    assert world.app.authenticate(world.tokens["alice"]).user.name == "alice"


def test_every_token_deletion_leaves_an_event(world: World) -> None:
    """TOB-PYPI26-4: the event was silently dropped."""
    alice = world.person("alice")
    token_id = world.tokens["alice"].split(".")[1]
    assert alice.post(f"/account/tokens/{token_id}/revoke/").status_code == 303
    assert kinds(world)[-1] == "token-revoked"
    assert world.client.post(
        "/legacy/", content=b"", auth=("__token__", world.tokens["alice"]),
        headers={"content-type": "multipart/form-data; boundary=b"},
    ).status_code == 401  # fmt: skip


def test_the_password_reset_page_reveals_no_account_status(world: World) -> None:
    """TOB-PYPI26-5, A32."""
    world.person("alice")
    world.app.do(freeze, Freeze("alice", "a test"))
    world.user("bob")
    answers = []
    for name in ("alice", "bob", "nobody-at-all", "x@example.org"):
        stranger = world.stranger()
        stranger.get("/account/reset/")
        answer = stranger.post("/account/reset/", name=name)
        answers.append((answer.status_code, answer.text.replace(stranger.csrf, "")))
    assert len(set(answers)) == 1


def test_a_link_sets_a_password_once_and_ends_every_session(world: World) -> None:
    alice = world.person("alice")
    with world.app.database.read() as sql:
        user = find_user(sql, "alice")
    link_id = world.app.do(make_password_link, MakePasswordLink(user, timedelta(hours=6), mail=False))
    address = f"/account/link/{link_text(world.app.key, link_id)}/"
    stranger = world.stranger()
    assert "alice" in stranger.get(address).text
    assert stranger.post(address, password="short", again="short").status_code == 400
    assert stranger.post(address, password="long enough, this", again="differs from it").status_code == 400
    assert stranger.post(address, password="long enough, this", again="long enough, this").status_code == 303
    assert alice.get("/account/").status_code == 303
    assert stranger.sign_in("alice", "long enough, this").status_code == 303
    assert world.stranger().get(address).status_code == 404
    with world.app.database.read() as sql:
        assert sql.execute(sa.select(account_link.c.used_at)).scalar_one() is not None


@pytest.mark.parametrize("fault", ["late", "torn", "other key", "password changed"])
def test_a_dead_link_sets_nothing(world: World, fault: str) -> None:
    alice = world.person("alice")
    with world.app.database.read() as sql:
        user = find_user(sql, "alice")
    link_id = world.app.do(make_password_link, MakePasswordLink(user, timedelta(hours=6), mail=False))
    text = link_text(world.app.key, link_id)
    if fault == "late":
        world.clock.turn(timedelta(hours=7))
    elif fault == "torn":
        text = text[:-1]
    elif fault == "other key":
        text = text[:-4] + "AAAA"
    else:
        alice.post("/account/password/", password="another long password", again="another long password")
    stranger = world.stranger()
    assert stranger.get(f"/account/link/{text}/").status_code == 404
    assert stranger.post(f"/account/link/{text}/", password="x" * 20, again="x" * 20).status_code == 404


def test_a56_freezing_and_banning_hold_for_every_way_of_signing_in(world: World) -> None:
    """TOB-PYPI26-6: the ban was not applied to tokens."""
    alice = world.person("alice")
    upload = {"content": b"", "headers": {"content-type": "multipart/form-data; boundary=b"}}
    token = ("__token__", world.tokens["alice"])
    world.app.do(ban, Ban("0.0.0.0/0", "a test"))
    world.app.do(ban, Ban("::/0", "a test"))
    behind = Person(_from("203.0.113.9", world), "alice")
    behind.client.cookies.update(alice.client.cookies)
    assert behind.get("/account/").status_code == 403
    assert behind.client.post("/legacy/", auth=token, **upload).status_code == 403  # type: ignore[arg-type]
    world.app.do(ban, Ban("0.0.0.0/0", "over", lift=True))
    assert behind.get("/account/").status_code == 200
    world.app.do(freeze, Freeze("alice", "a test"))
    assert behind.get("/account/").status_code == 303
    assert behind.client.post("/legacy/", auth=token, **upload).status_code == 403  # type: ignore[arg-type]


def _from(address: str, world: World) -> TestClient:
    return TestClient(world.client.app, base_url="https://index.test", client=(address, 50000))


def test_the_big_switches_hold_and_each_turn_is_an_event(world: World) -> None:
    """TOB-PYPI26-14: the admin flags were not audited."""
    alice, olga = world.person("alice"), world.operator()
    world.app.do(set_flag, SetFlag("read-only", on=True, reason="we are moving house"))
    refused = alice.post("/account/tokens/", note="x")
    assert (refused.status_code, "moving house" in refused.text) == (403, True)
    assert "ch1." in olga.post("/account/tokens/", note="x").text
    world.app.do(set_flag, SetFlag("read-only", on=False, reason="done"))
    world.app.do(set_flag, SetFlag("no-sign-in", on=True, reason="an attack"))
    assert world.stranger().sign_in("alice").status_code == 403
    assert world.stranger().sign_in("olga").status_code == 303
    assert kinds(world).count("flag-set") == 3


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "/\\evil.example", "/%09/evil", "https:evil", "javascript:alert(1)", "/a//b", "/%2fevil", "/%5cevil", "@evil",
     "\u3000//evil", "/\r\nset-cookie:x=1", "/ok\x00"],
)  # fmt: skip
def test_a40_a_form_never_leads_elsewhere(small_world: World, address: str) -> None:
    small_world.person("alice")
    stranger = small_world.stranger()
    stranger.get("/account/sign-in/")
    answer = stranger.post("/account/sign-in/", name="alice", password=PASSWORD, next=address)
    assert answer.status_code == 400 or answer.headers["location"] == "/account/"
