"""Mandates from the announcement to the end: who must have what, who is told, what is refused (A16, A17)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from clock import TurnableClock
from conftest import prepared
from customhouse.accounts.factors import RemoveFactor
from customhouse.accounts.tables import second_factor
from customhouse.accounts.users import User, find_user
from customhouse.app import open_app
from customhouse.catalog.queries import find_project
from customhouse.catalog.tables import organization, organization_member, project, project_role
from customhouse.index.mandates import may_upload as rule
from customhouse.index.mandates.announce import Announce, announce
from customhouse.index.mandates.change import (
    Change,
    End,
    EndExemption,
    Exempt,
    change_mandate,
    end_exemption,
    end_mandate,
    exempt,
)
from customhouse.index.mandates.model import Dates, Mandate
from customhouse.index.mandates.queries import exemptions, find_mandate, mandates
from customhouse.index.mandates.requirements import Requirement, requirements_of
from customhouse.index.mandates.tables import mandate_letter
from customhouse.index.mandates.text import requirements_text
from customhouse.index.mark_critical import MarkCritical, mark_critical
from customhouse.index.publisher import Publisher
from customhouse.index.remove_factor import remove_factor
from customhouse.index.slow.model import PendingChange
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.ledger import queries as ledger
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Actor
from customhouse.web.asgi import build
from customhouse.work import run_followers
from mail_sink import MailSink, mail_sink, text_of
from packages import wheel
from telling import settle
from world import Answered, World

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
ADDRESS = "/account/required/"


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as running:
        yield running


@contextmanager
def opened(settings: Settings, clock: TurnableClock, walkers: Walkers, sink: MailSink) -> Iterator[World]:
    """Alice's project demo is critical; whatever is told arrives in the sink."""
    settings = Settings.model_validate(settings.model_dump() | {"url": "https://index.test", **sink.settings})
    with (
        open_app(settings, clock=clock, walkers=walkers) as app,
        TestClient(build(app), base_url="https://index.test") as client,
    ):
        run_followers(app)
        made = World(app, clock, client)
        address(made, "alice")
        assert publish(made, "1.0").status == 200
        app.do(mark_critical, MarkCritical("demo", "Others build on it."))
        yield made
        made.check()


@pytest.fixture
def world(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock, walkers: Walkers, sink: MailSink
) -> Iterator[World]:
    """On SQLite, for what does not depend on the database."""
    settings = prepared(Settings.model_validate({"data": tmp_path / "data"}), request)
    with opened(settings, clock, walkers, sink) as made:
        yield made


@pytest.fixture
def worlds(database_settings: Settings, clock: TurnableClock, walkers: Walkers, sink: MailSink) -> Iterator[World]:
    """On both databases."""
    with opened(database_settings, clock, walkers, sink) as made:
        yield made


def address(world: World, name: str) -> User:
    """An account with an address."""
    world.user(name)
    with world.app.database.write() as sql:
        sql.execute(
            sa.text("UPDATE account SET email = :to WHERE normalized = :name"),
            {"to": f"{name}@x.example", "name": name},
        )
        return find_user(sql, name)


def publish(world: World, version: str, *, user: str = "alice", name: str = "demo") -> Answered:
    return world.upload(wheel(name, version), user=user, name=name, version=version)


def give(world: World, user: User, method: str, label: str = "mine") -> int:
    """A second factor as a row: how it is registered is told elsewhere."""
    with world.app.database.write() as sql:
        row = {"account_id": user.id, "method": method, "label": label, "created_at": world.clock.now()}
        key = {"credential_id": label.encode(), "public_key": b"k", "sign_count": 0} if method == "webauthn" else {}
        return int(sql.execute(second_factor.insert().values(**row, **key).returning(second_factor.c.id)).scalar_one())


def lose_all(world: World, user: User) -> None:
    with world.app.database.write() as sql:
        sql.execute(second_factor.delete().where(second_factor.c.account_id == user.id))


def dates(world: World, announced: int = 0, warned: int = 10, enforced: int = 20) -> Dates:
    now = world.clock.now()
    return Dates(now + announced * DAY, now + warned * DAY, now + enforced * DAY)


def mandated(world: World, scope: str = "critical", methods: str = "any", **more: object) -> Mandate:
    when = more.pop("dates", None) or dates(world)
    wish = Announce("Two factors", scope, methods, when, **more)  # type: ignore[arg-type]
    return world.app.do(announce, wish)


def enforced(world: World, scope: str = "critical", methods: str = "any", **more: object) -> Mandate:
    return mandated(world, scope, methods, dates=dates(world, -20, -10, 0), **more)


def required(world: World, user: User) -> list[Requirement]:
    with world.app.database.read() as sql:
        return requirements_of(sql, user.id, world.clock.now())


def person(world: World, name: str = "alice") -> User:
    with world.app.database.read() as sql:
        return find_user(sql, name)


def letters(sink: MailSink, name: str, *words: str) -> list[str]:
    texts = [f"{one['subject']}\n{text_of(one)}" for one in sink.letters_to(f"{name}@x.example")]
    return [text for text in texts if all(word in text for word in words)]


def test_announced_warned_enforced_and_the_same_words_everywhere(worlds: World, sink: MailSink) -> None:
    world = worlds
    alice = person(world)
    mandated(world, text="Because much rests on you.")
    settle(world)
    (first,) = letters(sink, "alice", "What will be required of you")
    (asked, *_) = required(world, alice)
    assert (asked.state, asked.met, asked.because and asked.because.projects) == ("announced", False, ("demo",))
    assert requirements_text(asked, "https://index.test") in first
    assert "> Because much rests on you." in first
    assert publish(world, "1.1").text.count("\n") == 1

    world.clock.turn(10 * DAY)
    settle(world)
    (second,) = letters(sink, "alice", "Soon you need a second factor")
    (asked, *_) = required(world, alice)
    answer = publish(world, "1.2")
    assert (answer.status, asked.state) == (200, "warned")
    words = requirements_text(asked, "https://index.test")
    assert words in answer.text
    assert words in second

    world.clock.turn(10 * DAY)
    settle(world)
    (third,) = letters(sink, "alice", "You need a second factor now")
    (asked, *_) = required(world, alice)
    answer = publish(world, "1.3")
    assert (answer.status, asked.state) == (403, "enforced")
    words = requirements_text(asked, "https://index.test")
    assert words in answer.text
    assert words in third
    assert f"https://index.test{ADDRESS}" in answer.text
    settle(world)
    assert len(letters(sink, "alice", "second factor", "Two factors")) == 3, "once for each stage"

    give(world, alice, "totp")
    assert publish(world, "1.3").status == 200
    (asked, *_) = required(world, alice)
    assert asked.met
    assert "nothing to do" in requirements_text(asked, "")


def test_only_an_accepted_method_counts(world: World) -> None:
    alice, found = person(world), enforced(world)
    said: list[int] = []
    for methods in ("any", "webauthn"):
        if methods == "webauthn":
            world.app.do(change_mandate, Change(found.id, methods=methods))
        for has in ("", "totp", "webauthn"):
            lose_all(world, alice)
            if has:
                give(world, alice, has)
            said.append(publish(world, f"2.{len(said)}").status)
    assert said == [403, 200, 200, 403, 403, 200]


def test_a17_the_token_of_an_account_that_lost_its_second_factor_publishes_nothing_more(worlds: World) -> None:
    world = worlds
    alice = person(world)
    give(world, alice, "webauthn")
    enforced(world)
    assert publish(world, "2.0").status == 200
    lose_all(world, alice)
    assert publish(world, "2.1").status == 403
    with world.app.database.read() as sql:
        kinds = [entry.kind for entry in ledger.of_project(sql, "demo")]
    assert kinds.count("upload-refused") == 1


def test_each_scope_covers_what_it_says(worlds: World) -> None:
    world = worlds
    address(world, "bob")
    assert publish(world, "1.0", user="bob", name="small").status == 200
    with world.app.database.write() as sql:
        made = organization.insert().values(name="Guild", normalized="guild", created_at=world.clock.now())
        guild = sql.execute(made.returning(organization.c.id)).scalar_one()
        carol = organization_member.insert().values(
            organization_id=guild, account_id=address_id(sql, "bob"), role="owner"
        )
        sql.execute(carol)
    enforced(world)
    assert (publish(world, "2.0").status, publish(world, "2.0", user="bob", name="small").status) == (403, 200)
    of_guild = enforced(world, "organization", organization="GUILD")
    assert publish(world, "2.1", user="bob", name="small").status == 200
    with world.app.database.write() as sql:
        sql.execute(project.update().where(project.c.normalized == "small").values(organization_id=guild))
    assert publish(world, "2.2", user="bob", name="small").status == 403
    (asked, *_) = required(world, person(world, "bob"))
    assert asked.because is not None
    assert asked.because.mandate.organization == "Guild"
    world.app.deeds.delay = timedelta(0)
    world.app.do(end_mandate, End(of_guild.id, "It was for a while."))
    assert publish(world, "2.2", user="bob", name="small").status == 200
    enforced(world, "all")
    assert publish(world, "2.3", user="bob", name="small").status == 403
    assert publish(world, "1.0", user="bob", name="brand-new").status == 403, "nor is a name claimed"
    with world.app.database.read() as sql:
        assert find_project(sql, "brand-new") is None


def address_id(sql: sa.Connection, name: str) -> int:
    return find_user(sql, name).id


def test_whoever_is_let_off_owes_nothing_until_the_day(world: World) -> None:
    alice, found = person(world), enforced(world)
    world.app.deeds.delay = timedelta(0)
    until = world.clock.now() + 5 * DAY
    with pytest.raises(Rejected, match="either"):
        world.app.do(exempt, Exempt(found.id, "Ill.", until))
    with pytest.raises(Rejected, match="reason"):
        world.app.do(exempt, Exempt(found.id, "", until, "alice"))
    world.app.do(exempt, Exempt(found.id, "In hospital.", until, "alice"))
    assert publish(world, "2.0").status == 200
    (asked, *_) = required(world, alice)
    assert asked.exempt is not None
    assert "In hospital." in requirements_text(asked, "")
    world.clock.turn(5 * DAY)
    assert publish(world, "2.1").status == 403

    until = world.clock.now() + 5 * DAY
    world.app.do(exempt, Exempt(found.id, "It moves away.", until, project="demo"))
    assert publish(world, "2.1").status == 200
    with world.app.database.read() as sql:
        last = exemptions(sql, [found.id])[-1]
    world.app.do(end_exemption, EndExemption(last.id, found.id))
    assert publish(world, "2.2").status == 403
    with pytest.raises(Refused, match="No exemption"):
        world.app.do(end_exemption, EndExemption(last.id, found.id))


def test_asking_for_less_waits_and_is_announced_and_asking_for_more_does_not(worlds: World) -> None:
    world = worlds
    found, now = mandated(world), world.clock.now()
    sooner = world.app.do(change_mandate, Change(found.id, enforced_at=now + 5 * DAY))
    assert sooner.waits is None
    assert sooner.mandate.dates.enforced_at == now + 5 * DAY
    stricter = world.app.do(change_mandate, Change(found.id, methods="webauthn"))
    assert stricter.mandate.methods == "webauthn"
    with pytest.raises(Rejected, match="reason"):
        world.app.do(change_mandate, Change(found.id, enforced_at=now + 30 * DAY))
    for deed, wish in (
        (change_mandate, Change(found.id, "Too soon.", enforced_at=now + 30 * DAY)),
        (change_mandate, Change(found.id, "Too hard.", methods="any")),
        (exempt, Exempt(found.id, "Ill.", now + 9 * DAY, "alice")),
        (end_mandate, End(found.id, "A mistake.")),
    ):
        try:
            outcome = world.app.do(deed, wish)  # type: ignore[arg-type]
        except Refused as refused:
            assert refused.code == "waits-already"  # noqa: PT017 - the second change of the same kind
            continue
        assert outcome.waits is not None, wish
    with world.app.database.read() as sql:
        assert find_mandate(sql, found.id) == stricter.mandate
    world.clock.turn(timedelta(hours=73))
    settle(world)
    with world.app.database.read() as sql:
        after = find_mandate(sql, found.id)
    assert after.ended_at is not None
    assert after.end_reason == "A mistake."


def test_an_owner_asks_it_of_his_project_and_has_it_himself_first(world: World, sink: MailSink) -> None:
    alice, bob = person(world), address(world, "bob")
    with world.app.database.write() as sql:
        found = find_project(sql, "demo")
        assert found is not None
        sql.execute(project_role.insert().values(project_id=found.id, account_id=bob.id, role="maintainer"))
    wish = Announce("Two factors", "project", "any", dates(world, 0, 0, 0), project="demo", by=alice.actor)
    with pytest.raises(Refused, match="yourself"):
        world.app.do(announce, wish)
    give(world, alice, "totp")
    with pytest.raises(Refused, match="owner"):
        world.app.do(announce, Announce("x", "project", "any", dates(world), project="demo", by=bob.actor))
    with pytest.raises(Refused, match="operator"):
        world.app.do(announce, Announce("x", "all", "any", dates(world), by=alice.actor))
    made = world.app.do(announce, wish)
    with pytest.raises(Refused, match="already"):
        world.app.do(announce, wish)
    assert publish(world, "2.0").status == 200
    assert publish(world, "2.1", user="bob").status == 403
    settle(world)
    assert letters(sink, "bob", "You need a second factor now")
    assert not letters(sink, "alice", "You need a second factor now")
    with pytest.raises(Refused, match="Only an"):
        world.app.do(end_mandate, End(made.id, "Too hard.", bob.actor))
    waits = world.app.do(end_mandate, End(made.id, "Too hard.", alice.actor)).waits
    assert waits is not None, "it is a critical project"
    with world.app.database.write() as sql:
        sql.execute(sa.text("DELETE FROM critical_mark"))
        sql.execute(sa.text("DELETE FROM pending_change"))
    ended = world.app.do(end_mandate, End(made.id, "Too hard.", alice.actor))
    assert ended.waits is None
    assert publish(world, "2.1", user="bob").status == 200
    assert world.app.do(announce, wish).id != made.id


def test_a16_the_last_accepted_factor_stays_while_a_mandate_holds(world: World) -> None:
    alice = person(world)
    world.app.deeds.delay = timedelta(0)
    key, app = give(world, alice, "webauthn"), give(world, alice, "totp", "phone")
    mandated(world, methods="webauthn")

    def remove(factor: int) -> None:
        world.app.do(remove_factor, RemoveFactor(alice.id, factor, alice.identity))

    world.clock.turn(20 * DAY)
    with pytest.raises(Refused, match="rests on this factor") as refused:
        remove(key)
    (asked, *_) = required(world, alice)
    assert requirements_text(asked, "") in str(refused.value)
    second = give(world, alice, "webauthn", "spare")
    remove(key)
    remove(app)
    with pytest.raises(Refused, match="rests on this factor"):
        remove(second)
    with world.app.database.read() as sql:
        assert [row.id for row in sql.execute(sa.select(second_factor.c.id))] == [second]


def test_a16_of_two_keys_removed_at_once_one_stays(worlds: World) -> None:
    world = worlds
    alice = person(world)
    keys = [give(world, alice, "webauthn", "one"), give(world, alice, "webauthn", "two")]
    enforced(world)
    world.app.deeds.delay = timedelta(0)
    barrier, refused = threading.Barrier(2), []

    def remove(factor: int) -> None:
        barrier.wait()
        try:
            world.app.do(remove_factor, RemoveFactor(alice.id, factor, alice.identity))
        except Refused as error:
            refused.append(error.code)

    threads = [threading.Thread(target=remove, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["factor-required"]


def test_a16_of_two_keys_whose_removal_waits_one_stays(world: World) -> None:
    alice = person(world)
    keys = [give(world, alice, "webauthn", "one"), give(world, alice, "webauthn", "two")]
    enforced(world)
    for key in keys:
        assert isinstance(world.app.do(remove_factor, RemoveFactor(alice.id, key, alice.identity)), PendingChange)
    world.clock.turn(timedelta(hours=73))
    settle(world)
    with world.app.database.read() as sql:
        assert [row.id for row in sql.execute(sa.select(second_factor.c.id))] == keys[1:]


def test_a_factor_may_go_before_the_day_and_when_nothing_asks_for_it(world: World) -> None:
    alice = person(world)
    key = give(world, alice, "webauthn")
    mandated(world)
    world.app.deeds.delay = timedelta(0)
    world.app.do(remove_factor, RemoveFactor(alice.id, key, alice.identity))
    assert publish(world, "2.0").status == 200


def test_what_nobody_requires_is_called_optional(world: World) -> None:
    alice = person(world)
    assert [(one.state, one.methods) for one in required(world, alice)] == [
        ("optional", ("webauthn", "totp")), ("optional", ("webauthn",)),
    ]  # fmt: skip
    enforced(world)
    assert [one.state for one in required(world, alice)] == ["enforced", "optional"]
    planned = mandated(world, dates=dates(world, 5, 6, 7))
    assert planned.id not in {one.because.mandate.id for one in required(world, alice) if one.because}


def test_dates_scopes_titles_and_methods_are_parsed(world: World) -> None:
    for wish, word in (
        (Announce("", "all", "any", dates(world)), "title"),
        (Announce("x", "everybody", "any", dates(world)), "scope"),
        (Announce("x", "all", "sms", dates(world)), "methods"),
        (Announce("x", "all", "any", dates(world, 5, 4, 6)), "dates"),
    ):
        with pytest.raises(Rejected, match=word):
            world.app.do(announce, wish)
    with world.app.database.read() as sql:
        assert mandates(sql) == []


def test_a_letter_is_written_once_by_two_workers_at_once(worlds: World) -> None:
    world = worlds
    from customhouse.index.mandates.tell import write_letters  # noqa: PLC0415 - only here

    enforced(world)
    barrier, written = threading.Barrier(2), []

    def write() -> None:
        barrier.wait()
        written.append(write_letters(world.app.database, world.clock.now(), "https://index.test"))

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(written) == 1
    with world.app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(mandate_letter)).scalar_one() == 1


@contextmanager
def counted_statements(world: World) -> Iterator[list[str]]:
    said: list[str] = []
    note = lambda _c, _cur, statement, *_: said.append(statement)  # noqa: E731
    sa.event.listen(world.app.database.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        sa.event.remove(world.app.database.engine, "before_cursor_execute", note)


def test_the_rule_of_the_upload_asks_one_statement_or_two(world: World) -> None:
    alice = person(world)
    give(world, alice, "totp")

    def ask() -> int:
        with world.app.database.read() as sql:
            found = find_project(sql, "demo")
            assert found is not None
            with counted_statements(world) as said:
                asking = Publisher(Actor(alice.identity, alice.id), found, world.clock.now(), "")
                assert rule.may_upload(sql, asking) is None
        return len(said)

    assert ask() == 1
    enforced(world)
    assert ask() == 2
