"""What waits, on pages and by links: who sees it, who is told, and what a link from a letter is good for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.tables import account
from customhouse.index.change_role import RemoveRole, remove_role
from customhouse.index.mark_critical import MarkCritical, mark_critical
from customhouse.index.slow.links import veto_text
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.protect import Protect, protect
from customhouse.index.slow.withdraw import WithdrawChange, withdraw_change
from customhouse.infra.settings import Settings
from mail_sink import MailSink, mail_sink, text_of
from neighbours import actor, found_project, join, roles, user
from person import Person
from slowly import change, guard, waiting
from telling import settle, telling_world
from world import World


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, blank: Path, clock: TurnableClock, sink: MailSink) -> Iterator[World]:
    """A protected project of alice, bob and carol, each with an address."""
    settings = Settings.model_validate({"data": tmp_path / "data"})
    shutil.copytree(blank, settings.data)
    with telling_world(settings, clock, **sink.settings) as made:
        found_project(made, "demo", "alice")
        for who in ("bob", "carol"):
            join(made, who, "owner")
        made.clock.turn(timedelta(days=30))
        guard(made)
        user(made, "olga")
        with made.app.database.write() as sql:
            sql.execute(account.update().values(email=account.c.name + "@example.org"))
        settle(made)
        sink.clear()
        yield made


def ask(world: World) -> PendingChange:
    """Bob asks for alice's removal."""
    waits = world.app.do(remove_role, RemoveRole("demo", "alice", actor(world, "bob")))
    assert isinstance(waits, PendingChange)
    settle(world)
    return waits


def signed_in(world: World, name: str, *, site_role: str = "") -> Person:
    """In a browser; letters are left out of it, so that no new browser is asked about."""
    with world.app.database.write() as sql:
        sql.execute(account.update().where(account.c.name == name).values(email=""))
    return world.person(name, site_role=site_role)


def test_each_owner_gets_the_letter_that_is_for_him(world: World, sink: MailSink) -> None:
    ask(world)
    letters = {who: text_of(sink.letters_to(f"{who}@example.org")[0]) for who in ("alice", "bob", "carol")}
    assert "you cannot veto it yourself" in letters["alice"]
    assert "withdraw it here" in letters["bob"]
    assert re.search(r"https://index.test/veto/\d+\.\d+\.[\w-]{43}/", letters["carol"])
    assert "/veto/" not in letters["alice"] + letters["bob"]
    assert sink.letters_to("olga@example.org") == []


def test_operators_hear_of_critical_projects_and_of_whatever_is_contested(world: World, sink: MailSink) -> None:
    world.operator("olga")
    ask(world)
    assert not [one for one in sink.letters_to("olga@example.org") if "removed" in str(one["subject"])]
    carol = signed_in(world, "carol")
    carol.post(f"/account/pending/{waiting(world)[0].id}/veto/")
    settle(world)
    (contested,) = [
        one for one in sink.letters_to("olga@example.org") if "Waits for an operator" in str(one["subject"])
    ]
    assert "carol vetoed it" in text_of(contested)
    world.app.do(mark_critical, MarkCritical("demo", "Many build on it."))
    sink.clear()
    world.app.do(protect, Protect("demo", on=False, by=actor(world, "bob")))
    settle(world)
    assert "no longer wait" in str(sink.letters_to("olga@example.org")[0]["subject"])


def test_a_link_vetoes_one_change_as_one_person_and_signs_nobody_in(world: World) -> None:
    waits = ask(world)
    carol, key = user(world, "carol").id, world.app.key
    page = f"/veto/{veto_text(key, waits.id, carol)}/"
    phone = world.stranger()
    assert "Veto it as carol" in phone.get(page).text
    # Programs that look at every link of a letter change nothing.
    assert phone.client.head(page).status_code == 200
    assert change(world, waits.id).state == "waiting"
    assert "Stopped" in phone.post(page).text
    assert change(world, waits.id).contested_by == carol
    assert phone.get("/account/").headers["location"].startswith("/account/sign-in/")
    assert phone.post(page).status_code == 409


@pytest.mark.parametrize("spoil", ["change", "account", "mac", "short", "null"])
def test_a_link_that_is_not_whole_is_good_for_nothing(world: World, spoil: str) -> None:
    waits = ask(world)
    one, who, mac = veto_text(world.app.key, waits.id, user(world, "carol").id).split(".")
    text = {
        "change": f"{int(one) + 1}.{who}.{mac}", "account": f"{one}.{user(world, 'bob').id}.{mac}",
        "mac": f"{one}.{who}.{mac[::-1]}", "short": f"{one}.{who}.{mac[:-1]}", "null": f"{one}.{who}.{mac[:-1]}%00",
    }[spoil]  # fmt: skip
    phone = world.stranger()
    phone.get("/account/sign-in/")
    assert phone.get(f"/veto/{text}/").status_code in (400, 404)
    assert phone.post(f"/veto/{text}/").status_code in (400, 404)
    assert change(world, waits.id).state == "waiting"


def test_a_right_link_of_somebody_who_may_not_veto_says_why(world: World) -> None:
    waits = ask(world)
    key = world.app.key
    for who, part in (("alice", "about you"), ("bob", "asked for this change yourself"), ("olga", "Only a co-owner")):
        page = f"/veto/{veto_text(key, waits.id, user(world, who).id)}/"
        phone = world.stranger()
        assert part in phone.get(page).text
        assert phone.post(page).status_code in (403, 409)
    assert change(world, waits.id).state == "waiting"


def test_a_link_after_it_is_over_says_so(world: World) -> None:
    waits = ask(world)
    page = f"/veto/{veto_text(world.app.key, waits.id, user(world, 'carol').id)}/"
    world.app.do(withdraw_change, WithdrawChange(waits.id, actor(world, "bob")))
    assert "was withdrawn already" in world.stranger().get(page).text


def test_a_frozen_owner_and_one_who_was_removed_veto_nothing_by_an_old_link(world: World) -> None:
    waits = ask(world)
    page = f"/veto/{veto_text(world.app.key, waits.id, user(world, 'carol').id)}/"
    world.app.do(remove_role, RemoveRole("demo", "carol"))
    assert world.stranger().post(page).status_code == 403
    assert change(world, waits.id).state == "waiting"


def test_the_pages_show_what_waits_and_offer_what_each_may_do(world: World) -> None:
    waits = ask(world)
    alice, bob, carol = (signed_in(world, who) for who in ("alice", "bob", "carol"))
    page = "/manage/project/demo/pending/"
    assert "nobody vetoes a change about himself" in alice.get(page).text
    assert f"/account/pending/{waits.id}/withdraw/" in bob.get(page).text
    assert f"/account/pending/{waits.id}/veto/" in carol.get(page).text
    shown = carol.get(page).text
    assert 'role="img"' in shown
    assert "1 change waits" in alice.get("/account/").text
    assert "1 change waits" in alice.get("/manage/project/demo/").text
    assert alice.post(f"/account/pending/{waits.id}/veto/").status_code == 403
    said = carol.said(carol.post(f"/account/pending/{waits.id}/veto/", back="project"))
    assert "until an operator has decided" in said
    olga = signed_in(world, "olga", site_role="operator")
    assert "Decide: alice is removed as an owner of demo" in olga.get("/admin/pending/").text
    assert olga.post(f"/admin/pending/{waits.id}/", decision="refuse", reason="").status_code == 400
    olga.post(f"/admin/pending/{waits.id}/", decision="refuse", reason="Alice is who she says.")
    assert "Alice is who she says." in bob.get(page).text
    assert "alice" in roles(world)


def test_deciding_wants_a_fresh_proof(world: World) -> None:
    waits = ask(world)
    olga = signed_in(world, "olga", site_role="operator")
    world.clock.turn(timedelta(hours=1))
    answer = olga.post(f"/admin/pending/{waits.id}/", decision="allow", reason="why not")
    assert answer.headers["location"].startswith("/account/again/")


@pytest.mark.parametrize("number", ["999", "x", "9" * 40, "-1"])
def test_there_is_no_such_change(world: World, number: str) -> None:
    alice = signed_in(world, "alice")
    for verb in ("veto", "withdraw"):
        assert alice.post(f"/account/pending/{number}/{verb}/").status_code == 404


def test_the_command_line_shows_what_waits(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    from customhouse.cli.slow import guard as protect_it  # noqa: PLC0415 - slow to load
    from customhouse.cli.slow import pending  # noqa: PLC0415 - as above

    ask(world)
    data = world.app.settings.data
    pending("demo", data=data)
    assert "alice is removed as an owner" in re.sub(r"\s+", " ", capsys.readouterr().out.replace("│", ""))
    found_project(world, "other", "alice")
    protect_it("other", data=data)
    assert "Dangerous changes of other wait." in capsys.readouterr().out
    with world.app.database.read() as sql:
        assert sql.execute(sa.text("SELECT slow_motion FROM project WHERE normalized = 'other'")).scalar()
    protect_it("other", off=True, data=data)
    assert "no longer wait" in capsys.readouterr().out
