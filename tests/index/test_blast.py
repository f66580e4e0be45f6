"""Who has fetched a bad file: what is kept of it, for how long, who is told, and what nobody can find out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from command_line import customhouse
from customhouse.accounts.tables import account
from customhouse.catalog.downloads.fold_spools import fold_spools
from customhouse.catalog.downloads.tables import fetched
from customhouse.formats.count_line import Noted, decode_count, encode_count
from customhouse.index.blast.look import Blast, blast_of, days_of, find_subject
from customhouse.index.blast.tell import TellFetchers, tell_fetchers
from customhouse.index.quarantine_by_hand import QuarantineProject, order_project_quarantine
from customhouse.index.report import FileReport, Rules, file_report
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.infra.count_spool import counts_folder
from customhouse.infra.tables import job
from customhouse.ledger.tables import ledger_event
from customhouse.reports.claim import parse_claim
from customhouse.terms.errors import Refused, Rejected
from customhouse.web.asgi import build
from customhouse.work import run_followers
from neighbours import actor
from packages import wheel
from world import World

ADDRESS, NEIGHBOUR, ELSEWHERE = "203.0.113.7", "203.0.113.99", "198.51.100.1"


@contextmanager
def visitor(world: World, peer: str = ADDRESS) -> Iterator[httpx.Client]:
    """A client from a network of its own; what it took is folded when it leaves."""
    with TestClient(build(world.app), base_url="http://index.test", client=(peer, 4711)) as client:
        yield client
    fold(world)


def fold(world: World) -> None:
    fold_spools(
        world.app.database, counts_folder(world.app.settings.data), world.clock.now(), world.app.settings.fetched_days
    )


def fetch(world: World, name: str = "demo", token: str = "", peer: str = ADDRESS) -> int:
    """Take version 1.0 of a project, with a token or without; returns the status."""
    with visitor(world, peer) as client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return client.get(f"/files/{name}/{wheel(name).filename}", headers=headers, follow_redirects=False).status_code


def blast(world: World, text: str = "") -> Blast:
    with world.app.database.read() as sql:
        return blast_of(sql, find_subject(sql, text or wheel().filename))


@pytest.fixture
def published(world: World) -> World:
    assert world.upload(wheel()).status == 200
    return world


def test_who_sends_a_token_is_known_and_everybody_else_is_a_network_of_the_day(published: World) -> None:
    world = published
    token = world.user("bob")
    for peer in (ADDRESS, NEIGHBOUR, ELSEWHERE):
        fetch(world, peer=peer)
    fetch(world, token=token)
    with visitor(world) as client:
        client.get(f"/files/demo/{wheel().filename}", auth=("__token__", token), follow_redirects=False)
    for false in (token[:-4] + "AAAA", "ch1.nothing", "x" * 9000):
        fetch(world, token=false)
    world.clock.turn(timedelta(days=1))
    fetch(world)
    found = blast(world)
    assert [(one.networks, one.times) for one in found.days] == [(2, 8), (1, 1)]
    assert [(one.name, one.times, len(one.tokens), one.told) for one in found.known] == [("bob", 2, 1, False)]
    assert found.unnamed == 7
    with world.app.database.read() as sql:
        subject = find_subject(sql, wheel().filename)
        secret = world.app.key.secret
        assert len(days_of(sql, subject, secret, NEIGHBOUR)) == 2
        assert len(days_of(sql, subject, secret, ELSEWHERE)) == 1
        assert days_of(sql, subject, secret, "192.0.2.1") == []
        rows = sql.execute(sa.select(fetched.c.client, fetched.c.day)).all()
    # The same network has another hash each day, and nothing in the row says an address.
    assert len({row.client for row in rows}) == 3
    world.check()


def test_it_is_kept_for_the_time_of_the_setting_and_off_keeps_nothing(small_world: World) -> None:
    world = small_world
    assert world.upload(wheel()).status == 200
    fetch(world)
    world.clock.turn(timedelta(days=29))
    fold(world)
    assert blast(world).times == 1
    world.clock.turn(timedelta(days=1))
    fold(world)
    assert blast(world).times == 0
    fetch(world)
    assert blast(world).times == 1
    off = replace(world.app, settings=world.app.settings.model_copy(update={"fetched_days": 0}))
    fetch(replace(world, app=off), token=world.user("bob"))
    assert blast(world).times == 0
    with world.app.database.read() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(fetched)).scalar_one() == 0


def test_whoever_reads_a_private_project_is_known_by_his_session_too(small_world: World) -> None:
    world = small_world
    assert world.upload(wheel("vault"), name="vault").status == 200
    world.app.do(change_visibility, ChangeVisibility("vault", "private", "vault"))
    alice = world.person("alice")
    with visitor(world) as client:
        cookie = "; ".join(f"{one.name}={one.value}" for one in alice.client.cookies.jar)
        answer = client.get(f"/files/vault/{wheel('vault').filename}", headers={"cookie": cookie})
        assert answer.status_code == 200
    assert [(one.name, list(one.tokens)) for one in blast(world, wheel("vault").filename).known] == [("alice", [])]


def test_those_who_are_known_are_told_once_and_the_letter_names_files_and_reason(published: World) -> None:
    world = published
    for name in ("bob", "carol"):
        fetch(world, token=world.user(name))
    with world.app.database.write() as sql:
        sql.execute(account.update().values(email=account.c.name + "@example.org"))
    while run_followers(world.app):
        pass
    world.app.do(order_project_quarantine, QuarantineProject("demo", "It steals."))
    with world.app.database.read() as sql:
        subject = find_subject(sql, "demo")
    with pytest.raises(Rejected):
        world.app.do(tell_fetchers, TellFetchers(subject, "  "))
    told = world.app.do(tell_fetchers, TellFetchers(subject, "Change your keys."))
    assert [one.name for one in told] == ["bob", "carol"]
    assert world.app.do(tell_fetchers, TellFetchers(subject, "Again.")) == []
    while run_followers(world.app):
        pass
    with world.app.database.read() as sql:
        jobs = sql.execute(sa.select(job.c.arguments).where(job.c.name == "mail")).scalars().all()
        letters = [one for one in jobs if one["template"] == "fetchers-told"]
    assert sorted(one["values"]["reader"] for one in letters) == ["bob", "carol"]
    assert letters[0]["values"]["body"]["bad_files"] == [wheel().filename]
    assert "fetched_by" not in letters[0]["values"]["body"]
    assert all(one.told for one in blast(world, "demo").known)
    world.check()


def test_the_page_of_a_case_shows_it_to_support_and_lets_operators_tell(small_world: World) -> None:
    world = small_world
    assert world.upload(wheel()).status == 200
    fetch(world, token=world.user("bob"))
    fetch(world, peer=ELSEWHERE)
    claim = parse_claim({"kind": "malware", "text": "It reads ~/.pypirc."})
    world.user("rita")
    case = world.app.do(
        file_report, FileReport("demo", claim, actor(world, "rita"), Rules.of(world.app.settings))
    ).case_id
    here = f"/admin/cases/{case}/fetched/"
    olga = world.operator()
    page = olga.get(here).text
    assert "bob" in page
    assert "nothing is held back" in page
    assert "<svg" in page
    assert olga.post(f"{here}tell/", reason="Change your keys.").status_code == 409
    world.app.do(order_project_quarantine, QuarantineProject("demo", "It steals."))
    assert "1 account is told" in olga.said(olga.post(f"{here}tell/", reason="Change your keys."))
    assert ">told<" in olga.get(here).text
    assert "on 2026-" in olga.said(olga.post(f"{here}address/", network=ELSEWHERE))
    assert "is not among" in olga.said(olga.post(f"{here}address/", network="192.0.2.1"))
    assert olga.post(f"{here}address/", network="nowhere").status_code == 400
    with world.app.database.read() as sql:
        bodies = (
            sql.execute(sa.select(ledger_event.c.body).where(ledger_event.c.kind == "fetcher-looked-up"))
            .scalars()
            .all()
        )
    assert len(bodies) == 2
    assert ELSEWHERE not in "".join(bodies)
    sue = world.person("sue", site_role="support")
    assert "Write to all" not in sue.get(here).text
    assert sue.post(f"{here}tell/", reason="x").status_code == 403


def test_what_to_look_at_is_a_file_or_what_is_held_back_of_a_project(published: World) -> None:
    with published.app.database.read() as sql:
        assert [one.filename for one in find_subject(sql, wheel().filename).files] == [wheel().filename]
        assert [one.version for one in find_subject(sql, "Demo", "1.0.0").files] == ["1.0"]
        for text, version in (("nobody", ""), ("demo", ""), ("demo", "9.9"), ("demo", "nonsense")):
            with pytest.raises(Refused):
                find_subject(sql, text, version)


def test_a_count_line_may_say_who_it_was_and_need_not() -> None:
    day = decode_count(b"2026-11-24\tdemo.whl\t00ff\t3\n").day
    for who in ("", "a" * 26, "account:17"):
        noted = Noted(day, "demo.whl", b"\0\xff", 3, who)
        assert decode_count(encode_count(noted)) == noted
    for damaged in (b"2026-11-24\tdemo.whl\t00ff\t3\ta\tb\n", b"2026-11-24\tdemo.whl\t00ff\t3\t" + b"x" * 41):
        with pytest.raises(Rejected):
            decode_count(damaged)


@pytest.mark.slow
def test_an_operator_sees_looks_up_and_tells_at_the_command_line(small_world: World) -> None:
    world = small_world
    assert world.upload(wheel()).status == 200
    fetch(world, token=world.user("bob"))
    fetch(world, peer=ELSEWHERE)

    def run(*arguments: str) -> tuple[int, str]:
        done = customhouse("quarantine", "blast", *arguments, "--data", str(world.app.settings.data))
        return done.returncode, done.stdout or done.stderr

    code, text = run(wheel().filename)
    assert code == 0
    assert "fetched 2 times" in text
    assert "1 fetches of nobody known" in text
    assert "bob: 1 from 2026-" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert run("demo")[0] == 2
    world.app.do(order_project_quarantine, QuarantineProject("demo", "It steals."))
    assert run("demo", "--address", ELSEWHERE) == (0, f"{world.clock.now().date().isoformat()}\n")
    assert "not among them" in run("demo", "--address", "192.0.2.1")[1]
    assert "Told: bob." in run("demo", "--tell", "--reason", "Change your keys.")[1]
    assert "Told: nobody new." in run("demo", "--tell", "--reason", "Change your keys.")[1]
