"""Roles that nobody has used for a year are confirmed before they publish (A36)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from clock import TurnableClock
from customhouse.accounts.tables import account
from customhouse.index.dormant import REMIND_BEFORE, YEAR, keep_roles
from customhouse.index.slow.tables import role_use
from customhouse.index.yank import Yank, yank
from customhouse.infra.settings import Settings
from mail_sink import MailSink, mail_sink, text_of
from neighbours import actor, enlist, events, found_organization, found_project, join
from packages import wheel
from telling import settle, telling_world
from world import World

ALMOST = YEAR - timedelta(days=1)


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with mail_sink() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, blank: Path, clock: TurnableClock, sink: MailSink) -> Iterator[World]:
    settings = Settings.model_validate({"data": tmp_path / "data"})
    shutil.copytree(blank, settings.data)
    with telling_world(settings, clock, **sink.settings) as made:
        found_project(made, "demo", "alice")
        with made.app.database.write() as sql:
            sql.execute(account.update().values(email=account.c.name + "@example.org"))
        yield made


def count(world: World) -> None:
    """The daily job."""
    world.app.do(keep_roles, None)
    settle(world)


def publish(world: World, version: str, user: str = "alice") -> int:
    answered = world.upload(wheel("demo", version), user=user, version=version)
    settle(world)
    return answered.status


def test_a_role_unused_for_a_year_is_confirmed_before_it_publishes(world: World) -> None:
    count(world)
    world.clock.turn(YEAR)
    refused = world.upload(wheel("demo"), user="alice")
    assert refused.status == 403
    assert "You have not used your role in 'demo' since 2026-11-24" in refused.text
    assert "https://index.test/manage/project/demo/confirm/" in refused.text
    alice = world.person("alice")
    assert "Nothing can be uploaded in your name" in alice.get("/manage/project/demo/confirm/").text
    assert alice.post("/manage/project/demo/confirm/").status_code == 303
    assert publish(world, "1.0") == 200
    (told,) = events(world, "role-confirmed")
    assert told.actor_name == "alice"


def test_the_confirmation_wants_a_fresh_proof(world: World) -> None:
    alice = world.person("alice")
    alice.get("/account/")
    world.clock.turn(timedelta(hours=1))
    answer = alice.get("/manage/project/demo/confirm/")
    assert answer.headers["location"] == "/account/again/?next=/manage/project/demo/confirm/"
    assert alice.post("/manage/project/demo/confirm/").headers["location"].startswith("/account/again/")


def test_uploads_and_management_keep_a_role_awake_and_cost_one_row_a_day(world: World) -> None:
    count(world)
    world.clock.turn(ALMOST)
    assert publish(world, "1.0") == 200
    world.clock.turn(ALMOST)
    world.app.do(yank, Yank("demo", "1.0", reason="old", by=actor(world, "alice")))
    settle(world)
    with world.app.database.read() as sql:
        used_at = sql.execute(sa.select(role_use.c.used_at)).scalar_one()
    world.clock.turn(timedelta(hours=23))
    assert publish(world, "2.0") == 200
    with world.app.database.read() as sql:
        assert sql.execute(sa.select(role_use.c.used_at)).scalar_one() == used_at
    world.clock.turn(ALMOST - timedelta(hours=23))
    assert publish(world, "3.0") == 200


def test_what_sleeps_is_woken_by_no_other_deed_and_by_no_refused_upload(world: World) -> None:
    assert publish(world, "1.0") == 200
    count(world)
    world.clock.turn(YEAR)
    world.app.do(yank, Yank("demo", "1.0", reason="old", by=actor(world, "alice")))
    settle(world)
    assert publish(world, "2.0") == 403
    assert publish(world, "2.0") == 403


def test_a_reminder_comes_thirty_days_before_once(world: World, sink: MailSink) -> None:
    count(world)
    sink.clear()
    world.clock.turn(YEAR - REMIND_BEFORE - timedelta(days=1))
    count(world)
    assert sink.messages == []
    world.clock.turn(timedelta(days=1))
    count(world)
    count(world)
    (letter,) = sink.letters_to("alice@example.org")
    assert "Confirm that you still publish demo" in str(letter["subject"])
    assert "/manage/project/demo/confirm/" in text_of(letter)


def test_roles_from_before_this_rule_and_new_ones_begin_to_count_when_they_are_first_seen(world: World) -> None:
    join(world, "mona", "maintainer")
    settle(world)
    world.clock.turn(timedelta(days=900))
    assert publish(world, "1.0") == 200  # nobody has counted yet
    count(world)
    world.clock.turn(timedelta(days=300))
    join(world, "bob", "maintainer")
    count(world)
    world.clock.turn(timedelta(days=100))
    assert publish(world, "2.0", "mona") == 403
    assert publish(world, "2.0", "bob") == 200


def test_a_role_that_ended_and_came_back_counts_anew_and_so_do_those_of_organizations(world: World) -> None:
    found_organization(world, "acme", "alice")
    found_project(world, "held", "alice", organization="acme")
    enlist(world, "max", "manager")
    count(world)
    with world.app.database.read() as sql:
        held = sa.select(sa.func.count()).select_from(role_use)
        assert sql.execute(held).scalar() == 3
    with world.app.database.write() as sql:
        sql.execute(sa.text("DELETE FROM organization_member WHERE role = 'manager'"))
    count(world)
    with world.app.database.read() as sql:
        assert sql.execute(held).scalar() == 2
