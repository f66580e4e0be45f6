"""API tokens: valid only as they were made, and never found in the database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import account, api_token
from customhouse.accounts.tokens import CreateToken, authenticate, signature_of
from customhouse.accounts.users import AddUser, add_user
from customhouse.terms.errors import Refused, Rejected
from world import World


def test_a_token_tells_who_and_for_what(world: World) -> None:
    world.user("alice")
    bearer = world.app.authenticate(world.app.create_token(CreateToken("Alice", "My.Project")).text)
    assert (bearer.user.name, bearer.scope.only_project) == ("alice", "my-project")


def test_a_revoked_token_is_like_an_unknown_one(world: World) -> None:
    token = world.user("alice")
    with world.app.database.write() as sql:
        sql.execute(api_token.update().values(revoked_at=world.clock.now()))
    with pytest.raises(Refused, match="not valid here") as refusal:
        world.app.authenticate(token)
    assert refusal.value.status == 401


def test_a_frozen_account_uploads_nothing(world: World) -> None:
    token = world.user("alice")
    with world.app.database.write() as sql:
        sql.execute(account.update().values(frozen_at=world.clock.now()))
    with pytest.raises(Refused, match="frozen"):
        world.app.authenticate(token)


def test_the_database_holds_nothing_that_lets_anybody_in(small_world: World) -> None:
    """P23 for tokens: a dump of every row of every table holds neither the token nor its secret part."""
    token = small_world.user("alice")
    with small_world.app.database.read() as sql:
        tables = sql.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        dump = "".join(str(sql.execute(sa.text(f'SELECT * FROM "{table}"')).all()) for table in tables)  # noqa: S608 - the database's own names
    assert token.split(".")[1] in dump
    assert token.split(".")[2] not in dump


def test_another_servers_key_makes_no_token_for_us(small_world: World) -> None:
    token = small_world.user("alice")
    identifier = token.split(".")[1]
    forged = f"ch1.{identifier}.{signature_of(ServerKey(b'x' * 32), identifier)}"
    with pytest.raises(Refused, match="not valid here"):
        small_world.app.authenticate(forged)


@given(text=st.text(max_size=200))
def test_no_text_but_a_token_is_one(text: str) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as sql, pytest.raises(Refused, match="not valid here"):
        authenticate(ServerKey(b"k" * 32), sql, text, now=datetime.now(UTC))
    engine.dispose()


def test_a_secret_is_never_printed(small_world: World) -> None:
    small_world.user("alice")
    made = small_world.app.create_token(CreateToken("alice"))
    assert made.text not in repr(made)
    assert "secret" not in repr(ServerKey(b"secret"))


@pytest.mark.parametrize("name", ["", "a b", "ä", "-x", "x" * 51, "x\n"])
def test_a_bad_user_name_is_refused(small_world: World, name: str) -> None:
    with pytest.raises(Rejected, match="is not a user name"):
        small_world.app.do(add_user, AddUser(name))


def test_a_user_name_is_taken_in_any_case(small_world: World) -> None:
    small_world.app.do(add_user, AddUser("Alice", "alice@example.org"))
    with pytest.raises(Refused, match="already"):
        small_world.app.do(add_user, AddUser("aLICE"))
    with pytest.raises(Rejected, match="e-mail"):
        small_world.app.do(add_user, AddUser("bob", "not an address"))


def test_no_token_for_nobody(small_world: World) -> None:
    with pytest.raises(Refused, match="no account named"):
        small_world.app.create_token(CreateToken("nobody"))
    small_world.user("alice")
    with pytest.raises(Rejected, match="note"):
        small_world.app.create_token(CreateToken("alice", note="x" * 201))
