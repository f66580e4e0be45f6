"""Which VEX statements hold for a finding, and what is said of those that do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from customhouse.consume.audit.mitigated import mitigate
from customhouse.consume.audit.model import Component, Finding
from customhouse.formats.osv.merging import merge
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.severity import UNSCORED
from customhouse.formats.vex.model import Justification, Product, Reopening, Statement, Status

MADE = datetime(2026, 11, 1, 12, tzinfo=UTC)
TODAY = date(2026, 11, 28)
RECORD = Record(id="PYSEC-2026-1", modified=datetime(2026, 10, 1, tzinfo=UTC), aliases=("CVE-2026-1",))
SAFE = Statement(
    id="urn:vex:1", vulnerability="CVE-2026-1", products=(Product("b", "==1.9"),), status=Status.NOT_AFFECTED,
    timestamp=MADE, justification=Justification.VULNERABLE_CODE_NOT_IN_EXECUTE_PATH, reason="We never unpickle.",
    owner="alice", expires=date(2027, 2, 1),
)  # fmt: skip


def finding(version: str = "1.9", record: Record = RECORD, paths: tuple[tuple[str, ...], ...] = (("b",),)) -> Finding:
    return Finding(Component("b", version, "lock"), merge([record])[0], UNSCORED, paths=paths)


def test_a_statement_that_holds_lets_a_finding_count_no_more() -> None:
    (found,) = mitigate([finding()], [SAFE], TODAY)
    assert found.mitigation is not None
    assert (found.mitigation.owner, found.mitigation.expires) == ("alice", date(2027, 2, 1))
    assert found.mitigation.reason == "We never unpickle."
    assert found.remarks == ()


@pytest.mark.parametrize(
    ("what", "statement", "found", "today", "why"),
    [
        ("expiry", SAFE, finding(), date(2027, 2, 2), "expired on 2027-02-01"),
        ("version", SAFE, finding("1.9.1"), TODAY, "it is for b==1.9, and b 1.9.1 is here"),
        (
            "advisory",
            SAFE,
            finding(record=replace(RECORD, modified=datetime(2026, 11, 2, tzinfo=UTC))),
            TODAY,
            "modified on 2026-11-02, after it was made",
        ),
        ("component", replace(SAFE, reopening=Reopening(components=("c",))), finding(), TODAY, "only without c"),
        ("embedder", replace(SAFE, products=(Product("a", "==1", parts=(Product("b"),)),)), finding(), TODAY, "for a"),
    ],
)
def test_a_statement_counts_no_more_when_what_it_rests_on_has_changed(
    what: str, statement: Statement, found: Finding, today: date, why: str
) -> None:
    del what
    (judged,) = mitigate([found], [statement], today, [Component("c", "3", "lock")])
    assert judged.mitigation is None
    assert why in judged.remarks[0]


def test_a_statement_counts_on_its_last_day() -> None:
    (found,) = mitigate([finding()], [SAFE], date(2027, 2, 1))
    assert found.mitigation is not None


def test_a_statement_that_says_so_outlives_a_change_of_the_advisory() -> None:
    changed = finding(record=replace(RECORD, modified=datetime(2026, 11, 20, tzinfo=UTC)))
    (found,) = mitigate([changed], [replace(SAFE, reopening=Reopening(advisory=False))], TODAY)
    assert found.mitigation is not None


def test_an_embedder_speaks_for_what_it_alone_brings_in() -> None:
    embedder = replace(SAFE, products=(Product("a", "==1.4", parts=(Product("b"),)),))
    there = [Component("a", "1.4", "lock"), Component("b", "1.9", "lock")]
    (by_a,) = mitigate([finding(paths=(("a", "b"),))], [embedder], TODAY, there)
    assert by_a.mitigation is not None
    (also_direct,) = mitigate([finding(paths=(("b",), ("a", "b")))], [embedder], TODAY, there)
    assert also_direct.mitigation is None
    assert "not only because of that" in also_direct.remarks[0]
    (other_release,) = mitigate([finding(paths=(("a", "b"),))], [embedder], TODAY, [Component("a", "1.5", "lock")])
    assert other_release.mitigation is None


def test_of_one_owner_the_last_word_counts() -> None:
    later = replace(SAFE, id="urn:vex:2", status=Status.AFFECTED, justification=None, action="Upgrade to 2.1.",
                    timestamp=datetime(2026, 11, 20, tzinfo=UTC))  # fmt: skip
    (found,) = mitigate([finding()], [later, SAFE], TODAY)
    assert found.mitigation is None
    assert "Upgrade to 2.1." in found.remarks[-1]
    (again,) = mitigate([finding()], [later, replace(SAFE, timestamp=datetime(2026, 11, 25, tzinfo=UTC))], TODAY)
    assert again.mitigation is not None


def test_where_owners_contradict_each_other_the_stricter_wins_and_it_is_said() -> None:
    doubts = replace(SAFE, id="urn:vex:3", status=Status.UNDER_INVESTIGATION, justification=None, owner="bob",
                     timestamp=datetime(2026, 10, 20, tzinfo=UTC))  # fmt: skip
    (found,) = mitigate([finding()], [SAFE, doubts], TODAY)
    assert found.mitigation is None
    assert "contradict each other: bob's statement of 2026-10-20 says under_investigation and wins" in found.remarks[0]


def test_a_statement_about_another_package_or_vulnerability_is_not_mentioned() -> None:
    others = [replace(SAFE, vulnerability="CVE-2026-2"), replace(SAFE, products=(Product("z"),))]
    (found,) = mitigate([finding()], others, TODAY)
    assert found == finding()
