"""Records of one vulnerability are told by their names: symmetric, transitive, and whoever comes first."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from advisory_records import pypa
from customhouse.formats.osv.merging import merge
from customhouse.formats.osv.model import Record

NOW = datetime(2026, 1, 1, tzinfo=UTC)
IDS = [f"{prefix}-{number}" for prefix in ("CVE", "GHSA", "PYSEC", "OSV") for number in range(3)]
RECORDS = st.dictionaries(st.sampled_from(IDS), st.lists(st.sampled_from(IDS), max_size=3), max_size=8).map(
    lambda found: [of(name, *aliases) for name, aliases in found.items()]
)


def of(name: str, *aliases: str) -> Record:
    return Record(name, NOW, aliases=aliases)


def groups(records: list[Record]) -> set[frozenset[str]]:
    return {frozenset(one.id for one in same.records) for same in merge(records)}


def closure(records: list[Record]) -> set[frozenset[str]]:
    """The same by another way: names flow along aliases until nothing changes."""
    names = {one.id: {one.id, *one.aliases} for one in records}
    while True:
        grown = {
            key: set().union(*(other for other in names.values() if other & known)) for key, known in names.items()
        }
        if grown == names:
            break
        names = grown
    return {frozenset(key for key, known in names.items() if known == one) for one in names.values()}


@given(RECORDS)
def test_groups_are_the_closure_of_names(records: list[Record]) -> None:
    assert groups(records) == closure(records)


@given(RECORDS, st.randoms(use_true_random=False))
def test_the_order_of_records_changes_no_group_and_no_speaker(records: list[Record], random: object) -> None:
    mixed = list(records)
    random.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis's random
    first, second = ({same.first.id: same for same in merge(one)} for one in (records, mixed))
    assert first == second


@given(RECORDS)
def test_every_record_is_in_one_group_and_keeps_all_its_names(records: list[Record]) -> None:
    merged = merge(records)
    assert sorted(one.id for same in merged for one in same.records) == sorted(one.id for one in records)
    for same in merged:
        for one in same.records:
            assert {one.id, *one.aliases} <= set(same.names)


def test_two_records_that_name_a_third_are_the_same() -> None:
    assert groups([of("PYSEC-1", "CVE-1"), of("GHSA-1", "CVE-1"), of("OSV-1")]) == {
        frozenset({"PYSEC-1", "GHSA-1"}), frozenset({"OSV-1"}),
    }  # fmt: skip


def test_a_chain_and_a_circle_of_ten_thousand_end() -> None:
    chain = [of(f"A-{number}", f"A-{number + 1}") for number in range(10_000)]
    assert len(groups(chain)) == 1
    assert len(groups([*chain, of("A-10000", "A-0")])) == 1


def test_upstream_and_related_join_nothing() -> None:
    one = Record("PYSEC-1", NOW, upstream=("CVE-1",), related=("CVE-1",))
    assert len(groups([one, of("CVE-1")])) == 2


def test_the_pypa_speaks_before_github_before_a_bare_cve() -> None:
    (same,) = merge([of("CVE-1"), of("GHSA-1", "CVE-1"), of("PYSEC-2", "CVE-1"), of("OSV-1", "CVE-1")])
    assert [one.id for one in same.records] == ["PYSEC-2", "GHSA-1", "CVE-1", "OSV-1"]


def test_records_of_the_database_that_share_a_cve_are_grouped() -> None:
    merged = merge(pypa())
    cves = [alias for one in pypa() for alias in one.aliases if alias.startswith("CVE-")]
    assert len(cves) > len(set(cves))
    speakers = {alias: same.first.id for same in merged for alias in same.names}
    assert all(speakers[alias] for alias in cves)
    assert len(merged) < len(pypa())
