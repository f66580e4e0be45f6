"""What is affected here is stored and follows what happens; our own verdicts of malware are advisories, too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from advisory_records import DATA, pypa, record
from customhouse.advisories import queries
from customhouse.advisories.store import put
from customhouse.catalog.tables import project
from customhouse.formats.osv.matching import is_affected
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.read import read_record
from customhouse.formats.osv.severity import Level
from customhouse.index.advising.follow import AFFECTED_JOB, find_affected
from customhouse.index.advising.reverse import affected_versions, keep_affected, reverse_audit
from customhouse.index.advising.tables import affected_release
from customhouse.index.delete import Delete, delete
from customhouse.index.quarantine_by_hand import (
    LiftProject,
    QuarantineRelease,
    order_project_lift,
    order_release_quarantine,
)
from customhouse.index.restore import Restore, restore
from customhouse.index.verdict import UndoVerdict, undo_verdict
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.infra.tables import job
from customhouse.ledger.public import EVERYBODY, may_see
from customhouse.ledger.queries import entries
from customhouse.work import run_followers
from packages import wheel
from reporting import Village, village
from telling import settle
from world import World

SCHEMA = Draft202012Validator(json.loads((DATA / "osv-schema-1.7.5.json").read_text()))


def told(advisory_id: str, name: str, *, fixed: str = "2.0", day: int = 1, **more: Any) -> Record:
    events = [{"introduced": "0"}, {"fixed": fixed}]
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    document = {"id": advisory_id, "modified": f"2026-01-{day:02}T00:00:00Z", "affected": [affected], **more}
    return read_record(document, advisory_id)


def stored(world: World) -> set[tuple[str, str, str]]:
    statement = sa.select(project.c.normalized, affected_release.c.version, affected_release.c.advisory_id).join_from(
        affected_release, project, project.c.id == affected_release.c.project_id
    )
    with world.app.database.read() as sql:
        return {(row[0], row[1], row[2]) for row in sql.execute(statement)}


def computed(world: World) -> set[tuple[str, str, str]]:
    return {(one.project, one.version, one.advisory_id) for one in reverse_audit(world.app.database)}


@pytest.fixture
def hosted(world: World) -> Iterator[World]:
    """``demo`` 1.0 and 2.0, and ``other`` 1.0."""
    settle(world)
    for name, version in (("demo", "1.0"), ("demo", "2.0"), ("other", "1.0")):
        assert world.upload(wheel(name, version), name=name, version=version).status == 200
    settle(world)
    yield world
    assert stored(world) == computed(world)


def test_an_advisory_that_comes_is_known_of_every_release(hosted: World) -> None:
    put(hosted.app.deeds, [told("X-1", "Demo"), told("X-2", "elsewhere"), told("X-3", "demo", fixed="3")], "test")
    settle(hosted)
    assert stored(hosted) == {("demo", "1.0", "X-1"), ("demo", "1.0", "X-3"), ("demo", "2.0", "X-3")}
    put(
        hosted.app.deeds,
        [told("X-3", "other", day=2), told("X-1", "demo", day=2, withdrawn="2026-01-02T00:00:00Z")],
        "test",
    )
    settle(hosted)
    assert stored(hosted) == {("other", "1.0", "X-3")}


def test_a_release_that_comes_later_is_known_too_and_one_that_goes_is_not(hosted: World) -> None:
    put(hosted.app.deeds, [told("X-1", "demo")], "test")
    hosted.upload(wheel("demo", "1.5"), name="demo", version="1.5")
    settle(hosted)
    assert stored(hosted) == {("demo", "1.0", "X-1"), ("demo", "1.5", "X-1")}
    hosted.app.do(delete, Delete("demo", version="1.5", reason="x", typed="demo 1.5"))
    settle(hosted)
    assert stored(hosted) == {("demo", "1.0", "X-1")}
    hosted.app.do(restore, Restore("demo", version="1.5"))
    settle(hosted)
    assert ("demo", "1.5", "X-1") in stored(hosted)


def test_check_finds_a_release_that_is_wrongly_marked_or_not_marked(hosted: World) -> None:
    promise = "every release that an advisory affects is marked so, and no other is"

    def found() -> list[tuple[int, tuple[str, ...]]]:
        every = hosted.app.check(sample=20)
        return [(one.looked_at, one.findings) for one in every if one.promise == promise]

    put(hosted.app.deeds, [told("X-1", "demo"), told("X-2", "other", fixed="0.5")], "test")
    # What is still to be computed is no fault.
    assert found() == [(0, ())]
    settle(hosted)
    assert found() == [(2, ())]
    rows = affected_release.update().where(affected_release.c.version == "1.0")
    with hosted.app.database.write() as sql:
        sql.execute(rows.values(version="2.0"))
    assert found() == [(2, ("demo 1.0 is affected by X-1, and that is not stored",
                            "demo 2.0 is stored as affected by X-1, and is not"))]  # fmt: skip
    assert find_affected(hosted.app.database, ["demo"]) == 1
    assert found() == [(2, ())]


def test_computing_again_writes_nothing(hosted: World) -> None:
    put(hosted.app.deeds, [told("X-1", "demo")], "test")
    assert keep_affected(hosted.app.database, "demo")
    assert not keep_affected(hosted.app.database, "demo")
    assert find_affected(hosted.app.database, ["demo", "other", "nothing"]) == 0


def test_a_project_that_no_advisory_names_costs_no_job(hosted: World) -> None:
    hosted.upload(wheel("other", "1.1"), name="other", version="1.1")
    run_followers(hosted.app)
    with hosted.app.database.read() as sql:
        assert AFFECTED_JOB not in set(sql.execute(sa.select(job.c.name)).scalars())


VERSIONS = ["0.9", "1.0", "1.0+cu118", "1.0.post1", "1.1rc1", "1.1", "1.9", "1.10", "2.0"]
EVENTS = st.lists(
    st.builds(
        lambda kind, version: {kind: version},
        st.sampled_from(["introduced", "fixed", "last_affected", "limit"]),
        st.sampled_from([*VERSIONS, "0", "odd"]),
    ),
    max_size=4,
).map(lambda events: [{"introduced": "0"}, *events])


@given(st.lists(EVENTS, max_size=2), st.lists(st.sampled_from([*VERSIONS, "odd"]), max_size=3))
def test_the_bulk_function_says_what_the_matcher_says(ranges: Any, listed: list[str]) -> None:
    one = record(*ranges, versions=listed)
    found = affected_versions([one], "demo", VERSIONS).get("X-1", [])
    assert found == [version for version in VERSIONS if is_affected(one, "demo", version)]


@pytest.mark.slow
def test_the_bulk_function_agrees_on_the_whole_database() -> None:
    for one in pypa():
        for each in one.affected:
            edges = [event.version for span in each.ranges if span.of_versions for event in span.events]
            versions = sorted({*each.versions[::5], *edges} - {"0"})
            expected = [version for version in versions if is_affected(one, each.name, version)]
            assert affected_versions([one], each.name, versions).get(one.id, []) == expected, one.id


# --- our own verdicts


@pytest.fixture
def place(small_world: World) -> Village:
    settle(small_world)
    made = village(small_world)
    made.publish(version="1.1")
    made.publish(name="good")
    settle(small_world)
    return made


def records(world: World) -> list[Record]:
    settle(world)
    found = [one.record for one in queries.every(world.app.database)]
    for one in found:
        assert not list(SCHEMA.iter_errors(dict(one.document))), one.id
    return found


def test_a_verdict_of_malware_becomes_a_record_that_names_every_version(place: Village) -> None:
    place.report("trusty")
    place.decide("malware", note="It sends keys away.")
    (one,) = records(place.world)
    assert one.id == f"MAL-CH-{place.world.clock.now().year}-1"
    assert one.summary == "Malware in demo"
    assert "It sends keys away." in one.details
    assert one.affected[0].versions == ("1.0", "1.1")
    assert is_affected(one, "demo", "99")
    assert one.withdrawn is None
    with place.world.app.database.read() as sql:
        assert queries.find_all(sql, [one.id])[0].level is Level.CRITICAL
    assert {(name, version) for name, version, _ in stored(place.world)} == {("demo", "1.0"), ("demo", "1.1")}


def test_a_verdict_about_some_versions_names_those_alone(place: Village) -> None:
    place.report("trusty")
    place.decide("malware", versions=("1.1",))
    (one,) = records(place.world)
    assert [is_affected(one, "demo", version) for version in ("1.0", "1.1", "99")] == [False, True, False]


def test_a_verdict_that_is_taken_back_withdraws_the_record_and_given_again_revives_it(place: Village) -> None:
    place.report("trusty")
    place.decide("malware")
    (first,) = records(place.world)
    place.world.app.do(undo_verdict, UndoVerdict(1, "Looked again."))
    (second,) = records(place.world)
    assert (second.id, second.withdrawn is not None, second.affected) == (first.id, True, first.affected)
    assert stored(place.world) == set()
    place.decide("malware", versions=("1.0",))
    (third,) = records(place.world)
    assert (third.id, third.withdrawn, third.published) == (first.id, None, first.published)
    assert third.affected[0].versions == ("1.0",)


def test_what_is_lifted_by_hand_counts_no_more(place: Village) -> None:
    place.report("trusty")
    place.decide("malware")
    assert records(place.world)[0].withdrawn is None
    place.world.app.do(order_project_lift, LiftProject("demo", "A mistake."))
    assert records(place.world)[0].withdrawn is not None


def test_a_version_that_an_operator_held_before_the_verdict_is_named_too(place: Village) -> None:
    place.world.app.do(order_release_quarantine, QuarantineRelease("demo", "1.1", "Odd."))
    place.report("trusty")
    place.decide("malware", versions=("1.1",))
    (one,) = records(place.world)
    assert one.affected[0].versions == ("1.1",)


@pytest.mark.parametrize("verdict", ["spam", "not-malware"])
def test_another_verdict_makes_no_record(place: Village, verdict: str) -> None:
    place.report("trusty")
    place.decide(verdict)
    assert records(place.world) == []


def test_each_case_has_a_number_of_its_own(place: Village) -> None:
    for number, name in enumerate(("demo", "good"), 1):
        place.report("trusty", name)
        place.decide("malware", number)
    year = place.world.clock.now().year
    assert [one.id for one in records(place.world)] == [f"MAL-CH-{year}-1", f"MAL-CH-{year}-2"]


def test_of_a_private_project_nothing_is_told(place: Village) -> None:
    world = place.world
    world.app.do(change_visibility, ChangeVisibility("demo", "private", "demo"))
    place.report("alice")
    place.decide("malware")
    assert records(world) == []


def test_of_a_project_that_becomes_private_nothing_is_left_but_a_withdrawn_id(place: Village) -> None:
    world = place.world
    place.report("trusty")
    place.decide("malware", versions=("1.1",))
    records(world)
    world.app.do(change_visibility, ChangeVisibility("demo", "private", "demo"))
    (one,) = records(world)
    assert (one.withdrawn is not None, one.affected, one.references) == (True, (), ())
    assert "demo" not in json.dumps(dict(one.document))
    with world.app.database.read() as sql:
        seen = [entry.body for entry in entries(sql) if may_see(EVERYBODY, entry, {"demo"})]
    assert not any('"demo"' in body for body in seen)
