"""A60: false reports, alone or in a crowd, take nothing away from anybody; and what happens by mistake is undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from customhouse.accounts.users import Freeze, freeze
from customhouse.catalog.tables import (
    critical_mark,
    organization,
    organization_member,
    project_role,
)
from customhouse.index.report import Rules
from customhouse.ledger import queries as ledger
from customhouse.ledger.public import EVERYBODY, may_see
from customhouse.reports.automatic import MAX_UNDECIDED
from customhouse.terms.errors import Refused
from packages import wheel
from reporting import Village, village
from world import World

FIRST = wheel()


def account_ids(world: World, *names: str) -> list[int]:
    from customhouse.accounts.users import find_user  # noqa: PLC0415 - beside its only use

    with world.app.database.read() as sql:
        return [find_user(sql, name).id for name in names]


def untouched(made: Village) -> bool:
    return made.status() == ("active", "") and made.can_download(FIRST)


def test_a60_a_crowd_of_forty_settled_accounts_quarantines_nothing(small_world: World) -> None:
    made = village(small_world)
    crowd = [made.person(f"crowd{number}") for number in range(40)]
    made.settle()
    for name in crowd:
        assert made.report(name).quarantined is None
    assert untouched(made)
    assert made.kinds().count("case-opened") == 1, "the operator has one case to read, not forty"


def test_a60_puppets_made_yesterday_do_not_help_a_trusted_reporter(small_world: World) -> None:
    made = village(small_world)
    puppets = [made.person(f"puppet{number}") for number in range(5)]
    small_world.clock.turn(timedelta(hours=23))
    for name in ["trusty", *puppets]:
        assert made.report(name).quarantined is None
    assert untouched(made)


def test_a60_puppets_of_one_mailbox_or_domain_are_one_person(small_world: World) -> None:
    made = Village(small_world)
    made.person("trusty", "boss@rivals.example", trusted=True)
    made.person("one", "one@mail.rivals.example")
    made.person("two", "Boss+2@rivals.example")
    small_world.user("alice")
    made.settle()
    made.publish()
    for name in ("trusty", "one", "two"):
        assert made.report(name).quarantined is None
    assert untouched(made)


def share_an_organization(made: Village) -> None:
    with made.world.app.database.write() as sql:
        number = sql.execute(
            organization.insert()
            .values(name="rivals", normalized="rivals", created_at=made.world.clock.now())
            .returning(organization.c.id)
        ).scalar_one()
        for account_id in account_ids(made.world, "trusty", "olga"):
            sql.execute(
                organization_member.insert().values(organization_id=number, account_id=account_id, role="member")
            )


def be_a_maintainer(made: Village) -> None:
    with made.world.app.database.write() as sql:
        (account_id,) = account_ids(made.world, "olga")
        sql.execute(project_role.insert().values(project_id=1, account_id=account_id, role="maintainer"))


def be_critical(made: Village) -> None:
    with made.world.app.database.write() as sql:
        sql.execute(critical_mark.insert().values(normalized="demo", reason="x", marked_at=made.world.clock.now()))


def grow_old(made: Village) -> None:
    made.world.clock.turn(timedelta(days=31))


def be_silenced(made: Village) -> None:
    for number in range(3):
        made.publish(wheel(f"other{number}q"), name=f"other{number}q")
        made.decide("not-malware", made.report("olga", project=f"other{number}q").case_id)


@pytest.mark.parametrize("given", [share_an_organization, be_a_maintainer, be_critical, grow_old, be_silenced])
def test_a60_two_reports_that_are_not_enough(small_world: World, given: Callable[[Village], None]) -> None:
    made = village(small_world)
    given(made)
    assert made.report("olga").quarantined is None
    assert made.report("trusty").quarantined is None
    assert untouched(made)


def test_a60_reports_of_other_kinds_quarantine_nothing(small_world: World) -> None:
    made = village(small_world)
    for kind in ("spam", "something-else", "dependency-confusion"):
        for name in ("olga", "otto", "trusty"):
            assert made.report(name, kind=kind).quarantined is None
    assert made.report("olga").quarantined is None
    assert untouched(made)


def test_a60_a_trusted_account_gone_rogue_stops_by_itself(world: World) -> None:
    """With an accomplice it holds back ten projects that nobody has decided, no more, and loses its mark at the second verdict."""
    made = village(world)
    names = [f"victim{number}q" for number in range(MAX_UNDECIDED + 3)]
    for name in names:
        made.publish(wheel(name), name=name)
    rules = Rules(timedelta(days=30), reports_per_day=100)
    held = []
    for name in names:
        made.report("olga", project=name, rules=rules)
        held.append(made.report("trusty", project=name, rules=rules).quarantined is not None)
    assert held == [True] * MAX_UNDECIDED + [False] * 3
    for number in range(1, MAX_UNDECIDED + 1):
        made.decide("not-malware", number)
    assert all(made.status(name) == ("active", "") for name in names)
    made.publish(wheel("last-victim"), name="last-victim")
    made.report("olga", project="last-victim", rules=rules)
    assert made.report("trusty", project="last-victim", rules=rules).quarantined is None


def test_a60_a_frozen_reporter_neither_reports_nor_counts(small_world: World) -> None:
    made = village(small_world)
    made.report("olga")
    small_world.app.do(freeze, Freeze("olga", "Puppet."))
    assert made.report("trusty").quarantined is None
    with pytest.raises(Refused, match="frozen"):
        made.report("olga", kind="spam")
    assert untouched(made)


def test_a60_one_click_undoes_it_and_the_same_people_cannot_do_it_again(world: World) -> None:
    made = village(world)
    made.report("olga")
    made.report("trusty")
    assert made.fetch(FIRST) == 403
    operator = world.operator("root")
    operator.get("/admin/cases/1/")
    operator.post("/admin/cases/1/verdict/", verdict="not-malware", note="Not malware.", seen="1")
    assert untouched(made)
    for name in ("olga", "otto", "trusty"):
        made.report(name)
    assert untouched(made)


def test_a60_nobody_but_operators_learns_who_reported(world: World) -> None:
    made = village(world)
    made.report("olga")
    made.report("trusty")
    made.decide("malware", note="It steals tokens.")
    owner = world.person("alice")
    pages = [
        owner.get("/project/demo/").text,
        world.client.get("/project/demo/").text,
        world.client.get("/simple/demo/").text,
        world.client.get("/pypi/demo/json").text,
        world.client.get(f"/files/demo/{FIRST.filename}").text,
    ]
    with world.app.database.read() as sql:
        seen = [entry for entry in ledger.of_project(sql, "demo") if may_see(EVERYBODY, entry, ())]
    pages += [f"{entry.actor_name} {entry.body}" for entry in seen]
    for name, account_id in zip(("olga", "trusty"), account_ids(world, "olga", "trusty"), strict=True):
        assert not [text for text in pages if name in text]
        assert not [entry for entry in seen if str(account_id) in json.loads(entry.body).get("reporters", ())]
    assert "case-decided" not in [entry.kind for entry in seen]


def test_a60_a_report_cannot_speak_to_the_operators_browser(small_world: World) -> None:
    made = village(small_world)
    hostile = "</textarea><script>alert(1)</script><img src=x onerror=alert(1)>"
    made.report(
        "olga", text=hostile, evidence_excerpt=hostile, evidence_path=hostile, evidence_line="1",
        evidence_url="https://example.org/?%22%3E%3Cscript%3E'\"><script>",
    )  # fmt: skip
    answer = small_world.operator("root").get("/admin/cases/1/")
    assert "<script" not in answer.text
    assert "<img src=x" not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    olga = small_world.person("olga")
    assert "<script" not in olga.post("/project/demo/report/", kind="malware", text=hostile, imitates=hostile).text


def test_a60_every_quarantine_by_reports_names_who_and_when(small_world: World) -> None:
    made = village(small_world)
    made.report("olga")
    made.report("trusty")
    with small_world.app.database.read() as sql:
        (found,) = [entry for entry in ledger.of_project(sql, "demo") if entry.kind == "quarantined-by-reports"]
        (hold,) = sql.execute(sa.text("SELECT origin, case_id, began_by, ended_at FROM hold")).all()
    assert json.loads(found.body)["names"] == ["trusty", "olga"]
    assert tuple(hold) == ("reports", 1, "customhouse", None)
