"""Taking records in, deciding about them, undoing that: in a whole index."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
import sqlalchemy as sa

from advising import advise, record
from customhouse.advisories import queries as stored
from customhouse.advisories.triage import queries
from customhouse.advisories.triage.queries import Case
from customhouse.formats.cve.model import CveRecord, Damage
from customhouse.formats.osv.model import Record
from customhouse.index.triage.decide import Decide, Word, decide
from customhouse.index.triage.exceptions import Except, Readmit, put_exception, take_exception_back
from customhouse.index.triage.known_names import hosted_versions
from customhouse.index.triage.undo import Undo, undo
from customhouse.ledger.tables import ledger_event
from customhouse.terms.errors import Refused, Rejected
from packages import wheel
from triaging import DATA, PREFIX, certain, cve_document, cve_record, take, take_files
from world import World, upload

CVE = "CVE-2026-1000"
FIRST = f"{PREFIX}-2026-1"


def case_of(world: World, case_id: str = CVE) -> Case:
    with world.app.database.read() as sql:
        found = queries.find_case(sql, case_id)
    assert found is not None
    return found


def advisory_of(world: World, advisory_id: str = FIRST) -> Record:
    with world.app.database.read() as sql:
        found = stored.find(sql, advisory_id)
    assert found is not None
    return found.record


def judge(world: World, verdict: Word, *packages: str, reason: str = "", seen: str = "") -> Case:
    return world.app.do(decide, Decide(CVE, verdict, PREFIX, packages, reason, seen=seen))


def kinds(world: World) -> list[str]:
    with world.app.database.read() as sql:
        return list(sql.execute(sa.select(ledger_event.c.kind).order_by(ledger_event.c.serial)).scalars())


def test_what_is_certain_becomes_an_advisory_that_names_the_hosted_versions(world: World) -> None:
    for version in ("1.0", "1.3.1", "1.4"):
        assert upload(world.client, world.user(), wheel(version=version), name="demo", version=version).status == 200
    taken = take(world.app, certain(version=">= 1.1, < 1.4"))
    assert (taken.automatic, taken.waiting) == (1, 0)
    assert (case_of(world).status, case_of(world).advisory_id) == ("accepted", FIRST)
    written = advisory_of(world)
    assert written.aliases == (CVE,)
    assert written.affected[0].versions == ("1.3.1",)
    schema = json.loads((DATA / "osv-schema-1.7.5.json").read_text())
    jsonschema.validate(dict(written.document), schema)
    assert {"triage-decided", "advisories-changed", "triage-imported"} <= set(kinds(world))


def test_taking_the_same_in_again_writes_nothing(world: World) -> None:
    take(
        world.app,
        certain(),
        cve_record("CVE-2026-2000"),
        cve_record("CVE-2026-3000", product="router", text="A firmware."),
    )
    before = kinds(world)
    taken = take(
        world.app,
        certain(),
        cve_record("CVE-2026-2000"),
        cve_record("CVE-2026-3000", product="router", text="A firmware."),
    )
    assert (taken.same, taken.new, taken.changed) == (3, 0, 0)
    assert kinds(world) == before


def test_what_has_no_end_waits_and_a_person_gives_the_reason(world: World) -> None:
    take(world.app, certain(version=">= 1.0"))
    assert case_of(world).status == "waiting"
    with pytest.raises(Rejected, match="future releases"):
        judge(world, "accepted", "demo")
    assert judge(world, "accepted", "demo", reason="Nobody maintains it.").status == "accepted"


@pytest.mark.parametrize("verdict", ["not-python", "duplicate"])
def test_a_refusal_needs_a_reason_and_is_offered_again(world: World, verdict: Word) -> None:
    take(world.app, cve_record())
    with pytest.raises(Rejected, match="reason"):
        judge(world, verdict)
    assert judge(world, verdict, reason="It is in Go.").status == verdict
    with world.app.database.read() as sql:
        assert queries.latest_reasons(sql, most=5) == ["It is in Go."]
    with pytest.raises(Refused, match="Undo"):
        judge(world, "later")


def test_undoing_an_acceptance_withdraws_the_advisory_and_accepting_again_keeps_its_id(world: World) -> None:
    take(world.app, cve_record())
    assert judge(world, "accepted", "demo", "other").advisory_id == FIRST
    assert advisory_of(world).packages() == ("demo", "other")
    assert world.app.do(undo, Undo(CVE)).status == "waiting"
    assert advisory_of(world).withdrawn is not None
    world.clock.turn(timedelta(hours=1))
    assert judge(world, "accepted", "demo").advisory_id == FIRST
    assert advisory_of(world).withdrawn is None
    assert world.clock.now() - advisory_of(world).modified < timedelta(minutes=1)


def test_undoing_a_refusal_of_something_accepted_brings_its_advisory_back(world: World) -> None:
    take(world.app, cve_record())
    judge(world, "accepted", "demo")
    take(world.app, cve_record(text="demo is a Python library. The hole is larger than it was."))
    assert case_of(world).note.startswith("It has changed since it was accepted: its text")
    assert judge(world, "not-python", reason="It is none.").status == "not-python"
    assert advisory_of(world).withdrawn is not None
    restored = world.app.do(undo, Undo(CVE))
    assert (restored.status, restored.packages) == ("accepted", ("demo",))
    assert advisory_of(world).withdrawn is None


def test_what_was_decided_automatically_waits_for_people_once_it_is_taken_back(world: World) -> None:
    take(world.app, certain())
    assert world.app.do(undo, Undo(CVE)).status == "waiting"
    assert advisory_of(world).withdrawn is not None
    take(world.app, certain(text="demo is a Python library with a larger hole."), again=True)
    assert case_of(world).status == "waiting"
    with pytest.raises(Refused, match="Nobody"):
        world.app.do(undo, Undo(CVE))


def test_a_refused_record_comes_back_when_it_says_something_else(world: World) -> None:
    take(world.app, cve_record())
    judge(world, "not-python", reason="It is in Go.")
    assert take(world.app, cve_record()).same == 1
    assert case_of(world).status == "not-python"
    take(world.app, cve_record(version="< 1.5"))
    found = case_of(world)
    assert found.status == "waiting"
    assert "judged not-python" in found.note
    assert "what it names as affected" in found.note


def test_a_record_that_its_issuer_rejects_withdraws_its_advisory(world: World) -> None:
    take(world.app, certain())
    taken = take(world.app, cve_record(state="REJECTED"))
    assert taken.withdrawn == 1
    assert case_of(world).status == "rejected"
    assert advisory_of(world).withdrawn is not None


def test_a_dispute_is_a_warning(world: World) -> None:
    take(world.app, certain())
    take(world.app, replace(certain(), disputed=True))
    assert case_of(world).note.startswith("Somebody disputes it now.")
    assert advisory_of(world).withdrawn is None
    with world.app.database.read() as sql:
        assert [one.id for one in queries.queue(sql, most=5)] == [CVE]


def test_an_automatic_advisory_follows_its_record(world: World) -> None:
    take(world.app, certain())
    world.clock.turn(timedelta(days=1))
    take(world.app, certain(version="< 1.5"))
    assert case_of(world).automatic
    assert [event.version for event in advisory_of(world).affected[0].ranges[0].events] == ["0", "1.5"]


def test_what_an_advisory_says_already_is_a_duplicate(world: World) -> None:
    advise(world.app, record("PYSEC-2026-9", "demo", aliases=[CVE]))
    take(world.app, certain())
    found = case_of(world)
    assert (found.status, found.advisory_id) == ("duplicate", "PYSEC-2026-9")


def test_an_exception_is_heeded_and_taken_back(world: World) -> None:
    world.app.do(put_exception, Except("demo", "A client; records concern the server."))
    take(world.app, certain())
    assert case_of(world).status == "waiting"
    assert "false-positive" in case_of(world).candidates[0].stops
    world.app.do(take_exception_back, Readmit("Demo"))
    take(world.app, certain(), again=True)
    assert case_of(world).status == "accepted"
    world.app.do(put_exception, Except("CVE-2026-2000", "It is none."))
    take(world.app, certain("CVE-2026-2000"))
    with pytest.raises(Refused, match="not stand"):
        world.app.do(take_exception_back, Readmit("demo"))


def test_nobody_decides_about_what_he_has_not_seen(world: World) -> None:
    take(world.app, cve_record())
    seen = case_of(world).digest
    take(world.app, cve_record(version="< 9"))
    with pytest.raises(Refused, match="changed since"):
        judge(world, "accepted", "demo", seen=seen)


def test_a_record_of_the_nvd_never_replaces_that_of_the_issuer(world: World) -> None:
    take(world.app, cve_record())
    assert take(world.app, CveRecord(CVE, "nvd-2.0", description="demo is a Python library.")).same == 1
    assert case_of(world).form == "cve-5"


def test_what_cannot_be_read_is_kept_with_its_place_until_it_can(world: World, tmp_path: Path) -> None:
    records = tmp_path / "records"  # the index's own files lie beside it
    records.mkdir()
    bad, good = records / "CVE-2026-1.json", records / "CVE-2026-2.json"
    bad.write_text('{"cveMetadata": {}}')
    good.write_text(json.dumps(cve_document("CVE-2026-2000")))
    taken = take_files(world.app, records)
    assert (taken.records, len(taken.damaged)) == (1, 1)
    with world.app.database.read() as sql:
        ((place, reason),) = queries.damages(sql, most=5)
    assert place.startswith(str(bad))
    assert "cveMetadata.state" in reason
    bad.write_text(json.dumps(cve_document("CVE-2026-1001")))
    take_files(world.app, records)
    with world.app.database.read() as sql:
        assert queries.damages(sql, most=5) == []


def test_damage_alone_is_no_fault(world: World) -> None:
    assert len(take(world.app, Damage("a", "a: it is no JSON")).damaged) == 1


def test_private_projects_are_no_part_of_what_is_written(world: World) -> None:
    assert upload(world.client, world.user(), wheel("secret"), name="secret", version="1.0").status == 200
    with world.app.database.write() as sql:
        sql.execute(sa.text("UPDATE project SET visibility = 'private' WHERE normalized = 'secret'"))
    with world.app.database.read() as sql:
        assert hosted_versions(sql) == {}
    take(world.app, certain(name="secret"))
    assert advisory_of(world).affected[0].versions == ()
    with world.app.database.write() as sql:
        sql.execute(sa.text("UPDATE project SET visibility = 'public' WHERE normalized = 'secret'"))


def test_nobody_marks_a_package_by_writing_of_another_product_that_uses_it(world: World) -> None:
    said = "The evil shop before 9.0 calls demo (https://pypi.org/project/demo/) without a limit, in Python."
    link = "https://pypi.org/project/demo/"
    taken = take(world.app, cve_record(CVE, product="evil-shop", text=said, links=[link], version="< 9.0"))
    assert (taken.automatic, case_of(world).status) == (0, "waiting")
    assert "other-product" in case_of(world).candidates[0].stops
