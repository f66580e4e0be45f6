"""Reports join cases, reports alone hold back what the policy says, verdicts decide and are undone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx2 as httpx
import pytest
from sqlalchemy import event

from customhouse.accounts.users import find_user
from customhouse.catalog import queries as catalog
from customhouse.index.quarantine import refusal_if_held
from customhouse.index.quarantine_by_hand import (
    LiftProject,
    LiftRelease,
    QuarantineProject,
    QuarantineRelease,
    order_project_lift,
    order_project_quarantine,
    order_release_lift,
    order_release_quarantine,
)
from customhouse.index.report import ReportTaken, Rules
from customhouse.index.set_status import SetStatus, set_status
from customhouse.index.verdict import UndoVerdict, undo_verdict
from customhouse.ledger import queries as ledger
from customhouse.ledger.public import OPERATORS, PUBLIC
from customhouse.reports import queries
from customhouse.terms.errors import Refused, Rejected
from packages import wheel
from reporting import RULES, Village, village
from world import World

FIRST = wheel()
SECOND = wheel(version="2.0")


def undo(made: Village, case_id: int = 1) -> None:
    made.world.app.do(undo_verdict, UndoVerdict(case_id, "Looked again."))


def say(made: Village, status: str, reason: str) -> None:
    """Set a project's status as its owner would."""
    from customhouse.catalog.tables import project  # noqa: PLC0415 - beside its only use

    with made.world.app.database.write() as sql:
        sql.execute(project.update().values(status=status, status_reason=reason))


def test_a_report_opens_a_case_and_the_next_joins_it(world: World) -> None:
    made = village(world)
    assert made.report("olga", kind="spam") == ReportTaken(1, 1, "demo", opened=True, quarantined=None)
    assert made.report("otto") == ReportTaken(2, 1, "demo", opened=False, quarantined=None)
    assert made.report("olga") == ReportTaken(3, 1, "demo", opened=False, quarantined=None)
    assert made.kinds().count("case-opened") == 1
    assert made.kinds().count("report-filed") == 3
    assert made.status() == ("active", "")


def test_a_second_open_report_of_one_kind_is_refused_and_leaves_a_trace(small_world: World) -> None:
    made = village(small_world)
    made.report("olga")
    with pytest.raises(Refused) as caught:
        made.report("olga", text="Again, louder.")
    assert (caught.value.code, caught.value.status) == ("already-reported", 409)
    assert made.kinds()[-1] == "report-refused"
    made.decide("no-action")
    assert made.report("olga").opened


def test_too_many_reports_in_a_day_are_refused_with_the_time_of_the_next(small_world: World) -> None:
    made = village(small_world)
    rules = Rules(RULES.young_for, reports_per_day=3)
    for kind in ("spam", "malware", "something-else"):
        made.report("olga", kind=kind, rules=rules)
        small_world.clock.turn(timedelta(hours=1))
    with pytest.raises(Refused, match=r"after 2026-11-26 13:00 UTC") as caught:
        made.report("olga", kind="dependency-confusion", rules=rules)
    assert (caught.value.code, caught.value.status) == ("too-many-reports", 429)
    assert made.report("otto", kind="spam", rules=rules).case_id == 1
    small_world.clock.turn(timedelta(hours=22))
    assert made.report("olga", kind="dependency-confusion", rules=rules).case_id == 1


@pytest.mark.parametrize(
    ("fields", "code", "where"),
    [
        ({"version": "9.9"}, "unknown-version", "version"),
        ({"file": "other-1.0.tar.gz"}, "unknown-file", "file"),
        ({"file": FIRST.filename, "version": "2.0"}, "file-of-another-version", "file"),
        ({"kind": "typosquat", "imitates": "DEMO"}, "imitates-itself", "imitates"),
    ],
)
def test_a_report_about_what_is_not_there_is_refused(
    small_world: World, fields: dict[str, str], code: str, where: str
) -> None:
    made = village(small_world)
    with pytest.raises(Rejected) as caught:
        made.report("olga", **fields)  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.where) == (code, where)


def test_a_file_says_which_version_is_meant(small_world: World) -> None:
    made = village(small_world)
    made.report("olga", file=FIRST.filename)
    with small_world.app.database.read() as sql:
        (filed,) = queries.reports_of(sql, [1])
    assert (filed.claim.version, filed.claim.filename) == ("1.0", FIRST.filename)


def test_a_stranger_to_a_private_project_hears_that_there_is_none(small_world: World) -> None:
    from customhouse.catalog.tables import project  # noqa: PLC0415 - beside its only use

    made = village(small_world)
    with small_world.app.database.write() as sql:
        sql.execute(project.update().values(visibility="private"))
    for name in ("demo", "no-such-thing"):
        with pytest.raises(Refused, match=f"There is no project named '{name}' here") as caught:
            made.report("olga", project=name)
        assert (caught.value.code, caught.value.status) == ("unknown-project", 404)
    assert made.report("alice", kind="something-else").opened
    with small_world.app.database.write() as sql:
        sql.execute(project.update().values(visibility="public"))


def test_two_independent_reporters_one_trusted_quarantine_a_young_project(world: World) -> None:
    made = village(world)
    assert made.can_download(FIRST)
    assert made.report("olga").quarantined is None
    assert made.can_download(FIRST)
    assert made.report("trusty", version="1.0").quarantined == ""
    status, reason = made.status()
    assert status == "quarantined"
    assert "case 1" in reason
    assert made.offered() == []
    assert made.fetch(FIRST) == 403
    assert world.client.get(f"/files/demo/{FIRST.filename}.metadata").status_code == 403
    assert world.upload(SECOND, version="2.0").status == 403
    with world.app.database.read() as sql:
        events = {entry.kind: entry for entry in ledger.of_project(sql, "demo")}
    assert '"names":["trusty","olga"]' in events["quarantined-by-reports"].body
    assert "trusty" not in events["project-quarantined"].body + events["project-quarantined"].actor_name
    assert "project-quarantined" in PUBLIC
    assert "quarantined-by-reports" in OPERATORS


def test_of_an_old_project_only_the_fresh_release_is_quarantined(world: World) -> None:
    made = village(world)
    world.clock.turn(timedelta(days=40))
    made.publish(SECOND, version="2.0")
    made.report("olga", version="2.0")
    made.report("otto", version="1.0")
    assert made.report("trusty", version="2.0").quarantined == "2.0"
    assert made.status() == ("active", "")
    assert made.offered() == [FIRST.filename]
    assert made.fetch(SECOND) == 403
    assert made.can_download(FIRST)
    made.decide("not-malware")
    assert made.can_download(SECOND)


def test_a_verdict_of_malware_keeps_the_quarantine_and_says_why(world: World) -> None:
    made = village(world)
    made.report("olga")
    made.report("trusty")
    made.decide("malware", note="Steals tokens.", freeze="alice")
    assert made.status() == ("quarantined", "Steals tokens.")
    with world.app.database.read() as sql:
        assert find_user(sql, "alice").frozen
    assert world.upload(SECOND, version="2.0").status == 403
    undo(made)
    status, reason = made.status()
    assert (status, "not yet looked at" in reason) == ("quarantined", True)
    with world.app.database.read() as sql:
        assert not find_user(sql, "alice").frozen
    made.decide("not-malware")
    assert made.status() == ("active", "")
    assert made.can_download(FIRST)


@pytest.mark.parametrize("before", [("archived", "Done."), ("deprecated", "Use demo2."), ("active", "")])
def test_lifting_brings_back_what_the_project_was(small_world: World, before: tuple[str, str]) -> None:
    made = village(small_world)
    say(made, *before)
    made.report("olga")
    made.report("trusty")
    assert made.status()[0] == "quarantined"
    made.decide("not-malware")
    assert made.status() == before
    undo(made)
    assert made.status()[0] == "quarantined"
    made.decide("malware")
    undo(made)
    made.decide("duplicate")
    assert made.status() == before


def test_a_verdict_names_the_harmful_releases_and_lets_the_others_go(world: World) -> None:
    made = village(world)
    made.publish(SECOND, version="2.0")
    made.report("olga")
    made.report("trusty")
    made.decide("malware", versions=("2.0",), note="Only 2.0.")
    assert made.status() == ("active", "")
    assert (made.can_download(FIRST), made.fetch(SECOND)) == (True, 403)
    undo(made)
    assert made.status()[0] == "quarantined"
    assert made.fetch(FIRST) == 403
    with world.app.database.read() as sql:
        found = catalog.find_project(sql, "demo")
        assert found is not None
        release = catalog.find_release(sql, found.id, "2.0")
    assert release is not None
    assert release.quarantined_at is None


def test_a_typosquat_may_be_archived_and_offers_its_files_on(small_world: World) -> None:
    made = village(small_world)
    made.report("olga", kind="typosquat", imitates="requests")
    made.decide("typosquat", effect="archive", note="Passes for requests.")
    assert made.status() == ("archived", "Passes for requests.")
    with small_world.app.database.read() as sql:
        held = refusal_if_held(sql, 1, "archived")
        assert held is not None
        assert "An operator has archived this project: Passes for requests." in str(held)
        assert refusal_if_held(sql, 1, "active") is None
    with small_world.app.database.read() as sql:
        owner = find_user(sql, "alice").actor
    with pytest.raises(Refused, match="An operator has archived"):
        small_world.app.do(set_status, SetStatus("demo", "active", by=owner))
    assert made.can_download(FIRST)
    assert small_world.upload(SECOND, version="2.0").status == 403
    undo(made)
    assert made.status() == ("active", "")


@pytest.mark.parametrize(
    ("more", "code", "where"),
    [
        ({"verdict": "guilty"}, "bad-verdict", "verdict"),
        ({"verdict": "malware", "note": " "}, "no-reason", "note"),
        ({"verdict": "malware", "note": "a\0"}, "bad-character", "note"),
        ({"verdict": "malware", "effect": "archive"}, "bad-effect", "effect"),
        ({"verdict": "spam", "effect": "burn"}, "bad-effect", "effect"),
        ({"verdict": "spam", "effect": "archive", "versions": ("1.0",)}, "bad-effect", "effect"),
        ({"verdict": "no-action", "versions": ("1.0",)}, "bad-versions", "versions"),
        ({"verdict": "not-malware", "freeze": "alice"}, "bad-freeze", "freeze"),
        ({"verdict": "malware", "freeze": "olga"}, "not-an-uploader", "freeze"),
    ],
)
def test_a_verdict_that_makes_no_sense_is_named(
    small_world: World, more: dict[str, object], code: str, where: str
) -> None:
    made = village(small_world)
    made.report("olga")
    with pytest.raises(Rejected) as caught:
        made.decide(**more)  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.where) == (code, where)
    assert made.case().open


def test_only_an_operator_decides(small_world: World) -> None:
    made = village(small_world)
    made.report("olga")
    with small_world.app.database.read() as sql:
        olga = find_user(sql, "olga").actor
    with pytest.raises(Refused, match="Only an operator"):
        made.decide("not-malware", by=olga)
    with pytest.raises(Refused, match="Only an operator"):
        small_world.app.do(undo_verdict, UndoVerdict(1, "x", olga))
    with pytest.raises(Refused, match="Only an operator"):
        small_world.app.do(order_project_quarantine, QuarantineProject("demo", "x", olga))


def test_a_case_is_decided_once_and_undone_once(small_world: World) -> None:
    made = village(small_world)
    made.report("olga")
    with pytest.raises(Refused, match="no verdict to undo"):
        undo(made)
    made.decide("no-action")
    with pytest.raises(Refused, match="has been decided as no-action") as caught:
        made.decide("malware")
    assert caught.value.status == 409
    made.report("otto")
    with pytest.raises(Refused, match="Case 2 about 'demo' is open"):
        undo(made)
    with pytest.raises(Refused, match="There is no case 9"):
        made.decide("malware", 9)


def test_a_file_that_the_operator_has_not_seen_is_not_cleared(small_world: World) -> None:
    made = village(small_world)
    made.report("olga")
    made.publish(SECOND, version="2.0")
    with pytest.raises(Refused, match="A file of 'demo' has come since") as caught:
        made.decide("not-malware", seen_file_id=1)
    assert caught.value.status == 409
    made.decide("not-malware", seen_file_id=2)


def test_a_verdict_protects_against_the_same_reports_until_the_next_upload(world: World) -> None:
    made = village(world)
    made.report("olga")
    made.report("trusty")
    made.decide("not-malware")
    # Confirmed elsewhere, so that he is trusted again: one rejected report alone would silence the mark.
    made.trust("trusty")
    made.report("olga")
    assert made.report("trusty").quarantined is None
    made.publish(SECOND, version="2.0")
    assert made.report("otto").quarantined == ""


def test_whoever_lifts_by_hand_has_looked_too(small_world: World) -> None:
    made = village(small_world)
    made.report("olga")
    made.report("trusty")
    small_world.app.do(order_project_lift, LiftProject("demo", "False alarm."))
    assert made.status() == ("active", "")
    assert made.report("otto").quarantined is None
    assert made.case().open


def test_an_order_by_hand_outlives_the_case(small_world: World) -> None:
    made = village(small_world)
    say(made, "archived", "Done.")
    made.report("olga")
    made.report("trusty")
    small_world.app.do(order_project_quarantine, QuarantineProject("demo", "By order."))
    made.decide("not-malware")
    assert made.status() == ("quarantined", "By order.")
    small_world.app.do(order_project_lift, LiftProject("demo", "Over."))
    assert made.status() == ("archived", "Done.")
    with pytest.raises(Refused, match="is not quarantined"):
        small_world.app.do(order_project_lift, LiftProject("demo", "Again."))


def test_a_release_is_quarantined_and_lifted_by_hand(world: World) -> None:
    made = village(world)
    made.publish(SECOND, version="2.0")
    world.app.do(order_release_quarantine, QuarantineRelease("Demo", "v2.0", "Bad wheel."))
    assert (made.offered(), made.fetch(SECOND)) == ([FIRST.filename], 403)
    world.app.do(order_release_lift, LiftRelease("demo", "2.0", "Mended."))
    assert made.can_download(SECOND)
    for command in (LiftRelease("demo", "2.0", "x"), LiftRelease("demo", "9", "x"), LiftRelease("none", "1", "x")):
        with pytest.raises(Refused):
            world.app.do(order_release_lift, command)


def test_a_status_that_somebody_has_overruled_is_held_back_anew(small_world: World) -> None:
    made = village(small_world)
    small_world.app.do(order_project_quarantine, QuarantineProject("demo", "One."))
    say(made, "deprecated", "Old.")
    small_world.app.do(order_project_quarantine, QuarantineProject("demo", "Two."))
    small_world.app.do(order_project_lift, LiftProject("demo", "Over."))
    assert made.status() == ("deprecated", "Old.")
    say(made, "quarantined", "Without a hold.")
    small_world.app.do(order_project_lift, LiftProject("demo", "Over."))
    assert made.status() == ("active", "")


def test_two_reports_at_the_same_moment_quarantine_once(world: World) -> None:
    made = village(world)
    names = [made.person(f"r{number}", trusted=number % 2 == 0) for number in range(6)]
    made.settle()
    barrier = threading.Barrier(len(names))

    def file(name: str) -> ReportTaken:
        barrier.wait()
        return made.report(name)

    with ThreadPoolExecutor(len(names)) as threads:
        taken = list(threads.map(file, names))
    assert len({one.case_id for one in taken}) == 1
    assert sum(one.opened for one in taken) == 1
    assert [one.quarantined for one in taken].count("") == 1
    assert made.kinds().count("project-quarantined") == made.kinds().count("case-opened") == 1
    assert made.status()[0] == "quarantined"


def test_reports_of_one_account_at_the_same_moment_keep_to_the_limit(world: World) -> None:
    made = village(world)
    for number in range(6):
        made.publish(name=f"demo{number}x", dist=wheel(f"demo{number}x"))
    rules = Rules(RULES.young_for, reports_per_day=3)
    barrier = threading.Barrier(6)

    def file(number: int) -> bool:
        barrier.wait()
        try:
            made.report("olga", project=f"demo{number}x", kind="spam", rules=rules)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(file, range(6))) == 3


def test_a_quarantine_between_an_uploads_first_look_and_its_row_refuses_the_upload(world: World) -> None:
    made = village(world)
    made.report("olga")
    acted: list[ReportTaken] = []

    def rival(_c: object, _k: object, statement: str, *_rest: object) -> None:
        if not acted and "FROM file_name" in statement:
            acted.append(made.report("trusty"))

    event.listen(world.app.database.engine, "after_cursor_execute", rival)
    answer = world.upload(SECOND, version="2.0")
    event.remove(world.app.database.engine, "after_cursor_execute", rival)
    assert acted[0].quarantined == ""
    assert (answer.status, "quarantined" in answer.text) == (403, True)
    assert made.fetch(SECOND) in (403, 404)


def test_a_quarantine_while_a_file_is_being_published_waits_and_then_covers_the_file(world: World) -> None:
    made = village(world)
    made.report("olga")
    rivals: list[threading.Thread] = []

    def quarantine(_c: object, _k: object, statement: str, *_rest: object) -> None:
        if not rivals and statement.startswith("INSERT INTO file "):
            rivals.append(threading.Thread(target=made.report, args=("trusty",)))
            rivals[0].start()
            rivals[0].join(0.3)
            assert rivals[0].is_alive(), "it waits for the upload's transaction"

    event.listen(world.app.database.engine, "after_cursor_execute", quarantine)
    answer = world.upload(SECOND, version="2.0")
    event.remove(world.app.database.engine, "after_cursor_execute", quarantine)
    rivals[0].join(30)
    assert answer.status == httpx.codes.OK, answer.text
    assert made.status()[0] == "quarantined"
    assert (made.fetch(FIRST), made.fetch(SECOND), made.offered()) == (403, 403, [])


def test_a_verdict_while_a_file_is_being_published_does_not_clear_that_file(world: World) -> None:
    """The operator has seen one file; the second is committed between his look and his decision."""
    made = village(world)
    made.report("olga")
    outcomes: list[object] = []

    def decide() -> None:
        try:
            outcomes.append(made.decide("not-malware", seen_file_id=1))
        except Refused as refused:
            outcomes.append(refused.code)

    rivals: list[threading.Thread] = []

    def verdict(_c: object, _k: object, statement: str, *_rest: object) -> None:
        if not rivals and statement.startswith("INSERT INTO file "):
            rivals.append(threading.Thread(target=decide))
            rivals[0].start()

    event.listen(world.app.database.engine, "after_cursor_execute", verdict)
    assert world.upload(SECOND, version="2.0").status == httpx.codes.OK
    event.remove(world.app.database.engine, "after_cursor_execute", verdict)
    rivals[0].join(30)
    assert outcomes == ["files-changed"]
    assert made.case().open
