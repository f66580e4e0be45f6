"""CVE JSON 5, NVD 2.0 and NVD 1.1 become the same value; what is damaged is told with its place."""

from __future__ import annotations

import io
import json
import lzma
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.formats.cve.cpe import read_cpe
from customhouse.formats.cve.model import Cpe, CveRecord, Damage, Span
from customhouse.formats.cve.read import read_bytes, read_document, records_in
from customhouse.formats.cve.version_words import spans_of_field, spans_of_sentences
from customhouse.terms.errors import Rejected
from triaging import cve_document

DATA = Path(__file__).parents[1] / "data/advisories"
FIELDS = [
    ("< 2.32.0", [Span("0", fixed="2.32.0")]),
    (">= 1.0, < 2.0", [Span("1.0", fixed="2.0")]),
    (">= 1.0, <= 2.0", [Span("1.0", last="2.0")]),
    ("= 1.2.3", [Span("1.2.3", last="1.2.3")]),
    (">= 5.4.0", [Span("5.4.0")]),
    ("stable: < 3.3.2", [Span("0", fixed="3.3.2")]),
    ("< 1.5.2, >= 2.0, < 2.1", [Span("0", fixed="1.5.2"), Span("2.0", fixed="2.1")]),
    ("Demo Server <1.10.11", [Span("0", fixed="1.10.11")]),
    ("Fixed in Demo v2.9.27", [Span("0", fixed="2.9.27")]),
    ("prior to 3005.2 or 3006.2", [Span("0", fixed="3005.2"), Span("3006.0", fixed="3006.2")]),
    ("1.2.3 to 1.3.0", [Span("1.2.3", last="1.3.0")]),
    ("v0.2.0 and earlier", [Span("0", last="0.2.0")]),
    ("1.9.x", [Span("1.9", fixed="1.10")]),
    ("1.23.0", [Span("1.23.0", last="1.23.0")]),
    ("all versions", []),
    ("various", []),
    ("*", []),
]
SENTENCES = [
    ("demo before 1.24.2 does not check", [Span("0", fixed="1.24.2")]),
    ("In Demo through 4.0.2, a user", [Span("0", last="4.0.2")]),
    ("in Demo 5.0 before 5.0.7 and 4.2 before 4.2.14. It", [Span("5.0", fixed="5.0.7"), Span("4.2", fixed="4.2.14")]),
    ("Starting in version 0.2.0 and prior to version 1.3.0, a", [Span("0.2.0", fixed="1.3.0")]),
    ("Prior to versions 2.8.1, 2.7.2, and 2.6.4, the", [Span("0", fixed="2.6.4"), Span("2.7.0", fixed="2.7.2"), Span("2.8.0", fixed="2.8.1")]),
    ("This issue has been patched in version 1.10.1.", [Span("0", fixed="1.10.1")]),
    ("Users should upgrade to version 2.7.0 or newer", [Span("0", fixed="2.7.0")]),
    ("Version 3.9.4 contains a fix", [Span("0", fixed="3.9.4")]),
    ("This affects Demo: from 2.8.0 before 2.8.3.", [Span("2.8.0", fixed="2.8.3")]),
    ("between 1.0 and 1.4", [Span("1.0", last="1.4")]),
    ("Demo 4.x before 4.4.7", [Span("4", fixed="4.4.7")]),
    ("an issue in Demo v.0.0.194 allows", []),
    ("urllib3 opens 10 to 20 connections to 192.168.0.1 within 5 seconds", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "spans"), FIELDS)
def test_the_field_of_a_version_is_read_as_it_is_meant(text: str, spans: list[Span]) -> None:
    assert list(spans_of_field(text)) == spans


@pytest.mark.parametrize(("text", "spans"), SENTENCES)
def test_sentences_are_read_as_they_are_meant(text: str, spans: list[Span]) -> None:
    assert list(spans_of_sentences(text)) == spans


def test_a_record_of_a_cna_gives_all_that_it_says() -> None:
    record = read_document(cve_document(text="Demo is\r\na library.", links=["https://x.test/", "javascript:1"]), "a")
    assert record is not None
    assert (record.id, record.assigner, record.state) == ("CVE-2026-1000", "GitHub_M", "published")
    assert record.modified == datetime(2026, 11, 1, tzinfo=UTC)
    assert [one.url for one in record.references] == ["https://x.test/"]
    assert record.products[0].spans == (Span("0", fixed="1.4"),)
    assert record.weaknesses == ("CWE-79",)
    assert record.severity[0].kind == "CVSS_V3"
    assert record.credits[0].kind == "FINDER"


def versions(*entries: dict[str, Any], default: str = "unaffected") -> tuple[Span, ...]:
    document = cve_document()
    product = document["containers"]["cna"]["affected"][0]
    product["versions"], product["defaultStatus"] = list(entries), default
    record = read_document(document, "a")
    assert record is not None
    return record.products[0].spans


def test_structured_versions_are_read_in_every_style_that_cnas_have() -> None:
    affected = {"status": "affected"}
    assert versions(affected | {"version": "1.0", "lessThan": "1.4"}) == (Span("1.0", fixed="1.4"),)
    assert versions(affected | {"version": "0", "lessThanOrEqual": "2.9.2"}) == (Span("0", last="2.9.2"),)
    assert versions(affected | {"version": "3.6.67", "lessThan": "3.6.67"}) == (Span("0", fixed="3.6.67"),)
    assert versions(affected | {"version": "unspecified", "lessThanOrEqual": "latest"}) == (Span("0"),)
    changes = {"changes": [{"at": "2.3.5", "status": "unaffected"}]}
    assert versions(affected | {"version": "n/a", "lessThanOrEqual": "2.3.4"} | changes) == (Span("0", fixed="2.3.5"),)
    healed = {"status": "unaffected", "version": "1.8.1", "lessThan": "*"}
    assert versions(healed, default="affected") == (Span("0", fixed="1.8.1"),)
    assert versions(affected | {"version": "n/a"}) == ()


def test_a_disputed_and_a_rejected_record_say_so() -> None:
    disputed = cve_document()
    disputed["containers"]["cna"]["tags"] = ["disputed"]
    first, second = read_document(disputed, "a"), read_document(cve_document(state="REJECTED"), "b")
    assert first is not None
    assert second is not None
    assert first.disputed
    assert (second.state, second.description) == ("rejected", "It is none.")


def test_cpe_names_are_read_with_their_escapes() -> None:
    assert read_cpe(r"cpe:2.3:a:acme:de\:mo:1.0:*:*:*:*:python:*:*") == Cpe("a", "acme", "de:mo", "1.0", "python")
    assert read_cpe("cpe:/a:acme:demo:1.0") == Cpe("a", "acme", "demo", "1.0")
    assert read_cpe("cpe:2.3:a:acme") is None
    assert read_cpe(7) is None


def test_the_nvd_says_the_same_in_both_of_its_forms() -> None:
    path = DATA / "nvd-sample/CVE-2022-29194.json"
    with path.open("rb") as file:
        (new,) = records_in(file, path.name)
    feed = lzma.decompress((DATA / "nvd-sample/nvdcve-1.1-sample.json.xz").read_bytes())
    old = {one.id: one for one in records_in(io.BytesIO(feed), "feed") if isinstance(one, CveRecord)}
    assert len(old) == 669
    assert isinstance(new, CveRecord)
    before = old["CVE-2022-29194"]
    assert new.products[0].name == before.products[0].name == "tensorflow"
    assert set(new.products[0].spans) >= {Span("0", fixed="2.6.4"), Span("2.7.0", fixed="2.7.2")}
    assert set(before.products[0].spans) == set(new.products[0].spans)


def test_what_a_vulnerable_program_merely_runs_on_is_no_product() -> None:
    name = "cpe:2.3:{}:*:*:*:*:*:*:*:*"
    node = {"operator": "AND", "children": [
        {"operator": "OR", "cpe_match": [{"vulnerable": True, "cpe23Uri": name.format("a:acme:demo"), "versionEndIncluding": "1.0"}]},
        {"operator": "OR", "cpe_match": [{"vulnerable": False, "cpe23Uri": name.format("o:acme:system")}]},
    ]}  # fmt: skip
    record = read_document(
        {
            "cve": {"CVE_data_meta": {"ID": "CVE-2026-1" + "000"}, "description": {}},
            "configurations": {"nodes": [node]},
        },
        "a",
    )
    assert record is not None
    assert [(one.name, one.spans) for one in record.products] == [("demo", (Span("0", last="1.0"),))]


def test_another_databases_record_is_looked_at_only_if_it_names_no_package_of_pypi() -> None:
    record = {
        "id": "GO-2026-1", "modified": "2026-01-01T00:00:00Z", "details": "x",
        "affected": [{"ranges": [{"type": "GIT", "repo": "https://github.com/acme/demo", "events": [{"introduced": "0"}]}]}],
    }  # fmt: skip
    found = read_document(record, "a")
    assert found is not None
    assert found.products[0].repo == "https://github.com/acme/demo"
    record["affected"] = [{"package": {"ecosystem": "PyPI", "name": "demo"}}]
    assert read_document(record, "a") is None


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"cveMetadata": {}}, "cveMetadata.state"),
        ({"cveMetadata": {"state": "PUBLISHED", "cveId": "CVE-1"}}, "cveMetadata.cveId"),
        ({"containers": {}}, "containers.cna"),
        ({"containers": []}, "containers"),
        ({"cveMetadata": []}, "cveMetadata"),
    ],
)
def test_a_damaged_record_is_told_with_its_place(change: dict[str, Any], where: str) -> None:
    with pytest.raises(Rejected, match=where):
        read_document(cve_document() | change, "folder/CVE-2026-1000.json")


def test_a_feed_is_read_up_to_where_it_is_damaged_and_the_place_is_told() -> None:
    good = {"cve": {"id": "CVE-2026-1000", "descriptions": []}}
    body = json.dumps({"format": "NVD_CVE", "vulnerabilities": [good, {"cve": {"id": "x"}}, good]}).encode()
    found = list(records_in(io.BytesIO(body), "feed.json"))
    assert [type(one) for one in found] == [CveRecord, Damage, CveRecord]
    assert isinstance(found[1], Damage)
    assert "feed.json: vulnerabilities[1]" in found[1].where
    cut = list(records_in(io.BytesIO(body[:-30]), "feed.json"))
    assert isinstance(cut[-1], Damage)
    assert "damaged" in cut[-1].why


def test_a_feed_of_any_length_is_read_piece_by_piece() -> None:
    one = json.dumps({"cve": {"id": "CVE-2026-1000", "descriptions": [{"lang": "en", "value": "x" * 5_000}]}})
    body = '{"vulnerabilities": [' + ",\n".join([one] * 900) + "]}"
    assert sum(isinstance(found, CveRecord) for found in records_in(io.BytesIO(body.encode()), "feed")) == 900


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff\xfe", b"{", b'{"a": NaN}', b"[" * 100_000, b'{"a":1,"a":2}'])
def test_what_is_no_record_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected):
        read_bytes(body, "a")
    assert all(isinstance(one, Damage) for one in records_in(io.BytesIO(body), "a"))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["affected", "references", "metrics", "descriptions", "problemTypes", "credits", "title", "tags"]),
    ANYTHING,
)
def test_whatever_stands_in_a_container_the_record_is_read_or_refused(name: str, value: Any) -> None:
    document = cve_document()
    document["containers"]["cna"][name] = value
    document["containers"]["adp"] = value
    with suppress(Rejected):
        read_document(document, "a")


@settings(max_examples=150, deadline=1_000)
@given(st.text(alphabet="0123456789.<>=, vxto-and befor", max_size=300))
def test_whatever_people_write_of_versions_is_read_quickly(text: str) -> None:
    for span in (*spans_of_field(text), *spans_of_sentences(text)):
        assert span.introduced
