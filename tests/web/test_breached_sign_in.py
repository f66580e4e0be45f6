"""Passwords that others know, at every door where one is typed (A2)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from customhouse.accounts.links import MakePasswordLink, link_text, make_password_link
from customhouse.accounts.users import AddUser, add_user
from customhouse.ledger import queries as ledger
from mail_sink import MailSink, mail_sink, text_of
from person import PASSWORD
from range_service import range_service
from receiver import Receiver, Reply
from telling import settle, telling_world
from world import World

KNOWN = "correct horse battery stable"
EMAIL = "alice@example.org"


@pytest.fixture
def service() -> Iterator[Receiver]:
    with range_service({KNOWN: 7}) as running:
        yield running


@pytest.fixture
def world(small_world: World, service: Receiver) -> Iterator[World]:
    settings, url = small_world.app.settings, f"http://127.0.0.1:{service.port}/range"
    with mail_sink() as sink:
        more = {**sink.settings, "breached_passwords": url, "registration": "open"}
        with telling_world(settings, small_world.clock, **more) as made:
            made.sink = sink  # type: ignore[attr-defined] # for the one test that reads letters
            yield made


def kinds(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return [entry.kind for entry in ledger.entries(sql)]


def test_a2_a_breached_password_is_refused_wherever_one_is_chosen(world: World) -> None:
    alice = world.person("alice")
    alice.get("/account/password/")
    refused = alice.post("/account/password/", password=KNOWN, again=KNOWN)
    assert (refused.status_code, "7 times" in refused.text) == (400, True)
    user = world.app.do(add_user, AddUser("bob", "bob@example.org"))
    link_id = world.app.do(make_password_link, MakePasswordLink(user, world.app.lifetimes.life, mail=False))
    stranger, address = world.stranger(), f"/account/link/{link_text(world.app.key, link_id)}/"
    stranger.get(address)
    assert "7 times" in stranger.post(address, password=KNOWN, again=KNOWN).text
    assert stranger.post(address, password=PASSWORD, again=PASSWORD).status_code == 303
    stranger.get("/account/register/")
    new = {"name": "robin", "email": "robin@example.org", "password": KNOWN, "again": KNOWN}
    assert "7 times" in stranger.post("/account/register/", **new).text
    assert "user-registered" not in kinds(world)


def test_a2_signing_in_with_a_breached_password_opens_nothing_and_sends_a_link(world: World, service: Receiver) -> None:
    with_password(world, service)
    stranger = world.stranger()
    answer = stranger.sign_in("alice", KNOWN)
    assert (answer.status_code, "is known to others" in answer.text) == (403, True)
    assert stranger.get("/account/").status_code == 303
    settle(world)
    sink: MailSink = world.sink  # type: ignore[attr-defined] # see the fixture
    letters = [text_of(one) for one in sink.letters_to(EMAIL)]
    assert any("/account/link/" in text for text in letters)
    assert any("stolen elsewhere" in text for text in letters)
    assert "breached-sign-in" in kinds(world)
    assert "signed-in" not in kinds(world)
    # Whoever does not know the password learns nothing of that.
    assert "do not go together" in stranger.sign_in("alice", "something else").text


def with_password(world: World, service: Receiver) -> None:
    """Alice has chosen it while nobody knew it."""
    user = world.app.do(add_user, AddUser("alice", EMAIL))
    link_id = world.app.do(make_password_link, MakePasswordLink(user, world.app.lifetimes.life, mail=False))
    honest, service.answer = service.answer, lambda _request: Reply(200, b"")
    stranger, address = world.stranger(), f"/account/link/{link_text(world.app.key, link_id)}/"
    stranger.get(address)
    assert stranger.post(address, password=KNOWN, again=KNOWN).status_code == 303
    service.answer = honest


def test_a_list_that_is_away_stops_nobody_and_leaves_a_trace(world: World, service: Receiver) -> None:
    service.answer = lambda _request: Reply(503, b"")
    alice = world.person("alice")
    alice.get("/account/password/")
    assert alice.post("/account/password/", password=KNOWN, again=KNOWN).status_code == 303
    assert "password-unchecked" in kinds(world)
    assert world.stranger().sign_in("alice", KNOWN).status_code == 303


def test_it_is_seen_with_what_they_are_compared(world: World) -> None:
    pages = ("/account/password/", "/account/register/")
    alice, olga = world.person("alice"), world.operator()
    assert not any("does not compare" in alice.get(page).text for page in pages)
    assert "are compared with the service at http://127.0.0.1" in olga.get("/admin/").text


def test_its_absence_is_seen(small_world: World) -> None:
    alice, olga = small_world.person("alice"), small_world.operator()
    assert "does not compare" in alice.get("/account/password/").text
    assert "breached_passwords" in olga.get("/admin/").text


def test_no_password_stands_in_an_event(world: World) -> None:
    alice = world.person("alice")
    alice.get("/account/password/")
    alice.post("/account/password/", password=KNOWN, again=KNOWN)
    alice.post("/account/password/", password="a very new password", again="a very new password")
    with world.app.database.read() as sql:
        assert not [entry for entry in ledger.entries(sql) if KNOWN in str(entry) or "very new" in str(entry)]
