"""Mail domains that lapse, services that are away or lie, the daily limit, and domains that come back (attack A33)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

import dns_simulator
import rdap_simulator
from clock import TurnableClock
from conftest import prepared
from customhouse.accounts.emails import AskVerification, send_verification, verify_address
from customhouse.accounts.links import MakePasswordLink, SetPassword, link_text, make_password_link, set_password
from customhouse.accounts.lost_address import may_verify
from customhouse.accounts.tables import account, account_link
from customhouse.accounts.users import SetSiteRole, User, find_user, set_site_role
from customhouse.app import open_app
from customhouse.index.domains.release import Decide, VouchForAddress, decide, vouch_for_address
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from customhouse.terms.errors import Refused
from customhouse.terms.identity import ANONYMOUS, NOBODY
from domain_world import DAY, DomainWorld, domain_world
from mail_sink import text_of
from packages import wheel
from person import PASSWORD, hashed_password
from telling import settle

pytestmark = pytest.mark.slow

ALICE = "alice@ctx.example"
LIFE = timedelta(hours=6)


@pytest.fixture
def place(database_settings: Settings, clock: TurnableClock, walkers: Walkers) -> Iterator[DomainWorld]:
    with domain_world(database_settings, clock, walkers, domain_unverify_per_day=3) as made:
        yield made


@pytest.fixture
def small_place(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock, walkers: Walkers
) -> Iterator[DomainWorld]:
    settings = prepared(Settings.model_validate({"data": tmp_path / "data"}), request)
    with domain_world(settings, clock, walkers) as made:
        yield made


def people(place: DomainWorld) -> None:
    """Alice and bob own demo, olga runs the index; all domains are fine and have been looked at."""
    place.register("ctx.example", "house.example")
    place.someone("alice", ALICE)
    assert place.world.upload(wheel("demo"), name="demo", version="1.0").status == 200
    place.someone("bob", "bob@house.example", projects=["demo"])
    place.someone("carol", "carol@house.example")
    place.someone("olga", "olga@house.example")
    place.app.do(set_site_role, SetSiteRole("olga", "operator"))
    place.days(1)
    assert place.state("ctx.example") == ("fine", "")
    settle(place.world)
    place.sink.clear()


def new_link(place: DomainWorld, name: str = "alice", *, mail: bool = True) -> str:
    return place.app.do(make_password_link, MakePasswordLink(_user(place, name), LIFE, ANONYMOUS, mail=mail))


def _user(place: DomainWorld, name: str) -> User:
    with place.app.database.read() as sql:
        return find_user(sql, name)


def test_a33_a_domain_in_redemption_takes_its_addresses_along_at_once(place: DomainWorld) -> None:
    people(place)
    open_link = link_text(place.app.key, new_link(place))
    settle(place.world)
    assert place.subjects(ALICE) == ["Choose a password"]
    place.sink.clear()
    place.registry.domains["ctx.example"].statuses = ["redemption period"]
    place.days(1)

    assert place.state("ctx.example") == ("lost", "redemption")
    assert not place.verified("alice")
    assert place.verified("bob")
    assert [body["reason"] for body in place.events("email-unverified")] == ["redemption"]
    # The next holder of the domain would read it; so nothing goes there.
    assert place.subjects(ALICE) == []
    assert place.subjects("bob@house.example") == ["The address of alice is not verified any more"]
    assert place.subjects("olga@house.example") == ["The mail domain ctx.example is lost"]
    assert place.subjects("carol@house.example") == []
    with pytest.raises(Refused, match="does not work"):
        place.app.do(partial(set_password, place.app.key), SetPassword(hashed_password(), link=open_link))


def test_a33_what_else_lets_the_holder_in_stays_as_it_is(small_place: DomainWorld) -> None:
    place = small_place
    people(place)
    alice = place.world.person("alice")
    place.registry.domains["ctx.example"].statuses = ["pending delete"]
    place.days(1)
    assert alice.get("/account/").status_code in (200, 303)  # the session may have grown too old meanwhile
    again = place.world.stranger()
    assert again.sign_in("alice", PASSWORD).status_code == 303
    assert "/account/address/" in again.get("/account/").text
    assert place.world.upload(wheel("demo", "1.1"), name="demo", version="1.1").status == 200


def test_a33_a_reset_to_a_lost_address_is_refused_and_looks_like_any_other(place: DomainWorld) -> None:
    people(place)
    place.registry.domains["ctx.example"].statuses = ["redemption period"]
    place.days(1)
    place.sink.clear()
    stranger = place.world.stranger()
    pages = [stranger.post("/account/reset/", name=name) for name in ("alice", ALICE, "nobody-of-that-name")]
    assert {page.status_code for page in pages} == {200}
    # Only the token against forged forms differs from page to page, if anything.
    assert len({page.text.replace(stranger.csrf, "") for page in pages}) == 1
    settle(place.world)
    assert place.subjects(ALICE) == []
    with place.app.database.read() as sql:
        assert sql.execute(sa.select(account_link).where(account_link.c.used_at.is_(None))).all() == []
    # Two were asked for, one is told: whoever knows a name could fill mailboxes otherwise.
    assert len(place.events("link-withheld")) == 1
    assert place.subjects("bob@house.example") == ["A link for the account alice was not sent"]
    assert place.subjects("olga@house.example") == ["A link for the account alice was not sent"]


def test_a33_a_link_from_an_operator_sets_a_password_and_verifies_nothing(small_place: DomainWorld) -> None:
    place = small_place
    people(place)
    place.registry.domains["ctx.example"].statuses = ["redemption period"]
    place.days(1)
    link = link_text(place.app.key, new_link(place, mail=False))
    place.app.do(partial(set_password, place.app.key), SetPassword(hashed_password(), link=link))
    assert not place.verified("alice")


def test_a33_a_name_that_is_gone_counts_only_when_it_was_gone_a_day_before(small_place: DomainWorld) -> None:
    place = small_place
    people(place)
    place.lapse("ctx.example")
    place.days(1)
    assert place.state("ctx.example") == ("suspicious", "gone")
    assert place.verified("alice")
    # Looking again and again makes no day pass.
    for _ in range(5):
        place.world.clock.turn(timedelta(hours=4))
        place.app.watch.look("ctx.example")
    assert place.verified("alice")
    place.register("ctx.example", at=place.now - 900 * DAY)
    place.days(1)
    assert place.state("ctx.example") == ("fine", "")
    place.lapse("ctx.example")
    place.days(1)
    assert place.verified("alice")
    place.days(1)
    assert place.state("ctx.example") == ("lost", "gone")
    assert not place.verified("alice")


def test_a33_a_domain_that_takes_no_mail_is_lost_after_a_day(small_place: DomainWorld) -> None:
    place = small_place
    people(place)
    place.names.zone("ctx.example", NS=["ns1.host.example."])
    place.days(1)
    assert place.state("ctx.example") == ("suspicious", "no-mail")
    place.days(1)
    assert place.state("ctx.example") == ("lost", "no-mail")
    assert not place.verified("alice")


@pytest.mark.parametrize(
    "behaviour",
    [rdap_simulator.SERVER_ERROR, rdap_simulator.TIRED, rdap_simulator.WEB_PAGE, rdap_simulator.BAD_DATE],
)
def test_a33_a_registry_that_is_away_or_odd_changes_nothing(small_place: DomainWorld, behaviour: str) -> None:
    place = small_place
    people(place)
    place.registry.behaviour = behaviour
    place.days(5)
    assert place.verified("alice")
    assert place.state("ctx.example") == ("fine", "")
    assert not place.events("email-unverified", "mail-domain-lost", "mail-domain-waits")


@pytest.mark.parametrize("behaviour", [dns_simulator.SERVFAIL, dns_simulator.SILENT, dns_simulator.NXDOMAIN])
def test_a33_name_servers_that_are_away_or_lie_about_everything_change_nothing(
    small_place: DomainWorld, behaviour: str
) -> None:
    place = small_place
    people(place)
    place.names.behaviour = behaviour
    place.days(2)
    place.names.behaviour, place.names.wildcard = dns_simulator.NORMAL, True
    place.lapse("ctx.example")  # it would be found by such a server: nothing is concluded from that either
    place.days(2)
    assert place.verified("alice")
    assert place.state("ctx.example") == ("fine", "")


def test_a33_nobody_answers_for_days_then_operators_hear_of_it_and_of_its_end(small_place: DomainWorld) -> None:
    place = small_place
    people(place)
    place.names.behaviour, place.registry.behaviour = dns_simulator.SERVFAIL, rdap_simulator.SERVER_ERROR
    place.days(2)
    assert place.subjects("olga@house.example") == []
    place.days(4)
    assert place.subjects("olga@house.example") == ["Mail domains cannot be looked at"]
    assert "For 3 days" not in text_of(place.sink.letters_to("olga@house.example")[0])
    assert "for 3 days nobody has answered" in text_of(place.sink.letters_to("olga@house.example")[0])
    assert place.verified("alice")
    place.names.behaviour, place.registry.behaviour = dns_simulator.NORMAL, rdap_simulator.NORMAL
    place.days(1)
    assert place.subjects("olga@house.example")[1:] == ["Mail domains can be looked at again"]
    assert place.state("ctx.example") == ("fine", "")
    assert [set(body) for body in place.events("mail-domain-looks-fail")] == [{"domains", "days", "why"}]


def test_a33_failures_are_met_with_patience_and_a_tired_registry_is_left_alone(small_place: DomainWorld) -> None:
    place = small_place
    place.register(*(f"d{number}.example" for number in range(8)))
    for number in range(8):
        place.someone(f"user{number}", f"x@d{number}.example")
    place.registry.behaviour = rdap_simulator.TIRED
    place.days(1)
    assert len(place.registry.asked) == 1  # the first no was enough for this run
    asked = len(place.registry.asked)
    place.world.clock.turn(timedelta(minutes=50))
    place.round()
    assert len(place.registry.asked) == asked  # an hour has not passed yet
    place.world.clock.turn(timedelta(minutes=15))
    place.registry.behaviour = rdap_simulator.NORMAL
    place.round()
    assert {place.state(f"d{number}.example") for number in range(8)} == {("fine", "")}


def many(place: DomainWorld, count: int) -> list[str]:
    """So many people, each with a domain of his own, all looked at."""
    domains = [f"d{number}.example" for number in range(count)]
    place.register(*domains)
    for number, domain in enumerate(domains):
        place.someone(f"user{number}", f"x@{domain}")
    place.days(1)
    return domains


def test_a33_both_services_lie_and_no_more_than_the_daily_number_of_addresses_goes(place: DomainWorld) -> None:
    domains = many(place, 5)
    zones = dict(place.names.zones)
    for domain in domains:
        place.names.remove(domain)
    place.registry.behaviour = rdap_simulator.LIES_404
    place.days(1)
    assert all(place.verified(f"user{number}") for number in range(5))
    place.days(1)
    gone = [number for number in range(5) if not place.verified(f"user{number}")]
    assert len(gone) == 3
    assert len(place.events("mail-domain-waits")) == 2
    place.world.clock.turn(timedelta(hours=3))
    # They come back: what waits is forgotten, and the rest may be verified by a link, because nobody else had it.
    place.names.zones, place.registry.behaviour = zones, rdap_simulator.NORMAL
    place.days(1)
    assert {place.state(domain) for domain in domains} == {("fine", "")}
    assert len([number for number in range(5) if not place.verified(f"user{number}")]) == 3
    user = _user(place, f"user{gone[0]}")
    place.app.do(send_verification, AskVerification(user, LIFE))
    with place.app.database.read() as sql:
        link_id = sql.execute(
            sa.select(account_link.c.id).where(account_link.c.account_id == user.id, account_link.c.used_at.is_(None))
        ).scalar_one()
    place.app.do(partial(verify_address, place.app.key), link_text(place.app.key, link_id))
    assert place.verified(user.name)


def test_a33_the_daily_number_holds_on_two_processes_and_after_a_restart(place: DomainWorld) -> None:
    domains = many(place, 7)
    for domain in domains:
        place.registry.domains[domain].statuses = ["redemption period"]
    settings = place.app.settings
    place.world.clock.turn(DAY + timedelta(minutes=2))
    with open_app(settings, clock=place.world.clock) as one, open_app(settings, clock=place.world.clock) as other:
        threads = [threading.Thread(target=app.watch.run, args=(1000,)) for app in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(place.state(domain)[0] for domain in domains) == ["lost"] * 3 + ["waiting"] * 4
    assert sum(not place.verified(f"user{number}") for number in range(7)) == 3
    assert len(place.events("mail-domain-lost")) == 3
    with open_app(settings, clock=place.world.clock) as again:
        for domain in domains:
            again.watch.look(domain)
    assert sum(not place.verified(f"user{number}") for number in range(7)) == 3
    # A domain that waits needs a human, though the day is over.
    place.world.clock.turn(DAY + timedelta(minutes=2))
    with open_app(settings, clock=place.world.clock) as tomorrow:
        tomorrow.watch.run(1000)
    assert sum(not place.verified(f"user{number}") for number in range(7)) == 3


def test_an_operator_lets_a_domain_go_or_spares_it(place: DomainWorld) -> None:
    people(place)
    place.someone("dave", "dave@ctx.example")
    settings = Settings.model_validate(place.app.settings.model_dump() | {"domain_unverify_per_day": 1})
    place.registry.domains["ctx.example"].statuses = ["redemption period"]
    with open_app(settings, clock=place.world.clock) as app:
        app.watch.look("ctx.example")
    settle(place.world)
    assert place.state("ctx.example") == ("waiting", "redemption")
    assert place.subjects("olga@house.example") == ["The mail domain ctx.example waits for you"]
    with pytest.raises(Refused, match="Only an operator"):
        place.app.do(decide, Decide("ctx.example", True, "I say so", NOBODY))
    assert place.app.do(decide, Decide("ctx.example", lost=False, reason="They have paid.")) == 0
    with open_app(settings, clock=place.world.clock) as app:
        app.watch.look("ctx.example")
    assert place.state("ctx.example") == ("suspicious", "redemption")
    assert place.verified("alice")
    place.world.clock.turn(31 * DAY)
    with open_app(settings, clock=place.world.clock) as app:
        app.watch.look("ctx.example")
    assert place.app.do(decide, Decide("ctx.example", lost=True, reason="It is for sale.")) == 2
    assert place.state("ctx.example") == ("lost", "redemption")
    assert not place.verified("alice")
    assert not place.verified("dave")
    with pytest.raises(Refused, match="does not wait"):
        place.app.do(decide, Decide("ctx.example", lost=True, reason="Again."))


def test_a33_sparing_covers_nobody_who_registers_the_domain_afterwards(small_place: DomainWorld) -> None:
    place = small_place
    people(place)
    place.someone("dave", "dave@ctx.example")
    settings = Settings.model_validate(place.app.settings.model_dump() | {"domain_unverify_per_day": 1})
    place.registry.domains["ctx.example"].statuses = ["redemption period"]
    with open_app(settings, clock=place.world.clock) as app:
        app.watch.look("ctx.example")
    # Something else that is odd does not take it off the operators' list.
    place.registry.domains["ctx.example"].statuses = ["pending delete", "pending restore"]
    place.app.watch.look("ctx.example")
    assert place.state("ctx.example") == ("waiting", "redemption")
    place.app.do(decide, Decide("ctx.example", lost=False, reason="They have paid."))
    place.world.clock.turn(5 * DAY)
    place.register("ctx.example", at=place.now - timedelta(hours=1))
    place.app.watch.look("ctx.example")
    assert place.state("ctx.example") == ("lost", "registered-again")
    assert not place.verified("alice")


def test_a33_no_link_goes_to_a_domain_that_waits(place: DomainWorld) -> None:
    """Whoever lets domains of his own lapse uses up the daily number, and gains nothing by it."""
    people(place)
    many = [f"d{number}.example" for number in range(3)]
    place.register(*many)
    for number, domain in enumerate(many):
        place.someone(f"puppet{number}", f"x@{domain}")
    place.days(1)
    for domain in many:
        place.registry.domains[domain].statuses = ["redemption period"]
        place.app.watch.look(domain)
    place.registry.domains["ctx.example"].statuses = ["redemption period"]
    place.app.watch.look("ctx.example")
    settle(place.world)
    place.sink.clear()
    assert place.state("ctx.example") == ("waiting", "redemption")
    assert place.verified("alice")
    new_link(place)
    settle(place.world)
    # Her address counts as ever, so she hears of it; what opens the account does not go there.
    for address in (ALICE, "bob@house.example", "olga@house.example"):
        assert place.subjects(address) == ["A link for the account alice was not sent"]
    place.registry.domains["ctx.example"].statuses = ["active"]
    place.world.clock.turn(timedelta(minutes=10))
    new_link(place)
    settle(place.world)
    assert place.subjects(ALICE)[1:] == ["Choose a password"]
    assert place.state("ctx.example") == ("fine", "")


def test_a33_a_domain_that_was_renewed_is_verified_by_hand_and_by_a_link(small_place: DomainWorld) -> None:
    place = small_place
    people(place)
    place.registry.domains["ctx.example"].statuses = ["redemption period"]
    place.days(1)
    user = _user(place, "alice")
    with place.app.database.read() as sql:
        assert may_verify(sql, user.id, ALICE) is not None
    place.registry.domains["ctx.example"].statuses = ["active"]
    place.days(1)
    assert place.state("ctx.example") == ("fine", "")
    assert not place.verified("alice")  # nothing comes back by itself
    with place.app.database.read() as sql:
        assert may_verify(sql, user.id, ALICE) is None


def test_a33_a_domain_that_was_registered_again_needs_more_than_a_link(small_place: DomainWorld) -> None:
    place = small_place
    people(place)
    place.register("ctx.example", at=place.now - timedelta(hours=1))
    place.days(1)
    assert place.state("ctx.example") == ("lost", "registered-again")
    place.days(3)
    assert place.state("ctx.example") == ("fine", "")  # a domain like any other, but not alice's
    user = _user(place, "alice")
    with pytest.raises(Refused, match="does not show that it is still yours"):
        place.app.do(send_verification, AskVerification(user, LIFE))
    place.app.do(vouch_for_address, VouchForAddress("alice", "I know her voice."))
    settle(place.world)
    assert place.subjects(ALICE) == ["You can verify your address again"]
    assert not place.verified("alice")
    place.app.do(send_verification, AskVerification(user, LIFE))
    # The new holder's own people are nobody's business.
    place.someone("eve", "eve@ctx.example")
    place.days(1)
    assert place.verified("eve")


def test_a_new_address_ends_the_matter(small_place: DomainWorld) -> None:
    place = small_place
    people(place)
    place.registry.domains["ctx.example"].statuses = ["redemption period"]
    place.days(1)
    assert place.lost("alice") is not None
    place.someone("alice", "alice@house.example")
    assert place.lost("alice") is None
    place.sink.clear()
    new_link(place)
    settle(place.world)
    assert place.subjects("alice@house.example") == ["Choose a password"]


def test_domains_come_and_go_with_the_addresses_and_spared_ones_are_left_alone(small_place: DomainWorld) -> None:
    place = small_place
    place.register("ctx.example")
    place.someone("alice", "alice@ctx.example")
    place.someone("bob", "bob@corp.internal")
    place.someone("carol", "carol@localhost")
    place.someone("dave", "Dave@BÜCHER.example")
    made = place.someone("erin", "erin@spam.example")
    with place.app.database.write() as sql:  # registered, and never verified: no proof of anything
        sql.execute(
            account.update().where(account.c.id == made.id).values(email_verified_at=None, registered_at=place.now)
        )
    settings = Settings.model_validate(place.app.settings.model_dump() | {"domains_spared": ("internal",)})
    with open_app(settings, clock=place.world.clock) as app:
        app.watch.gather()
        place.world.clock.turn(DAY)
        app.watch.run(100)
    assert {name for name, _kind, _way in place.names.asked} == {"ctx.example", "xn--bcher-kva.example"}
    place.someone("alice", "alice@other.example")
    place.app.watch.gather()
    with pytest.raises(sa.exc.NoResultFound):
        place.state("ctx.example")


def test_a37_what_an_address_names_gets_into_no_strange_question(small_place: DomainWorld) -> None:
    place = small_place
    for number, domain in enumerate(
        ("a..b.example", "exa_mple.com/../x", "[127.0.0.1]", "two words.example", "-x.example")
    ):
        place.someone(f"user{number}", f"x@{domain}")
    place.days(2)
    assert place.names.asked == []
    assert place.registry.asked == []
    assert all(place.verified(f"user{number}") for number in range(5))
