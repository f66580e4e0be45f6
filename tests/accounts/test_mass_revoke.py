"""Revoking many tokens at once: which, how it is told, and that nobody else waits for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts import mass_revoke
from customhouse.accounts.mass_revoke import BATCH, Revoked, RevokeMany, revoke_many
from customhouse.accounts.tables import account, api_token
from customhouse.accounts.tokens import CreateToken
from customhouse.accounts.users import find_user
from customhouse.app import open_app
from customhouse.formats.api_token import attenuate
from customhouse.infra.settings import Settings
from customhouse.ledger.tables import ledger_event
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.scope import scope_for
from mail_sink import mail_sink, text_of
from telling import settle, telling_world
from world import World

pytestmark = pytest.mark.slow


def made(world: World, user: str, count: int = 1, project: str | None = None) -> list[str]:
    world.user(user)
    return [world.app.create_token(CreateToken(user, project)).text for _ in range(count)]


def works(world: World, token: str) -> bool:
    try:
        return bool(world.app.authenticate(token).token_id)
    except Refused:
        return False


def gone(world: World) -> int:
    with world.app.database.read() as sql:
        counted = sa.select(sa.func.count()).where(api_token.c.revoked_at.is_not(None))
        return int(sql.execute(counted).scalar_one())


def told(world: World, kind: str) -> list[dict[str, object]]:
    with world.app.database.read() as sql:
        rows = sql.execute(sa.select(ledger_event.c.body).where(ledger_event.c.kind == kind)).scalars()
        return [json.loads(row) for row in rows]


@pytest.fixture
def demo(database_settings: Settings, clock: TurnableClock) -> Iterator[World]:
    """Alice and bob, each with one token from before."""
    with telling_world(database_settings, clock) as world:
        world.user("alice")
        world.user("bob")
        yield world


def test_the_conditions_must_all_hold(demo: World) -> None:
    demo.clock.turn(timedelta(days=10))
    [fresh], [one] = made(demo, "alice"), made(demo, "alice", project="demo")
    both = demo.app.create_token(CreateToken("bob", scope=scope_for(projects=["demo", "other"]))).text
    narrow = attenuate(demo.user("bob"), scope_for(projects=["demo"]))
    assert revoke_many(demo.app.deeds, RevokeMany("leaked", "alice", "Demo")) == Revoked(1, 1)
    assert (works(demo, one), works(demo, both)) == (False, True)
    assert revoke_many(demo.app.deeds, RevokeMany("leaked", project="demo")) == Revoked(1, 1)
    assert (works(demo, both), works(demo, narrow)) == (False, True)  # narrowed by its holder: nobody knows of it
    assert revoke_many(demo.app.deeds, RevokeMany("old", "alice", older_than=timedelta(days=10))) == Revoked(1, 1)
    assert (works(demo, demo.user("alice")), works(demo, fresh), works(demo, demo.user("bob"))) == (False, True, True)
    assert revoke_many(demo.app.deeds, RevokeMany("all of them", everything=True)) == Revoked(2, 2)
    assert revoke_many(demo.app.deeds, RevokeMany("all of them", everything=True)) == Revoked(0, 0)
    assert not works(demo, narrow)
    whole = told(demo, "tokens-mass-revoked")
    assert [event["tokens"] for event in whole] == [1, 1, 1, 2]
    assert whole[2]["selection"] == "of alice, older than 10 days"


def test_many_are_one_event_with_the_count_one_each_and_one_letter_for_each_owner(
    database_settings: Settings, clock: TurnableClock
) -> None:
    with mail_sink() as sink, telling_world(database_settings, clock, **sink.settings) as world:
        tokens = [*made(world, "alice", 60), *made(world, "bob", 3), *made(world, "carol", 29)]
        world.operator("olga")
        settle(world)
        with world.app.database.write() as sql:
            sql.execute(account.update().values(email=account.c.name + "@example.org"))
        wish = RevokeMany("the build farm was broken into", everything=True)
        assert revoke_many(world.app.deeds, wish) == Revoked(len(tokens) + 4, 4)  # each had one before
        assert not any(works(world, token) for token in tokens[::10])
        assert told(world, "tokens-mass-revoked") == [
            {"selection": "all", "tokens": 96, "reason": "the build farm was broken into"}
        ]
        assert len({event["token_id"] for event in told(world, "token-mass-revoked")}) == 96
        assert [event["tokens"] for event in told(world, "account-tokens-revoked")] == [61, 4, 30, 1]
        settle(world)
        for name, count in (("alice", 61), ("bob", 4), ("carol", 30)):
            [letter] = sink.letters_to(f"{name}@example.org")
            assert f"{count} API tokens" in text_of(letter)
            assert "> the build farm was broken into" in text_of(letter)
        assert any("being revoked" in str(letter["subject"]) for letter in sink.letters_to("olga@example.org"))


def test_cut_off_in_the_middle_it_goes_on_when_it_is_asked_again(demo: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = made(demo, "alice", 110)
    batches, revoke_batch = [], mass_revoke._revoke_batch

    def once(*arguments: object) -> object:
        batches.append(0)
        if len(batches) == 2:
            raise KeyboardInterrupt
        return revoke_batch(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(mass_revoke, "_revoke_batch", once)
    with pytest.raises(KeyboardInterrupt):
        revoke_many(demo.app.deeds, RevokeMany("a test", "alice"))
    monkeypatch.undo()
    assert told(demo, "account-tokens-revoked") == []
    with open_app(demo.app.settings, clock=demo.clock) as again:
        assert revoke_many(again.deeds, RevokeMany("a test", "alice")) == Revoked(61, 1)
    assert not any(works(demo, token) for token in tokens)
    assert len(told(demo, "token-mass-revoked")) == 111
    assert len(told(demo, "account-tokens-revoked")) == 1


def test_no_deed_revokes_more_than_a_batch(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that others wait for the ledger's head only as long as one batch takes, however many are revoked."""
    made(small_world, "alice", 2 * BATCH + 6)  # and the one that she has anyway
    revoked, do = [], type(small_world.app.deeds).do

    def counting(*arguments: object) -> object:
        before = gone(small_world)
        result: object = do(*arguments)  # type: ignore[arg-type]
        revoked.append(gone(small_world) - before)
        return result

    monkeypatch.setattr(type(small_world.app.deeds), "do", counting)
    revoke_many(small_world.app.deeds, RevokeMany("a test", everything=True))
    assert revoked == [0, BATCH, BATCH, 7]


@pytest.mark.parametrize(("wish", "part"), [
    (RevokeMany("why"), "not clear which"), (RevokeMany("why", "alice", everything=True), "not clear which"),
    (RevokeMany(" ", everything=True), "is empty"), (RevokeMany("why", project="-x"), "project name"),
])  # fmt: skip
def test_what_is_not_clear_revokes_nothing(small_world: World, wish: RevokeMany, part: str) -> None:
    small_world.user("alice")
    with pytest.raises(Rejected, match=part):
        revoke_many(small_world.app.deeds, wish)
    assert works(small_world, small_world.user("alice"))


def test_a55_only_operators_may_and_all_of_them_hear_of_it(small_world: World) -> None:
    """TOB-14: nothing that an insider does here is without an event that the other operators hear of."""
    world = small_world
    alice = world.person("alice")
    with world.app.database.read() as sql:
        by = find_user(sql, "alice").actor
    with pytest.raises(Refused, match="operator"):
        revoke_many(world.app.deeds, RevokeMany("why", everything=True, by=by))
    assert alice.post("/admin/tokens/", everything="yes", reason="why").status_code == 403
    support = world.person("sue", site_role="support")
    assert support.get("/admin/tokens/").status_code == 403
    olga = world.operator()
    page = olga.get("/admin/tokens/")
    assert "3 API tokens are not revoked" in page.text
    for form in ({"everything": "yes"}, {"reason": "why"}, {"reason": "why", "older_than": "x"},
                 {"reason": "why", "user": "alice", "everything": "yes"}):  # fmt: skip
        assert olga.post("/admin/tokens/", **form).status_code == 400
    said = olga.said(olga.post("/admin/tokens/", user="alice", reason="why"))
    assert said == "Tokens revoked: 1, of 1 accounts."
    world.clock.turn(timedelta(hours=1))
    assert olga.post("/admin/tokens/", everything="yes", reason="why").headers["location"].startswith("/account/again/")
    assert works(world, world.user("olga"))
    with world.app.database.read() as sql:
        rows = sql.execute(sa.select(ledger_event).where(ledger_event.c.kind.like("%mass-revoked"))).all()
        assert {(row.actor_kind, row.actor_name) for row in rows} == {("operator", "olga")}
        assert sql.execute(sa.select(api_token.c.revoked_at).where(api_token.c.revoked_at.is_not(None))).all()


def test_a55_no_operator_can_read_a_token(small_world: World) -> None:
    token, olga = small_world.user("alice"), small_world.operator()
    for page in ("/admin/", "/admin/tokens/", "/admin/accounts/?q=alice", "/ledger/", "/account/tokens/"):
        assert token.split(".")[2] not in olga.get(page).text
