"""The pages of mandates and critical projects: the same words everywhere, the price before the announcement."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest
import sqlalchemy as sa

from customhouse.accounts.tables import second_factor
from customhouse.accounts.users import find_user
from customhouse.catalog.tables import critical_mark, project
from customhouse.cli import mandate as cli
from customhouse.index.mandates.announce import Announce, announce
from customhouse.index.mandates.model import Dates
from customhouse.index.mandates.queries import mandates
from customhouse.index.mark_critical import MarkCritical, count_now, mark_critical
from customhouse.index.recovery.tables import recovery_case
from packages import wheel
from person import Person
from slowly import pass_time
from world import World

pytestmark = pytest.mark.slow

NEW = "/admin/mandates/new/"
ASKED = {"scope": "critical", "methods": "any", "announced": "2026-11-24", "warned": "2026-12-24",
         "enforced": "2027-01-24"}  # fmt: skip


@pytest.fixture
def town(small_world: World) -> World:
    """Alice's demo and two more, bob's small; demo is taken most."""
    for user, name in (("alice", "demo"), ("alice", "harbour"), ("bob", "small")):
        assert small_world.upload(wheel(name), user=user, name=name, version="1.0").status == 200
    with small_world.app.database.write() as sql:
        ids = {row.filename: row.id for row in sql.execute(sa.text("SELECT filename, id FROM file"))}
        for name, taken in (("demo", 70), ("harbour", 20), ("small", 10)):
            sql.execute(
                sa.text(
                    "INSERT INTO download (file_id, day, counted_by, raw, counted) VALUES (:f, :d, 'served', :n, :n)"
                ),
                {"f": ids[wheel(name).filename], "d": "2026-11-20", "n": taken},
            )
    return small_world


def give(world: World, name: str, method: str = "totp") -> None:
    """A factor as a row, so that signing in still takes the password alone in these tests."""
    with world.app.database.write() as sql:
        account_id = find_user(sql, name).id
        sql.execute(
            second_factor.insert().values(
                account_id=account_id, method=method, label="mine", created_at=world.clock.now()
            )
        )


def words(page: str) -> str:
    """The text of a page in one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split()).replace(" .", ".")


def look(operator: Person, **asked: str) -> str:
    query = "&".join(f"{name}={value}" for name, value in (ASKED | asked).items())
    answer = operator.get(f"{NEW}?{query.replace('%', '%25')}")
    assert answer.status_code == 200, answer.text
    return words(answer.text)


def test_the_page_says_today_by_when_and_optional_in_the_words_of_the_upload(town: World) -> None:
    alice = town.person("alice")
    page = words(alice.get("/account/required/").text)
    assert "Nothing is left to do." in page
    assert "You may have a second factor" in page
    assert "To do" not in page
    town.app.do(mark_critical, MarkCritical("demo", "Others build on it."))
    now = town.clock.now()
    dates = Dates(now, now, now + timedelta(days=9))
    made = town.app.do(announce, Announce("Two factors", "critical", "any", dates, "Because <b>much</b> rests on you."))
    page = words(alice.get("/account/required/").text)
    assert "From 3 December 2026, 12:00 UTC on you need a second factor" in page
    assert "of yours it holds for demo" in page
    assert "Because <b>much</b> rests on you." in page
    town.clock.turn(timedelta(days=9))
    alice = town.person("alice")
    html = alice.get("/account/required/").text
    refused = town.upload(wheel("demo", "2.0"), name="demo", version="2.0")
    assert refused.status == 403
    sentence = refused.text[refused.text.index("Since 3 December") : refused.text.index(" All that is required")]
    assert sentence in words(html)
    assert f'<a href="/account/two-factor/">{town.app.settings.public_url}/account/two-factor/</a>' in html
    assert made.title in sentence
    give(town, "alice")
    page = words(alice.get("/account/required/").text)
    assert "You have one, so there is nothing to do." in page
    assert "Nothing is left to do." in page


def test_an_operator_sees_the_price_before_announcing(town: World) -> None:
    operator = town.operator()
    town.app.do(mark_critical, MarkCritical("small", "Everybody needs it."))
    page = look(operator)
    assert "1 person is affected" in page.replace("person is affected 1", "1 person is affected")
    assert re.search(r"of all downloads are covered 10\.0%", page)
    assert re.search(r"would have to add one 1\b", page)
    assert "2.0% of those who add a factor are assumed" in page
    assert "1 project has a single person who can publish" in page
    page = look(operator, rule="50%")
    assert re.search(r"people are affected 2\b", page)
    assert re.search(r"projects are covered 3\b", page)
    assert re.search(r"of all downloads are covered 100\.0%", page)
    assert "2 projects become critical with the announcement: demo, harbour." in page
    give(town, "alice")
    assert re.search(r"of them has an accepted factor already 1\b", look(operator, rule="50%"))
    assert re.search(r"of them have an accepted factor already 0\b", look(operator, rule="50%", methods="webauthn"))
    assert re.search(r"people are affected 2\b", look(operator, scope="all"))
    assert re.search(r"person is affected 1\b", look(operator, scope="staff"))
    for wrong in ({"rule": "many"}, {"scope": "project"}, {"methods": "sms"}, {"enforced": "soon"},
                  {"scope": "organization"}):  # fmt: skip
        assert operator.get(f"{NEW}?" + "&".join(f"{k}={v}" for k, v in (ASKED | wrong).items())).status_code == 400
    with town.app.database.read() as sql:
        assert mandates(sql) == [], "looking changes nothing"


def test_the_share_of_recoveries_is_measured_where_there_were_any(town: World) -> None:
    operator = town.operator()
    for name in ("alice", "bob", "olga"):
        give(town, name)
    now = town.clock.now()
    with town.app.database.write() as sql:
        case = {
            "account_id": find_user(sql, "bob").id, "sent": True, "opened_at": now, "expires_at": now, "held_at": now,
        }  # fmt: skip
        sql.execute(recovery_case.insert().values(public_id="a", **case, closed_at=now, outcome="completed"))
        nobody = case | {"account_id": None, "sent": False}
        sql.execute(recovery_case.insert().values(public_id="b", **nobody))
    town.user("carol")
    assert town.upload(wheel("fourth"), user="carol", name="fourth", version="1.0").status == 200
    page = look(operator, scope="all")
    assert (
        "1 person of the 3 with a second factor here had a recovery case within the last year (33.3%), measured" in page
    )


def test_announcing_wants_a_fresh_proof_and_marks_what_the_rule_picks(town: World) -> None:
    operator = town.operator()
    town.clock.turn(timedelta(minutes=16))
    answer = operator.post("/admin/mandates/", **ASKED, title="Two factors", back=f"{NEW}?scope=critical")
    assert answer.headers["location"].startswith("/account/again/?next=/admin/mandates/new/")
    operator.prove()
    operator.get(NEW)
    answer = operator.post("/admin/mandates/", **ASKED, title="Two factors", rule="1", text="Much rests on you.")
    assert operator.said(answer) == "“Two factors” is announced. Letters are on their way."
    page = words(operator.get(answer.headers["location"]).text)
    assert "Concerns everybody who publishes a critical project" in page
    assert "lacks one 1" in page
    with town.app.database.read() as sql:
        marks = [(row.normalized, row.source, row.rank) for row in sql.execute(sa.select(critical_mark))]
    assert marks == [("demo", "rule", 1)]
    assert "Two factors" in words(operator.get("/admin/mandates/").text)


def test_operators_change_let_off_and_end_by_the_page_and_less_waits(town: World) -> None:
    operator = town.operator()
    town.app.do(mark_critical, MarkCritical("demo", "Others build on it."))
    made = operator.post("/admin/mandates/", **ASKED, title="Two factors").headers["location"]
    answer = operator.post(f"{made}change/", methods="any", warned="2026-12-24", enforced="2026-12-30")
    assert operator.said(answer) == "It is changed. Letters are on their way."
    said = operator.said(operator.post(f"{made}change/", enforced="2027-03-01", reason="Too soon."))
    assert said.startswith("This waits until 2026-11-27")
    said = operator.said(operator.post(f"{made}exempt/", account="alice", until="2027-03-01", reason="In hospital."))
    assert "alice is let off" in unescape(said)
    assert operator.post(f"{made}exempt/", until="2027-03-01", reason="x").status_code == 400
    assert "waits until" in operator.said(operator.post(f"{made}end/", reason="A mistake."))
    assert operator.get("/admin/mandates/99/").status_code == 404
    assert operator.get("/admin/mandates/x/").status_code == 404


def test_an_owner_asks_it_of_everybody_who_publishes_his_project(town: World) -> None:
    alice, page = town.person("alice"), "/manage/project/harbour/mandate/"
    assert "You need one yourself." in alice.get(page).text
    assert alice.post(page, methods="any", enforced="2026-11-24").status_code == 409
    give(town, "alice", "webauthn")
    with town.app.database.write() as sql:  # proved by the key, as a browser would
        sql.execute(sa.text("UPDATE session SET proved_by = 'webauthn'"))
    answer = alice.post(page, methods="webauthn", enforced="2026-11-24")
    assert "Announced." in alice.said(answer)
    assert "enforced" in words(alice.get(page).text)
    assert town.upload(wheel("harbour", "2.0"), name="harbour", version="2.0").status == 200
    assert alice.post(f"{page}change/", methods="any").status_code == 400, "less needs a reason"
    assert alice.said(alice.post(f"{page}change/", methods="any", reason="Too hard.")) == "It is changed."
    assert alice.said(alice.post(f"{page}end/", reason="Too hard.")) == "It has ended."
    assert alice.post(f"{page}end/", reason="Again.").status_code == 404
    assert town.person("bob").get(page).status_code == 403


def test_a_mandate_for_the_staff_closes_their_pages_and_says_how_to_open_them(town: World) -> None:
    operator, now = town.operator(), town.clock.now()
    town.app.do(announce, Announce("Staff first", "staff", "any", Dates(now, now, now)))
    answer = operator.get("/admin/")
    assert answer.status_code == 403
    assert "the operators’ pages stay closed to you" in words(answer.text)
    assert "stay closed to you" in words(operator.get("/account/required/").text)
    assert "Staff first" not in town.person("alice").get("/account/required/").text
    give(town, "olga")
    assert operator.get("/admin/").status_code == 200


def test_critical_projects_are_shown_with_reason_rank_date_and_coverage(town: World) -> None:
    assert "No downloads have been counted yet." in town.client.get("/critical/").text
    assert town.client.get("/critical/data.json").json()["counted"] is None
    count_now(town.app.deeds, "1%", ())
    with town.app.database.write() as sql:
        sql.execute(project.update().where(project.c.normalized == "harbour").values(visibility="private"))
    town.app.do(mark_critical, MarkCritical("harbour", "Our secret."))
    html = town.client.get("/critical/").text
    page = words(html)
    assert "1 critical project has 70.0% of the 100 downloads" in page
    assert '<svg class="chart curve" role="img"' in html
    assert "3 projects have 100.0%" in page
    assert "Rank 1 of 3 by downloads on 24 November 2026 (rule: 1%)." in page
    told = town.client.get("/critical/data.json").json()
    assert [(one["project"], one["rank"], one["source"]) for one in told["projects"]] == [("demo", 1, "rule")]
    assert told["counted"]["curve"][0] == {"projects": 1, "downloads": 70, "share": 0.7}
    rows = list(csv.reader(io.StringIO(town.client.get("/critical/curve.csv").text)))
    assert rows[:2] == [["projects", "downloads", "share"], ["1", "70", "0.700000"]]
    rows = list(csv.reader(io.StringIO(town.client.get("/critical/projects.csv").text)))
    assert [row[:3] for row in rows[1:]] == [["1", "demo", "70"]]
    for address in ("/critical/", "/critical/data.json", "/critical/projects.csv"):
        assert "harbour" not in town.client.get(address).text
        assert "secret" not in town.client.get(address).text
    page = words(town.client.get("/project/demo/").text)
    assert "critical project since 24 Nov 2026, rank 1 by downloads. Rank 1 of 3" in page
    assert "critical project" not in words(town.client.get("/project/small/").text)


def test_operators_see_what_was_taken_away_and_what_the_rule_asks(town: World) -> None:
    operator = town.operator()
    count_now(town.app.deeds, "1", ())
    assert operator.post("/admin/project/demo/critical/", reason="").status_code == 400
    operator.post("/admin/project/demo/critical/", reason="A robot takes it.")
    count_now(town.app.deeds, "1", ())
    assert "A robot takes it." not in operator.get("/admin/critical/").text, "it waits, and the mark stands"
    pass_time(town)
    operator.sign_in("olga")
    count_now(town.app.deeds, "1", ())
    page = operator.get("/admin/critical/")
    assert "A robot takes it." in page.text
    assert "Mark demo again" in page.text
    operator.post("/admin/project/demo/critical/", critical="yes", reason="It was no robot.")
    assert "marked again" in words(operator.get("/admin/critical/").text)


def test_the_command_line_does_the_same(town: World, capsys: pytest.CaptureFixture[str]) -> None:
    data = town.app.settings.data
    cli.announce_it("Two factors", warned="2030-12-24", enforced="2031-01-24", data=data)
    assert capsys.readouterr().out == (
        "Announced mandate 1: Two factors. It concerns everybody who publishes a critical project.\n"
    )
    cli.change_it(1, enforced="2031-01-20", data=data)
    assert capsys.readouterr().out == "Mandate 1 is changed.\n"
    cli.list_mandates(data=data)
    out = capsys.readouterr().out
    assert "Two factors: everybody who publishes a critical project; any" in out
    assert "enforced 2031-01-20" in out
    cli.exempt_somebody(1, reason="In hospital.", until="2031-06-01", account="alice", data=data)
    assert capsys.readouterr().out.startswith("This waits until ")
    cli.end_it(1, reason="A mistake.", data=data)
    assert capsys.readouterr().out.startswith("This waits until ")
