"""What changes between a proof and the session that it opens: the session is not opened then (A4, A30)."""

from __future__ import annotations

from functools import partial

import pytest
import sqlalchemy as sa

from customhouse.accounts import devices, sessions
from customhouse.accounts.devices import Admit, Browser
from customhouse.accounts.links import SetPassword, set_password
from customhouse.accounts.sessions import SignIn, hash_of
from customhouse.accounts.tables import account, second_factor, session
from customhouse.accounts.users import Freeze, User, find_user, freeze
from customhouse.terms.errors import Refused
from world import World

HERE = Browser("203.0.113.9", "Tests")


@pytest.fixture
def alice(small_world: World) -> User:
    small_world.person("alice")
    with small_world.app.database.read() as sql:
        return find_user(sql, "alice")


def hash_read(world: World) -> str:
    with world.app.database.read() as sql:
        return str(sql.execute(sa.select(account.c.password_hash).where(account.c.name == "alice")).scalar_one())


def states(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return list(sql.execute(sa.select(session.c.state)).scalars())


def begin(world: World, user: User, state: sessions.State) -> str:
    wish = SignIn(user, HERE.address, HERE.user_agent, state=state, password_hash=hash_read(world))
    return hash_of(world.app.do(sessions.sign_in, wish))


def new_password(world: World, user: User) -> None:
    world.app.do(partial(set_password, world.app.key), SetPassword("another hash", user=user))


@pytest.mark.parametrize("state", ["full", "half"])
def test_a_password_that_was_changed_meanwhile_opens_nothing(
    small_world: World, alice: User, state: sessions.State
) -> None:
    read = hash_read(small_world)
    new_password(small_world, alice)
    wish = SignIn(alice, HERE.address, HERE.user_agent, state=state, password_hash=read)
    with pytest.raises(Refused, match="meanwhile"):
        small_world.app.do(sessions.sign_in, wish)
    assert states(small_world) == []


def test_an_account_that_was_frozen_meanwhile_opens_nothing(small_world: World, alice: User) -> None:
    small_world.app.do(freeze, Freeze("alice", "a test"))
    for by in ("password", "webauthn", "linked"):
        with pytest.raises(Refused, match="meanwhile"):
            small_world.app.do(sessions.sign_in, SignIn(alice, HERE.address, HERE.user_agent, proved_by=by))
    assert states(small_world) == []


def test_a_half_session_goes_on_once_and_not_after_a_reset(small_world: World, alice: User) -> None:
    half = begin(small_world, alice, "half")
    goes_on = Admit(alice, HERE, "totp", sends_mail=False, replaces=half, owed=True)
    new_password(small_world, alice)
    with pytest.raises(Refused, match="meanwhile"):
        small_world.app.do(devices.admit, goes_on)
    assert states(small_world) == []
    half = begin(small_world, alice, "half")
    goes_on = Admit(alice, HERE, "totp", sends_mail=False, replaces=half, owed=True)
    small_world.app.do(devices.admit, goes_on)
    with pytest.raises(Refused, match="meanwhile"):
        small_world.app.do(devices.admit, goes_on)
    assert states(small_world) == ["full"]


def test_a_factor_that_was_added_meanwhile_is_asked_for(small_world: World, alice: User) -> None:
    with small_world.app.database.write() as sql:
        values = {"account_id": alice.id, "method": "totp", "label": "app", "created_at": small_world.clock.now()}
        sql.execute(second_factor.insert().values(**values))
    before = states(small_world)
    with pytest.raises(Refused, match="meanwhile"):
        small_world.app.do(devices.admit, Admit(alice, HERE, "password", sends_mail=False))
    assert states(small_world) == before
