"""Lists that are audited again whenever an advisory changes: what is told, to whom, and that it is told once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from advising import advise, record
from clock import TurnableClock
from customhouse.accounts.users import find_user
from customhouse.app import prepare
from customhouse.index.close_account import CloseAccount, close_account
from customhouse.index.letters.letter import Site
from customhouse.index.letters.standing import findings
from customhouse.index.standing import queries
from customhouse.index.standing.model import PER_ACCOUNT, Pinned, Told, news_of, read_components
from customhouse.index.standing.register import Register, Registered, Revoke, register, revoke
from customhouse.infra.settings import Settings
from customhouse.infra.tables import job
from customhouse.infra.targets import Target
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Actor
from customhouse.web.api.standing import REGISTERING
from customhouse.work import run_due_job, run_followers
from receiver import Reply, is_genuine, receiver
from telling import telling_world
from world import World

HOLDS = (Pinned("b", "1.9"), Pinned("c", "1.0"))


@pytest.fixture
def telling(tmp_path: Path, clock: TurnableClock) -> Iterator[World]:
    """An index that may send to this machine."""
    settings = Settings.model_validate({"data": tmp_path / "data"})
    prepare(settings)
    with telling_world(settings, clock) as made:
        yield made


def actor(world: World, name: str = "alice") -> Actor:
    world.user(name)
    with world.app.database.read() as sql:
        return find_user(sql, name).actor


def registered(world: World, title: str = "shop", *, target: Target | None = None, name: str = "alice") -> Registered:
    made = world.app.do(partial(register, world.app.key.secret), Register(title, HOLDS, target, actor(world, name)))
    settle(world)
    return made


def settle(world: World) -> None:
    """Followers hear, and every job but letters and deliveries is done."""
    while run_followers(world.app) or run_due_job(world.app, only={"standing-audit"}):
        pass


def letters(world: World) -> list[dict[str, Any]]:
    """The letters about lists that wait to be written; they are taken away."""
    with world.app.database.write() as sql:
        rows = sql.execute(sa.select(job.c.id, job.c.arguments).where(job.c.name == "mail").order_by(job.c.id)).all()
        sql.execute(job.delete().where(job.c.name == "mail"))
    return [row.arguments for row in rows if row.arguments["template"] == "standing-findings"]


def told(world: World) -> list[tuple[str, str, str, str | None]]:
    return [
        (one["change"], one["package"], one["vulnerability"], one["fix"])
        for letter in letters(world)
        for one in letter["values"]["news"]
    ]


def test_a_list_is_told_of_what_is_new_once_and_again_when_it_changes(world: World) -> None:
    advise(world.app, record("PYSEC-2026-1", "b", fixed="2.1", aliases=["CVE-2026-1000"]))
    made = registered(world)
    assert told(world) == [("new", "b", "PYSEC-2026-1", "2.1")]
    advise(world.app, record("PYSEC-2026-2", "elsewhere", fixed="2.0"))
    settle(world)
    advise(world.app, record("GHSA-aaaa-bbbb-cccc", "b", fixed="2.1", aliases=["CVE-2026-1000"]))
    settle(world)
    assert told(world) == []
    advise(world.app, record("PYSEC-2026-3", "b", fixed="2.2"))
    settle(world)
    assert told(world) == [("changed", "b", "PYSEC-2026-1", "2.2"), ("new", "b", "PYSEC-2026-3", "2.2")]
    advise(world.app, record("PYSEC-2026-3", "b", fixed="1.5", modified="2026-11-29T00:00:00Z"))
    settle(world)
    assert told(world) == [("changed", "b", "PYSEC-2026-1", "2.1"), ("gone", "b", "PYSEC-2026-3", "2.2")]
    with world.app.database.read() as sql:
        assert [one.vulnerability for one in queries.told_of(sql, made.standing_id)] == ["PYSEC-2026-1"]


def test_the_same_list_again_is_told_nothing_twice(small_world: World) -> None:
    world = small_world
    advise(world.app, record("PYSEC-2026-1", "b", fixed="2.1"))
    first = registered(world)
    assert len(told(world)) == 1
    again = registered(world)
    assert (again.standing_id, again.is_new) == (first.standing_id, False)
    assert told(world) == []


def test_nobody_else_sees_or_ends_a_list_and_it_can_be_ended(small_world: World) -> None:
    world = small_world
    made = registered(world)
    with pytest.raises(Refused):
        world.app.do(revoke, Revoke(made.standing_id, actor(world, "mallory")))
    with world.app.database.read() as sql, pytest.raises(Refused):
        queries.own_standing(sql, made.standing_id, actor(world, "mallory").account_id)
    assert world.app.do(revoke, Revoke(made.standing_id, actor(world))) == "shop"
    with world.app.database.read() as sql:
        assert queries.components_of(sql, made.standing_id) == []
    advise(world.app, record("PYSEC-2026-1", "b", fixed="2.1"))
    settle(world)
    assert told(world) == []


def test_lists_are_limited_in_number_and_size(small_world: World) -> None:
    world = small_world
    for number in range(PER_ACCOUNT):
        registered(world, f"list {number}")
    with pytest.raises(Refused, match="already"):
        registered(world, "one more")
    registered(world, "list 3")
    with pytest.raises(Rejected, match="at most 3000"):
        read_components("\n".join(f"p{number}==1" for number in range(3001)))


@pytest.mark.parametrize("text", ["", "# nothing", "b", "b>=1", "b==", "b==1 2", "-b==1", "b==" + "1" * 201, "é==1"])
def test_a_line_that_is_no_package_at_a_version_is_named(text: str) -> None:
    with pytest.raises(Rejected, match="components"):
        read_components(text)


def test_findings_go_to_a_webhook_signed_and_by_letter_if_it_stays_away(telling: World) -> None:
    world = telling
    advise(world.app, record("PYSEC-2026-1", "b", fixed="2.1"))
    with receiver() as there:
        made = registered(world, target=Target.parse(there.url))
        assert made.key.startswith("whsec_")
        deliver(world)
        (one,) = there.requests
        assert is_genuine(made.key, one.headers, one.body, now=world.clock.now().timestamp())
        news = json.loads(one.body)["data"]["news"]
        assert [(each["package"], each["fix"], each["level"]) for each in news] == [("b", "2.1", "unknown")]
        assert told(world) == []
        there.answer = lambda _request: Reply(500)
        advise(world.app, record("PYSEC-2026-2", "c", fixed="2.0"))
        settle(world)
        for _ in range(8):
            deliver(world)
            world.clock.turn(timedelta(hours=13))
    (letter,) = letters(world)
    assert letter["values"]["why"] == "It answered 500."
    assert [one["vulnerability"] for one in letter["values"]["news"]] == ["PYSEC-2026-2"]


def deliver(world: World) -> None:
    while run_due_job(world.app, only={"standing-webhook"}):
        pass


def test_a_closed_account_leaves_no_list(small_world: World) -> None:
    world = small_world
    made = registered(world)
    world.app.do(close_account, CloseAccount("alice", actor(world)))
    settle(world)
    with world.app.database.read() as sql:
        assert queries.find_standing(sql, made.standing_id) is None


def test_a_vulnerability_that_gets_another_name_is_no_news() -> None:
    before = [Told("b", "1", "GHSA-1", ("GHSA-1", "CVE-1"), "high", "2", "x", exploited=False)]
    now = [Told("b", "1", "PYSEC-1", ("PYSEC-1", "GHSA-1", "CVE-1"), "high", "2", "x", exploited=False)]
    assert news_of(before, now) == ()


def test_the_letter_names_the_finding_and_the_smallest_fix() -> None:
    news = [
        {"change": "new", "package": "b", "version": "1.9", "vulnerability": "PYSEC-2026-1", "level": "high",
         "fix": "2.1", "summary": "It reads\nanything.", "exploited": True},
        {"change": "gone", "package": "c", "version": "1.0", "vulnerability": "PYSEC-2026-2", "level": "low",
         "fix": None, "summary": "", "exploited": False},
    ]  # fmt: skip
    letter = findings(
        {"standing": "x", "title": "shop", "news": news, "more": 0, "reader": "alice"}, Site("Index", "https://i.test")
    )
    assert letter.subject == "[Index] PYSEC-2026-1 in shop (high)"
    assert "b 1.9: PYSEC-2026-1 (high, exploited)\n  > It reads anything.\n  The smallest fix: 2.1" in letter.text
    assert "No more:\n  c 1.0: PYSEC-2026-2" in letter.text
    assert "https://i.test/account/standing/x/" in letter.text


def test_nobody_registers_lists_again_and_again_without_an_end(small_world: World) -> None:
    alice = small_world.person("alice")
    alice.get("/account/standing/")
    answers = [
        alice.post("/account/standing/", title="shop", components=f"b==1.{number}").status_code
        for number in range(REGISTERING.most + 1)
    ]
    assert answers == [200] * REGISTERING.most + [429]
