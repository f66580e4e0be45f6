"""Looking a version up in what was put in order once gives the answers of the matcher."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advising import pypa_records
from customhouse.formats.osv.covered import Covered, Together
from customhouse.formats.osv.matching import is_affected
from customhouse.formats.osv.read import read_record

VERSIONS = st.sampled_from(["0", "0.9", "1.0", "1.0.0", "1.0rc1", "1.0+cu1", "1.0.post1", "1.1", "2.0", "2.0.dev1", "1!0.1", "old", "*"])  # fmt: skip
EVENTS = st.dictionaries(st.sampled_from(["introduced", "fixed", "last_affected", "limit"]), VERSIONS, min_size=1, max_size=1)  # fmt: skip


@given(st.lists(st.lists(EVENTS, max_size=5), max_size=3), st.lists(VERSIONS, max_size=3), VERSIONS, st.booleans())
def test_any_ranges_and_lists_are_answered_as_by_the_matcher(
    ranges: list[list[dict[str, str]]], listed: list[str], version: str, withdrawn: bool
) -> None:
    affected: dict[str, Any] = {
        "package": {"ecosystem": "PyPI", "name": "demo"},
        "versions": listed,
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0.9"}, *events]} for events in ranges],
    }
    document = {"id": "X-1", "modified": "2026-11-20T00:00:00Z", "affected": [affected]}
    record = read_record({**document, **({"withdrawn": document["modified"]} if withdrawn else {})}, "made up")
    assert Covered.of(record, "demo").holds(version) == is_affected(record, "demo", version)
    assert not Covered.of(record, "other").holds(version)


@given(
    st.lists(st.tuples(st.lists(EVENTS, max_size=4), st.lists(VERSIONS, max_size=2)), max_size=4),
    st.lists(VERSIONS, min_size=1, max_size=6),
)
def test_several_records_together_answer_as_each_by_itself(
    told: list[tuple[list[dict[str, str]], list[str]]], asked: list[str]
) -> None:
    each = []
    for events, listed in told:
        affected = {
            "package": {"ecosystem": "PyPI", "name": "demo"},
            "versions": listed,
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0.9"}, *events]}],
        }
        document = {"id": "X-1", "modified": "2026-11-20T00:00:00Z", "affected": [affected]}
        each.append(Covered.of(read_record(document, "made up"), "demo"))
    together = Together(each)
    # Asked one after another, so that what was found out for one serves the next.
    for version in asked:
        assert together.holding(version) == [at for at, one in enumerate(each) if one.holds(version)], version


@pytest.mark.slow
def test_the_edges_of_the_pypas_records_and_what_lies_beside_them_too() -> None:
    of_name: dict[str, list[Covered]] = {}
    for record in pypa_records():
        for name in record.packages():
            covered = Covered.of(record, name)
            of_name.setdefault(name, []).append(covered)
            edges = {event.version for one in record.of(name) for place in one.ranges for event in place.events}
            asked = (
                edges
                | {edge + tail for edge in edges for tail in ("rc1", ".post1", "+x")}
                | set(list(covered.texts)[:9])
            )
            for version in asked:
                assert covered.holds(version) == is_affected(record, name, version), (record.id, version)
    most = max(of_name.values(), key=len)
    together = Together(most)
    for version in {text for one in most for text in one.texts}:
        assert together.holding(version) == [at for at, one in enumerate(most) if one.holds(version)], version
