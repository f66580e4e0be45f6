"""What changes the account of somebody who owns protected projects waits too (A30); accounts are closed (A36)."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from customhouse.accounts.emails import AskAddress, ask_address
from customhouse.accounts.factors import RemoveFactor, factors_of
from customhouse.accounts.links import link_text
from customhouse.accounts.mail_address import MailAddress
from customhouse.accounts.tables import account, account_link, second_factor
from customhouse.accounts.users import AddUser, Freeze, add_user, freeze
from customhouse.index.change_address import follow_new_address
from customhouse.index.close_account import CloseAccount, close_account
from customhouse.index.remove_factor import remove_factor
from customhouse.index.slow import queries
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.veto import Veto, veto
from customhouse.index.slow.withdraw import WithdrawChange, withdraw_change
from neighbours import actor, enlist, events, found_organization, found_project, join, refused, roles, user
from slowly import change, guard, pass_time
from world import World


@pytest.fixture
def demo(small_world: World) -> World:
    """A protected project of alice and bob, and a plain account of carol's."""
    found_project(small_world, "demo", "alice")
    join(small_world, "bob", "owner")
    user(small_world, "carol")
    small_world.clock.turn(timedelta(days=30))
    guard(small_world)
    return small_world


def add_factor(world: World, who: str) -> int:
    """A second factor that works for nobody."""
    with world.app.database.write() as sql:
        sql.execute(
            second_factor.insert().values(
                account_id=user(world, who).id, method="totp", label="phone", created_at=world.clock.now()
            )
        )
        return factors_of(sql, user(world, who).id)[-1].id


def take_factor(world: World, who: str, factor_id: int) -> object:
    person = user(world, who)
    return world.app.do(remove_factor, RemoveFactor(person.id, factor_id, person.identity))


def new_address(world: World, who: str, email: str) -> PendingChange | None:
    """Ask for another address and follow the link that came there."""
    wish = AskAddress(user(world, who), MailAddress.parse(email), timedelta(hours=6))
    world.app.do(ask_address, wish)
    with world.app.database.read() as sql:
        newest = sa.select(account_link.c.id).where(account_link.c.purpose == "change")
        link_id = sql.execute(newest.order_by(account_link.c.created_at.desc())).scalars().first()
    text = link_text(world.app.key, str(link_id))
    return world.app.do(lambda link, tx: follow_new_address(world.app.key, link, tx), text)


def email_of(world: World, who: str) -> str:
    with world.app.database.read() as sql:
        return str(sql.execute(sa.select(account.c.email).where(account.c.name == who)).scalar_one())


def test_a30_the_address_of_an_owner_of_protected_projects_changes_after_the_delay(demo: World) -> None:
    with demo.app.database.write() as sql:
        sql.execute(account.update().values(email=account.c.name + "@old.example", email_verified_at=demo.clock.now()))
    waits = new_address(demo, "alice", "alice@new.example")
    assert waits is not None
    assert email_of(demo, "alice") == "alice@old.example"
    # A co-owner of hers sees it and stops it.
    demo.app.do(veto, Veto(waits.id, user(demo, "bob").id))
    pass_time(demo)
    assert email_of(demo, "alice") == "alice@old.example"
    assert new_address(demo, "carol", "carol@new.example") is None
    assert email_of(demo, "carol") == "carol@new.example"


def test_a30_the_waiting_address_is_in_no_event_and_changes_when_nobody_objects(demo: World) -> None:
    with demo.app.database.write() as sql:
        sql.execute(account.update().values(email=account.c.name + "@old.example", email_verified_at=demo.clock.now()))
    waits = new_address(demo, "alice", "alice@new.example")
    assert waits is not None
    assert not [entry for entry in events(demo, "change-") if "alice@new.example" in entry.body]
    pass_time(demo)
    assert email_of(demo, "alice") == "alice@new.example"


def test_a_factor_of_an_owner_of_protected_projects_goes_after_the_delay(demo: World) -> None:
    factor = add_factor(demo, "alice")
    waits = take_factor(demo, "alice", factor)
    assert isinstance(waits, PendingChange)
    with refused("waits-already"):
        take_factor(demo, "alice", factor)
    with demo.app.database.read() as sql:
        assert [one.id for one in factors_of(sql, user(demo, "alice").id)] == [factor]
        assert [one.id for one in queries.open_changes_about(sql, [user(demo, "alice").id])] == [waits.id]
    with refused("about-you"):
        demo.app.do(veto, Veto(waits.id, user(demo, "alice").id))
    with refused("not-an-owner"):
        demo.app.do(veto, Veto(waits.id, user(demo, "carol").id))
    pass_time(demo)
    with demo.app.database.read() as sql:
        assert factors_of(sql, user(demo, "alice").id) == []


def test_the_owner_whose_session_was_stolen_takes_the_wish_back(demo: World) -> None:
    waits = take_factor(demo, "alice", add_factor(demo, "alice"))
    assert isinstance(waits, PendingChange)
    demo.app.do(withdraw_change, WithdrawChange(waits.id, actor(demo, "alice")))
    pass_time(demo)
    with demo.app.database.read() as sql:
        assert len(factors_of(sql, user(demo, "alice").id)) == 1


def test_a_factor_of_anybody_else_goes_at_once(demo: World) -> None:
    assert not isinstance(take_factor(demo, "carol", add_factor(demo, "carol")), PendingChange)


def test_a36_an_account_is_not_closed_while_it_is_the_only_owner_of_anything(small_world: World) -> None:
    world = small_world
    found_project(world, "demo", "alice")
    found_organization(world, "acme", "bob")
    for who in ("alice", "bob"):
        with refused("sole-owner"):
            world.app.do(close_account, CloseAccount(who, actor(world, who)))
    join(world, "bob", "owner")
    with refused("not-typed"):
        world.app.do(close_account, CloseAccount("bob", actor(world, "alice")))
    world.app.do(close_account, CloseAccount("alice", actor(world, "alice")))
    assert roles(world) == {"bob": "owner"}
    world.check()


def test_a36_a_frozen_co_owner_is_no_owner_when_somebody_closes_his_account(small_world: World) -> None:
    found_project(small_world, "demo", "alice")
    join(small_world, "bob", "owner")
    small_world.app.do(freeze, Freeze("bob", "stolen"))
    with refused("sole-owner"):
        small_world.app.do(close_account, CloseAccount("alice", actor(small_world, "alice")))


def test_closing_the_account_of_an_owner_of_protected_projects_waits_and_looks_again(demo: World) -> None:
    waits = demo.app.do(close_account, CloseAccount("bob", actor(demo, "bob")))
    assert isinstance(waits, PendingChange)
    assert roles(demo) == {"alice": "owner", "bob": "owner"}
    pass_time(demo)
    assert change(demo, waits.id).state == "applied"
    assert roles(demo) == {"alice": "owner"}
    with refused("sole-owner"):
        demo.app.do(close_account, CloseAccount("alice", actor(demo, "alice")))


def test_a_closed_account_is_over_for_ever_and_its_name_stays_taken(small_world: World) -> None:
    world = small_world
    found_organization(world, "acme", "alice")
    enlist(world, "bob", "manager")
    person = world.person("bob")
    assert person.post("/account/close/", typed="bob").status_code == 303
    assert person.get("/account/").status_code == 303
    assert world.stranger().sign_in("bob").status_code != 303
    with refused("closed"):
        world.app.do(freeze, Freeze("bob", "please", thaw=True))
    with refused("user-exists"):
        world.app.do(add_user, AddUser("Bob"))
    assert [entry.kind for entry in events(world, "organization-member-removed")] == ["organization-member-removed"]
    assert world.client.post("/legacy/", headers={"authorization": "Bearer x"}).status_code in (400, 401, 403)


def test_an_operator_gives_the_office_back_before_he_goes(small_world: World) -> None:
    olga = small_world.operator("olga")
    answer = olga.post("/account/close/", typed="olga")
    assert answer.status_code == 409
    assert "You are operator of this index" in answer.text
