"""The takeover of ctx in May 2022, played again: a lapsed mail domain is bought, and a new password is asked for.

The project had been quiet for years. The domain of its maintainer's address ran out and was registered anew on 14 May
2022; within the hour a link to a new password was asked for, which went to the new holder, and on that day and the next
one releases were uploaded that sent away the environment of whoever installed them; some 27,000 downloads (incident 1,
attack A33). The days here are those of the incident, the minutes between them ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

import dns_simulator
import rdap_simulator
from clock import TurnableClock
from customhouse.accounts.users import SetSiteRole, set_site_role
from customhouse.infra.settings import Settings
from customhouse.infra.walkers import Walkers
from domain_world import DAY, DomainWorld, domain_world
from mail_sink import text_of
from packages import wheel
from telling import settle
from world import upload

pytestmark = pytest.mark.slow

AUTHOR = "author@ctx-author.example"
VERIFIED = datetime(2022, 1, 10, 9, 0, tzinfo=UTC)
EXPIRED = datetime(2022, 3, 29, tzinfo=UTC)
BOUGHT = datetime(2022, 5, 14, 18, 40, tzinfo=UTC)
ASKED = datetime(2022, 5, 14, 18, 52, tzinfo=UTC)
UPLOADED = datetime(2022, 5, 14, 19, 18, tzinfo=UTC)
AGAIN = datetime(2022, 5, 15, 6, 0, tzinfo=UTC)


@pytest.fixture
def place(database_settings: Settings, walkers: Walkers) -> Iterator[DomainWorld]:
    with domain_world(database_settings, TurnableClock(VERIFIED), walkers) as made:
        made.register("house.example")
        made.register("ctx-author.example", at=datetime(2014, 12, 1, tzinfo=UTC), years=7)
        made.registry.domains["ctx-author.example"].expires_at = EXPIRED
        made.someone("author", AUTHOR)
        assert made.world.upload(wheel("ctx", "0.1.2"), user="author", name="ctx", version="0.1.2").status == 200
        made.someone("friend", "friend@house.example", projects=["ctx"])
        made.someone("olga", "olga@house.example")
        made.app.do(set_site_role, SetSiteRole("olga", "operator"))
        made.days(1)
        made.sink.clear()
        yield made


def turn_to(place: DomainWorld, moment: datetime) -> None:
    """Let the time go by, with a round of looks on each of the last days; those before are like each other."""
    if moment - place.now > 4 * DAY:
        place.world.clock.turn(moment - place.now - 4 * DAY)
    while moment - place.now > DAY + timedelta(minutes=5):
        place.days(1)
    place.world.clock.turn(moment - place.now)


def buy(place: DomainWorld) -> None:
    """The attacker registers the domain; its mail comes to him from now on."""
    place.registry.domains["ctx-author.example"] = rdap_simulator.Domain(BOUGHT, BOUGHT + 365 * DAY)
    place.names.zone("ctx-author.example", MX=["10 mx.attacker.example."], NS=["ns1.attacker.example."])


def digests(place: DomainWorld) -> str:
    return place.world.client.get("/simple/ctx/").text


def test_ctx_domain_takeover(place: DomainWorld) -> None:
    before = digests(place)
    world = place.world
    # The domain is not renewed. Some days later its registry holds it back for thirty days, for the holder to redeem.
    turn_to(place, EXPIRED + 8 * DAY)
    place.days(1)
    assert place.state("ctx-author.example") == ("suspicious", "expired")
    assert place.verified("author")
    place.registry.domains["ctx-author.example"].statuses = ["redemption period"]
    place.names.remove("ctx-author.example")
    place.days(1)
    lost_on = place.now
    assert lost_on < BOUGHT - 30 * DAY
    assert not place.verified("author")
    assert place.subjects("friend@house.example") == ["The address of author is not verified any more"]
    assert "was not renewed" in text_of(place.sink.letters_to("friend@house.example")[0])
    assert place.subjects("olga@house.example") == ["The mail domain ctx-author.example is lost"]
    place.lapse("ctx-author.example")

    # 14 May: somebody else registers it and takes its mail.
    turn_to(place, BOUGHT)
    buy(place)
    turn_to(place, ASKED)
    place.sink.clear()
    attacker = world.stranger()
    answers = [attacker.post("/account/reset/", name=name) for name in ("author", AUTHOR, "nobody-here")]
    assert {one.status_code for one in answers} == {200}
    settle(world)
    assert place.sink.letters_to(AUTHOR) == []
    assert place.subjects("friend@house.example") == ["A link for the account author was not sent"]
    assert place.subjects("olga@house.example") == ["A link for the account author was not sent"]
    assert [(body["name"], body["domain"]) for body in place.events("link-withheld")] == [
        ("author", "ctx-author.example")
    ]
    # He guesses a password, and asks for a letter that verifies the address: he is nobody here.
    assert attacker.sign_in("author", "ctx-author.example").status_code == 403
    assert "/account/sign-in/" in attacker.post("/account/address/again/").headers.get("location", "/account/sign-in/")

    # 14 and 15 May: he would publish. Without a token of the author, or with one of an account of his own, he cannot.
    turn_to(place, UPLOADED)
    stolen = wheel("ctx", "0.2.2", files={"ctx/__init__.py": b"import os; print(os.environ)\n"})
    assert upload(world.client, "", stolen, name="ctx", version="0.2.2").status in (401, 403)
    assert upload(world.client, "cht-guess", stolen, name="ctx", version="0.2.2").status in (401, 403)
    turn_to(place, AGAIN)
    place.someone("mallory", "mallory@ctx-author.example")
    assert world.upload(stolen, user="mallory", name="ctx", version="0.2.6").status == 403
    place.round()
    assert digests(place) == before
    assert place.lost("author") is not None

    # The author still has what he had: his password and his token. He gives another address, and all is well.
    place.someone("author", "author@house.example")
    assert place.lost("author") is None
    assert place.world.upload(wheel("ctx", "0.1.3"), user="author", name="ctx", version="0.1.3").status == 200


def test_ctx_domain_takeover_seen_only_when_the_link_is_asked_for(place: DomainWorld) -> None:
    """The registry was away all the time in which the domain lapsed, and is back on the day: the link is not sent."""
    turn_to(place, EXPIRED - DAY)
    place.registry.behaviour = rdap_simulator.SERVER_ERROR
    place.names.behaviour = dns_simulator.SERVFAIL
    turn_to(place, BOUGHT)
    buy(place)
    place.registry.behaviour, place.names.behaviour = rdap_simulator.NORMAL, dns_simulator.NORMAL
    assert place.verified("author")  # no look that failed has changed anything
    turn_to(place, ASKED)
    place.sink.clear()
    page = place.world.stranger().post("/account/reset/", name="author")
    assert page.status_code == 200
    settle(place.world)
    assert place.sink.letters_to(AUTHOR) == []
    assert place.state("ctx-author.example") == ("lost", "registered-again")
    assert not place.verified("author")
    assert place.subjects("friend@house.example") == ["The address of author is not verified any more"]
    assert place.subjects("olga@house.example") == ["The mail domain ctx-author.example is lost"]
