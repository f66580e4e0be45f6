"""Terms of use: none by default; each wording is agreed to once, and from a day on uploads need it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from customhouse.accounts.terms import PublishTerms, count_accepted, current_terms, publish_terms
from customhouse.ledger import queries as ledger
from customhouse.terms.errors import Refused
from customhouse.terms.identity import NOBODY
from packages import wheel
from person import Person
from world import World


def kinds(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return [entry.kind for entry in ledger.entries(sql)]


def agree(person: Person, revision: int, onward: str = "/account/") -> int:
    person.get("/account/terms/")
    sent = {"revision": str(revision), "agree": "yes", "next": onward}
    return person.post("/account/terms/", **sent).status_code


def test_an_index_without_terms_asks_nobody(small_world: World) -> None:
    assert "This index has none" in small_world.stranger().get("/terms/").text
    assert small_world.person("alice").get("/account/").status_code == 200


def test_people_are_led_to_new_terms_and_their_agreement_is_recorded(world: World) -> None:
    alice = world.person("alice")
    world.upload(wheel())
    world.app.do(publish_terms, PublishTerms("Be kind.\n\nBe <b>brief</b>."))
    for page in ("/account/", "/manage/project/demo/"):
        assert alice.get(page).headers["location"] == f"/account/terms/?next={page}"
    # The account can be looked after, and uploads go on: the operator has set no day.
    assert alice.get("/account/sessions/").status_code == 200
    assert world.upload(wheel(version="1.1"), version="1.1").status == 200
    page = alice.get("/account/terms/?next=/manage/project/demo/").text
    assert "Be &lt;b&gt;brief&lt;/b&gt;." in page
    assert alice.post("/account/terms/", revision="1").status_code == 400
    assert agree(alice, 1, "/manage/project/demo/") == 303
    assert agree(alice, 1) == 303
    assert alice.get("/account/").status_code == 200
    assert kinds(world).count("terms-accepted") == 1
    with world.app.database.read() as sql:
        assert count_accepted(sql, 1) == 1


def test_a_new_wording_is_asked_for_again_and_an_old_one_cannot_be_agreed_to(world: World) -> None:
    alice = world.person("alice")
    world.app.do(publish_terms, PublishTerms("Be kind."))
    agree(alice, 1)
    world.app.do(publish_terms, PublishTerms("Be very kind."))
    assert alice.get("/account/").status_code == 303
    assert agree(alice, 1) == 409
    assert agree(alice, 2) == 303
    with world.app.database.read() as sql:
        current = current_terms(sql)
    assert current is not None
    assert (current.number, current.text) == (2, "Be very kind.")


def test_from_the_day_on_nobody_uploads_who_has_not_agreed(world: World) -> None:
    alice = world.person("alice")
    assert world.upload(wheel()).status == 200
    world.app.do(publish_terms, PublishTerms("Be kind.", world.clock.now() + timedelta(days=1)))
    assert world.upload(wheel(version="1.1"), version="1.1").status == 200
    world.clock.turn(timedelta(days=1))
    refused = world.upload(wheel(version="1.2"), version="1.2")
    assert (refused.status, "/account/terms/" in refused.text) == (403, True)
    alice.sign_in("alice")
    assert agree(alice, 1) == 303
    assert world.upload(wheel(version="1.2"), version="1.2").status == 200


def test_only_operators_publish(small_world: World) -> None:
    alice, olga = small_world.person("alice"), small_world.operator()
    with small_world.app.database.read() as sql:
        assert current_terms(sql) is None
    olga.get("/admin/terms/")
    assert olga.post("/admin/terms/", text="Be kind.", required="2027-01-31").status_code == 303
    assert olga.post("/admin/terms/", text="Be kind.", required="soon").status_code == 400
    assert alice.post("/admin/terms/", text="Be mine.").status_code == 403
    with pytest.raises(Refused):
        small_world.app.do(publish_terms, PublishTerms("x", by=NOBODY))
    assert kinds(small_world).count("terms-published") == 1
