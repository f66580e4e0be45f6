"""YAML as the PyPA writes it, and as its enemies would."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_records import pypa, pypa_files
from customhouse.formats.osv.documents import Damaged, read_documents, records_among
from customhouse.formats.osv.model import Record
from customhouse.formats.osv.times import write_time
from customhouse.formats.osv.yaml_text import MAX_NODES, read_yaml
from customhouse.terms.errors import Rejected


def test_every_record_of_the_database_is_read_with_what_the_digest_has_counted() -> None:
    records = pypa()
    assert len(records) == 2461
    assert sum(one.withdrawn is not None for one in records) == 9
    assert all(isinstance(version, str) for one in records for each in one.affected for version in each.versions)
    assert {one.id for one in records if any(alias.endswith(",") for alias in one.aliases)} == set()
    edges = [event.kind for one in records for each in one.affected for span in each.ranges for event in span.events]
    assert (edges.count("introduced"), edges.count("fixed"), edges.count("last_affected")) == (5894, 5921, 1)


def test_every_record_of_the_database_can_be_handed_on_as_json() -> None:
    for one in pypa():
        text = json.dumps(one.document, allow_nan=False)
        assert one.document["modified"] == write_time(one.modified)
        (again,) = read_documents(text.encode(), f"{one.id}.json")
        assert again == one


def test_a_file_of_the_triage_is_no_record_and_a_licence_neither() -> None:
    names = records_among(list(pypa_files()))
    assert len(names) == 2461
    assert "false_positives.yaml" in pypa_files()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("3.10", "3.10"),
        ("3.0", "3.0"),
        ("2", "2"),
        ("1_000", "1_000"),
        ("1e3", "1e3"),
        ("0x10", "0x10"),
        ("010", "010"),
        ("2019-09-12", "2019-09-12"),
        ("12:30:45", "12:30:45"),
        ("no", "no"),
        ("'3.10'", "3.10"),
        ('"null"', "null"),
        ("0.7.10p1", "0.7.10p1"),
        (".inf", ".inf"),
    ],
)
def test_yaml_does_not_change_a_version(written: str, read: str) -> None:
    text = "id: X-1\nmodified: 2026-01-01T00:00:00Z\naffected:\n- package: {ecosystem: PyPI, name: demo}\n"
    text += f"  versions: [{written}]\n  ranges:\n  - type: ECOSYSTEM\n    events:\n    - introduced: {written}\n"
    (one,) = read_documents(text.encode(), "X-1.yaml")
    assert isinstance(one, Record)
    assert one.affected[0].versions == (read,)
    assert one.affected[0].ranges[0].events[0].version == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2021-04-01T00:00:00Z", "2021-04-01T00:00:00Z"),
        ("'2021-04-01T00:00:00.123456Z'", "2021-04-01T00:00:00.123456Z"),
        ("2021-04-01T00:00:00.123456789Z", "2021-04-01T00:00:00.123456Z"),
        ("2021-04-01 02:00:00 +02:00", "2021-04-01T00:00:00Z"),
        ("2021-4-1 5:06:07.5 -5", "2021-04-01T10:06:07.500000Z"),
        ("2021-04-01", "2021-04-01T00:00:00Z"),
        ("2021-04-01T00:00:00", "2021-04-01T00:00:00Z"),
    ],
)
def test_a_time_without_quotes_is_a_time(written: str, read: str) -> None:
    (one,) = read_documents(f"id: X-1\nmodified: {written}\n".encode(), "X-1.yaml")
    assert isinstance(one, Record)
    assert one.document["modified"] == read


def test_what_only_its_database_understands_keeps_its_types() -> None:
    text = "database_specific: {cvss: 7.5, kev: true, note: '7.5', none: ~, zip: 00501, deep: [1, {n: 2}]}\nid: 7"
    assert read_yaml(text.encode(), "x") == {
        "database_specific": {
            "cvss": 7.5, "kev": True, "note": "7.5", "none": None, "zip": "00501", "deep": [1, {"n": 2}],
        },
        "id": "7",
    }  # fmt: skip


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + step)}: &{chr(98 + step)} [{','.join(['*' + chr(97 + step)] * 9)}]\n" for step in range(9)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LAUGHS, "an anchor or an alias"),
        ("a: &x 1", "an anchor or an alias"),
        ("a: *nothing", "an anchor or an alias"),
        ("a: !!python/object/apply:os.system [x]", "has the tag"),
        ("a: !!float 3.10", "has the tag"),
        ("&k a: 1", "an anchor or an alias"),
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' stands there twice"),
        ("a: 1\n---\nb: 1", "more than one document"),
        ("? [a]\n: 1", "a key is no text"),
        ("a: " + "[" * 200 + "]" * 200, "more than 32 deep"),
        ("a: " + "{b: " * 200 + "1" + "}" * 200, "more than 32 deep"),
        (f"a: [{'x,' * (MAX_NODES + 1)}]", f"more than {MAX_NODES} values"),
        ("a: [1, 2", "it is no YAML"),
        ("a: '", "it is no YAML"),
        ('a: "\\ud800"', "it is no YAML"),
        ("a: \0", "it is no YAML"),
        ("\ta: 1", "it is no YAML"),
        ("a: b: c", "it is no YAML"),
        ("%YAML 9.9\n---\na: 1", "it is no YAML"),
    ],
)
def test_hostile_yaml_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        read_yaml(text.encode("utf-8", "surrogatepass"), "X-1.yaml")


def test_a_huge_file_is_not_even_parsed() -> None:
    with pytest.raises(Rejected, match="at most"):
        read_yaml(b"a" * (9 * 2**20), "X-1.yaml")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for suffix in ("yaml", "json"):
        for one in read_documents(content, f"x.{suffix}"):
            assert isinstance(one, (Damaged, Record))


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(
                    ["id", "modified", "affected", "package", "name", "ranges", "events", "introduced", "x"]
                ),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_record_or_damaged(document: object) -> None:
    for one in read_documents(json.dumps(document).encode(), "x.json"):
        assert isinstance(one, (Damaged, Record))


@pytest.mark.parametrize(
    ("names", "records"),
    [
        (["vulns/a/1.yaml", "false_positives.yaml", "README.md"], ["vulns/a/1.yaml"]),
        (["vulns/a/1.yaml", "false_positives.yaml", "advisories/p/2.json"], ["vulns/a/1.yaml", "advisories/p/2.json"]),
        (["db-main/vulns/a/1.yaml", "db-main/x.yaml"], ["db-main/vulns/a/1.yaml"]),
        (["advisories/python/1.json", ".github/x.yml"], ["advisories/python/1.json"]),
        (["osv/malicious/pypi/a/MAL-1.json", "config/x.json"], ["osv/malicious/pypi/a/MAL-1.json"]),
        (["1.json", "2.yml", "3.txt", ".hidden.json"], ["1.json", "2.yml"]),
        (["a/1.json"], ["a/1.json"]),
        ([], []),
    ],
)
def test_which_files_of_a_tree_hold_records(names: list[str], records: list[str]) -> None:
    assert records_among(names) == records


def test_a_file_may_hold_many_records_and_a_damaged_one_stands_alone() -> None:
    good = {"id": "X-1", "modified": "2026-01-01T00:00:00Z"}
    for document in ([good, {"id": 7}, good], {"vulns": [good, {"id": 7}, good]}):
        first, bad, last = read_documents(json.dumps(document).encode(), "many.json")
        assert isinstance(first, Record)
        assert isinstance(last, Record)
        assert isinstance(bad, Damaged)
        assert bad.place == "many.json[1]"
    (none,) = read_documents(b"[]", "many.json")
    assert isinstance(none, Damaged)
