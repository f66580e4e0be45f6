"""The address of an account: changed, taken back, and what whoever has stolen the account cannot do with it (A30)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.devices import Browser, Remember, remember
from customhouse.accounts.linked import Claimed, LinkIdentity, link_identity, linked_of
from customhouse.accounts.links import MakeLink, link_text, make_link
from customhouse.accounts.lost_address import LoseAddress, lose_address
from customhouse.accounts.mail_address import MailAddress
from customhouse.accounts.tables import account, account_link, device_question, known_device, session
from customhouse.accounts.users import User, find_user
from customhouse.catalog.tables import critical_mark
from customhouse.index.slow.tables import pending_change
from customhouse.infra.settings import Settings
from customhouse.ledger import queries as ledger
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Rejected
from customhouse.terms.identity import SYSTEM
from mail_sink import MailSink, mail_sink, text_of
from packages import wheel
from person import PASSWORD, Person
from telling import settle, telling_world
from world import World

OLD, NEW = "alice@old.example", "alice@new.example"
LINK = re.compile(r"https://index\.test(/account/(?:verify|link|undo)/\S+)")


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as running:
        yield running


@pytest.fixture
def world(database_settings: Settings, clock: TurnableClock, sink: MailSink) -> Iterator[World]:
    with telling_world(database_settings, clock, **sink.settings) as made:
        yield made


@pytest.fixture
def small(small_world: World, sink: MailSink) -> Iterator[World]:
    with telling_world(small_world.app.settings, small_world.clock, **sink.settings) as made:
        yield made


def alice_of(world: World) -> Person:
    """Alice, signed in, whose address is verified."""
    alice = world.person("alice")
    with world.app.database.write() as sql:
        values = {"email": OLD, "email_verified_at": world.clock.now()}
        sql.execute(account.update().where(account.c.name == "alice").values(**values))
    return alice


def email_of(world: World, name: str = "alice") -> str:
    with world.app.database.read() as sql:
        return str(sql.execute(sa.select(account.c.email).where(account.c.name == name)).scalar_one())


def links_to(world: World, sink: MailSink, address: str, kind: str) -> list[str]:
    settle(world)
    texts = [text_of(letter) for letter in sink.letters_to(address)]
    return [found for text in texts for found in LINK.findall(text) if f"/{kind}/" in found]


def the_link(world: World, sink: MailSink, address: str, kind: str) -> str:
    """The only one of that kind."""
    (link,) = links_to(world, sink, address, kind)
    return link


def press(link: str, person: Person) -> int:
    person.get(link)
    return person.post(link).status_code


def ask(person: Person, email: str = NEW) -> int:
    person.get("/account/address/")
    return person.post("/account/address/", email=email).status_code


def kinds(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return [entry.kind for entry in ledger.entries(sql)]


def test_a_new_address_counts_when_its_link_is_followed_and_both_are_told(world: World, sink: MailSink) -> None:
    alice = alice_of(world)
    assert ask(alice) == 303
    (link,) = links_to(world, sink, NEW, "verify")
    assert email_of(world) == OLD
    told = text_of(sink.letters_to(OLD)[-1])
    assert "a…@new.example" in told
    assert NEW not in told
    assert press(link, world.stranger()) == 303
    assert email_of(world) == NEW
    assert links_to(world, sink, OLD, "undo")
    assert any("address of your account now" in str(one["subject"]) for one in sink.letters_to(NEW))
    assert press(link, world.stranger()) == 404


def test_a30_the_old_address_takes_the_change_back_even_from_a_thief_with_the_password(
    world: World, sink: MailSink
) -> None:
    thief = alice_of(world)
    ask(thief)
    press(the_link(world, sink, NEW, "verify"), world.stranger())
    # He changes the password and the address once more, so that no link of before is bound to what is now.
    thief.get("/account/password/")
    assert thief.post("/account/password/", password="the thief's own", again="the thief's own").status_code == 303
    ask(thief, "thief@thief.example")
    press(the_link(world, sink, "thief@thief.example", "verify"), world.stranger())
    assert email_of(world) == "thief@thief.example"
    world.clock.turn(timedelta(hours=71))
    (undo,) = links_to(world, sink, OLD, "undo")
    assert world.stranger().get(undo).status_code == 200
    assert email_of(world) == "thief@thief.example"
    assert press(undo, world.stranger()) == 303
    assert email_of(world) == OLD
    with world.app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(session)).scalar_one() == 0
    assert world.stranger().sign_in("alice", "the thief's own").status_code == 403
    # The links that the thief still has are dead.
    for link in links_to(world, sink, NEW, "undo"):
        assert world.stranger().get(link).status_code == 404
    (reset,) = links_to(world, sink, OLD, "link")
    stranger = world.stranger()
    stranger.get(reset)
    assert stranger.post(reset, password=PASSWORD, again=PASSWORD).status_code == 303
    assert world.stranger().sign_in("alice").status_code == 303
    assert "address-change-undone" in kinds(world)


@pytest.mark.parametrize("proof", ["never verified", "lost", "made by an operator"])
def test_a30_only_an_address_that_was_proved_may_take_a_change_back(small: World, sink: MailSink, proof: str) -> None:
    alice = alice_of(small)
    with small.app.database.read() as sql:
        user = find_user(sql, "alice")
    registered = None if proof == "made by an operator" else small.clock.now()
    with small.app.database.write() as sql:
        values = {"registered_at": registered} | ({} if proof == "lost" else {"email_verified_at": None})
        sql.execute(account.update().where(account.c.id == user.id).values(**values))
    ask(alice)
    link = the_link(small, sink, NEW, "verify")
    if proof == "lost":
        small.app.do(lose_address, LoseAddress(user.id, "old.example", "gone", SYSTEM))
        with small.app.database.write() as sql:  # the link of before is dead; a new one is as good
            sql.execute(account_link.update().values(used_at=None))
    assert press(link, alice) == 303
    assert email_of(small) == NEW
    assert len(links_to(small, sink, OLD, "undo")) == (1 if proof == "made by an operator" else 0)
    assert "no longer to this address" in text_of(sink.letters_to(OLD)[-1]).replace("\n", " ")


def test_a30_taking_it_back_ends_what_a_thief_has_put_in_place(small: World, sink: MailSink) -> None:
    alice = alice_of(small)
    with small.app.database.read() as sql:
        user = find_user(sql, "alice")
    for subject in ("of alice", "of the thief"):
        small.clock.turn(timedelta(days=2))
        claimed = Claimed("https://login.example", subject, subject, f"state {subject}")
        small.app.do(link_identity, LinkIdentity(user, claimed, "Login"))
    alice.sign_in("alice")
    alice.csrf = ""
    ask(alice)
    press(the_link(small, sink, NEW, "verify"), alice)
    small.app.do(remember, Remember(user.id, Browser("203.0.113.9", "of the thief")))
    with small.app.database.write() as sql:
        values = {"id": "q", "account_id": user.id, "session_hash": "s", "network": "n", "user_agent": "thief"}
        sql.execute(device_question.insert().values(**values, created_at=small.clock.now()))
    small.app.do(_put_off, user)
    (undo,) = links_to(small, sink, OLD, "undo")
    stranger = small.stranger()
    assert "second factors and API tokens stay" in stranger.get(undo).text
    assert stranger.post(undo).status_code == 303
    with small.app.database.read() as sql:
        for table in (known_device, device_question):
            assert sql.execute(sa.select(table)).all() == []
        assert [row.name for row in linked_of(sql, user.id)] == ["of alice"]
        assert sql.execute(sa.select(pending_change.c.state)).scalar_one() == "lapsed"
    assert "identity-unlinked" in kinds(small)
    settle(small)
    texts = [" ".join(text_of(letter).split()) for letter in sink.letters_to(OLD)]
    assert sum("Second factors and API tokens stay" in text for text in texts) == 2


def _put_off(user: User, tx: Tx) -> None:
    """A wish for an address that waits, as if the account owned something protected."""
    values = {
        "kind": "address-changed", "subject": "the address", "account_id": user.id, "requested_by": user.id,
        "requested_at": tx.now(), "effective_at": tx.now() + timedelta(days=3),
        "arguments": {"email": "thief@thief.example"}, "sentence": "the account alice gets another address",
    }  # fmt: skip
    tx.sql.execute(pending_change.insert().values(**values))


def test_a31_a_password_by_link_knows_no_browser_of_before(small: World) -> None:
    alice_of(small)
    with small.app.database.read() as sql:
        user = find_user(sql, "alice")
    small.app.do(remember, Remember(user.id, Browser("203.0.113.9", "of the thief")))
    link_id = small.app.do(make_link, MakeLink(user.id, "handed", timedelta(hours=1)))
    address = f"/account/link/{link_text(small.app.key, link_id)}/"
    stranger = small.stranger()
    stranger.get(address)
    assert stranger.post(address, password=PASSWORD, again=PASSWORD).status_code == 303
    with small.app.database.read() as sql:
        networks = set(sql.execute(sa.select(known_device.c.network)).scalars())
    assert "203.0.113.0/24" not in networks


def test_a30_the_undo_dies_after_three_days_and_after_use(small: World, sink: MailSink) -> None:
    ask(alice_of(small))
    press(the_link(small, sink, NEW, "verify"), small.stranger())
    (undo,) = links_to(small, sink, OLD, "undo")
    small.clock.turn(timedelta(hours=72))
    assert small.stranger().get(undo).status_code == 404
    assert email_of(small) == NEW


def test_a30_a_link_dies_with_a_new_password_a_new_wish_and_after_six_hours(small: World, sink: MailSink) -> None:
    alice = alice_of(small)
    ask(alice)
    (first,) = links_to(small, sink, NEW, "verify")
    ask(alice)
    first_again, second = links_to(small, sink, NEW, "verify")
    assert first == first_again
    assert press(first, small.stranger()) == 404
    alice.get("/account/password/")
    alice.post("/account/password/", password="another long password", again="another long password")
    assert press(second, small.stranger()) == 404
    ask(alice)
    third = links_to(small, sink, NEW, "verify")[-1]
    small.clock.turn(timedelta(hours=6))
    assert press(third, small.stranger()) == 404
    assert email_of(small) == OLD
    with small.app.database.read() as sql:
        lives = sql.execute(sa.select(account_link.c.created_at, account_link.c.expires_at)).all()
    assert max(row.expires_at - row.created_at for row in lives) <= timedelta(hours=6)


def test_a30_a_taken_address_is_told_only_to_whoever_has_it(small: World, sink: MailSink) -> None:
    alice_of(small)
    mallory = small.person("mallory")
    answers = []
    for email in ("Alice@OLD.example", "nobody@old.example"):
        mallory.get("/account/address/")
        answer = mallory.post("/account/address/", email=email)
        answers.append((answer.status_code, answer.headers["location"], sorted(answer.headers)))
    assert answers[0] == answers[1]
    assert links_to(small, sink, "Alice@old.example", "verify") == []
    assert "belongs to your account alice" in text_of(sink.letters_to("Alice@old.example")[0])


def critical(world: World, name: str = "demo") -> None:
    """Mark a project as critical by its name."""
    values: dict[str, object] = {"normalized": name}
    for column in critical_mark.columns:
        if column.name not in values and not column.nullable and column.server_default is None:
            values[column.name] = world.clock.now() if "at" in column.name else "a test"
    with world.app.database.write() as sql:
        sql.execute(critical_mark.insert().values(**values))


def test_a30_an_owner_of_critical_projects_gets_another_address_after_a_delay_and_no_link_for_a_week(
    world: World, sink: MailSink
) -> None:
    alice = alice_of(world)
    world.upload(wheel())
    critical(world)
    ask(alice)
    press(the_link(world, sink, NEW, "verify"), world.stranger())
    assert email_of(world) == OLD
    with world.app.database.read() as sql:
        (change,) = sql.execute(sa.select(pending_change)).all()
    assert (change.kind, NEW in change.sentence) == ("address-changed", False)
    world.clock.turn(timedelta(hours=72, minutes=1))
    settle(world)
    assert email_of(world) == NEW
    for days, links in ((6, 0), (1, 1)):
        world.clock.turn(timedelta(days=days))
        stranger = world.stranger()
        stranger.get("/account/reset/")
        stranger.post("/account/reset/", name="alice")
        assert len(links_to(world, sink, NEW, "link")) == links
    assert kinds(world).count("reset-withheld") == 1


def test_a33_no_link_goes_to_an_address_whose_domain_is_lost(small: World, sink: MailSink) -> None:
    alice = alice_of(small)
    with small.app.database.read() as sql:
        user = find_user(sql, "alice")
    small.app.do(lose_address, LoseAddress(user.id, "old.example", "gone", SYSTEM))
    stranger = small.stranger()
    stranger.get("/account/reset/")
    stranger.post("/account/reset/", name="alice")
    assert links_to(small, sink, OLD, "link") == []
    assert alice.post("/account/address/again/").status_code == 403
    assert "link-withheld" in kinds(small)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Ada@EXAMPLE.org", "Ada@example.org"),
        (" ada+lists@example.org ", "ada+lists@example.org"),
        ("a.d.a@example.org", "a.d.a@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        # A homograph is another name, and is seen to be.
        ("ada@\u0435xample.org", "ada@xn--xample-2of.org"),
    ],
)
def test_a30_an_address_has_one_spelling(text: str, kept: str) -> None:
    assert MailAddress.parse(text).text == kept


@pytest.mark.parametrize(
    "text",
    [
        "", "ada", "@example.org", "ada@", "ada@fa\u00df.example", "\uff41da@example.org", "ada@\ufb00.example",
        "a@b.example\r\nBcc: all@b.example", "a@b.example,c@d.example", "Ada <ada@b.example>", '"a b"@b.example',
        "a@[127.0.0.1]", "a@b..example", "a@-b.example", "a\x00@b.example", "a@b.example\u2028x", "x" * 65 + "@b.example",
    ],
)  # fmt: skip
def test_a30_what_two_programs_might_read_differently_is_no_address(text: str) -> None:
    with pytest.raises(Rejected):
        MailAddress.parse(text)
