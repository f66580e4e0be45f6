"""VEX goes out and comes back in three formats; what is not as the standards want it is refused with its place."""

from __future__ import annotations

import json
import tarfile
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customhouse.formats.vex.csaf import STATUSES, Publisher, read_csaf, write_csaf
from customhouse.formats.vex.csaf_rules import check_csaf
from customhouse.formats.vex.cyclonedx import (
    JUSTIFICATIONS,
    READ_JUSTIFICATIONS,
    READ_STATES,
    STATES,
    read_cyclonedx,
    write_cyclonedx,
)
from customhouse.formats.vex.model import Document, Justification, Product, Reopening, Statement, Status, Written
from customhouse.formats.vex.openvex import read_openvex, write_openvex
from customhouse.formats.vex.read import read_vex, statements_of
from customhouse.terms.errors import Rejected

DATA = Path(__file__).parents[2] / "data" / "vex"
MADE = datetime(2026, 11, 1, 12, tzinfo=UTC)
SAFE = Statement(
    id="urn:vex:1", vulnerability="CVE-2026-1000", aliases=("PYSEC-2026-1",), products=(Product("b", "==1.9"),),
    status=Status.NOT_AFFECTED, timestamp=MADE, justification=Justification.VULNERABLE_CODE_NOT_IN_EXECUTE_PATH,
    reason="We never unpickle.", owner="alice", expires=date(2027, 2, 1), reopening=Reopening(components=("c",)),
)  # fmt: skip
PUBLISHER = Publisher("https://packages.example.org")


def document(*statements: Statement) -> Document:
    return Document("urn:uuid:2f5a29a1-0b0c-4f5e-9d5c-000000000001", "Example", MADE, statements)


def by_json(written: Written) -> Any:
    return json.loads(json.dumps(written.document))


def every_kind() -> list[Statement]:
    """One statement of each status, and of "not affected" one with each justification and one with words only."""
    plain = replace(SAFE, justification=None, reopening=Reopening(advisory=False))
    found = [replace(SAFE, justification=one) for one in Justification]
    found += [
        replace(plain, impact="The parser is never built."),
        replace(SAFE, impact="The parser is never built."),
        replace(plain, status=Status.AFFECTED, action="Upgrade to 2.1.", responses=("update",)),
        replace(plain, status=Status.AFFECTED, action="Block it.", responses=("workaround_available", "will_not_fix")),
        replace(plain, status=Status.AFFECTED, action="Wait.", updated=datetime(2026, 11, 3, tzinfo=UTC), version=3),
        replace(plain, status=Status.FIXED, supplier="A distribution"),
        replace(plain, status=Status.UNDER_INVESTIGATION, owner="", expires=None, reason=""),
    ]
    products = [
        Product("b", "<2.0,>=1.0"), Product("b"), Product(address="pkg:oci/app@sha256%3Aabc"),
        Product("b", "==1.9"), Product("b", "!=1.5,<2,>1.0"),
    ]  # fmt: skip
    return [
        replace(one, id=f"urn:vex:{at}", vulnerability=f"CVE-2026-{1000 + at}", products=(products[at % 5],))
        for at, one in enumerate(found)
    ]


def test_openvex_loses_nothing_and_keeps_to_its_schema() -> None:
    written = write_openvex(document(*every_kind(), embedded()))
    value = by_json(written)
    jsonschema.validate(value, json.loads((DATA / "openvex-0.2.0.schema.json").read_text()))
    assert written.losses == ()
    back = read_openvex(value, "file")
    assert back.statements == (*every_kind(), embedded())


def embedded() -> Statement:
    product = Product("a", "==1.4", parts=(Product("b", "==1.9"),))
    return replace(SAFE, id="urn:vex:part", vulnerability="CVE-2026-2000", products=(product,))


def test_csaf_passes_its_schema_and_its_tests_and_comes_back() -> None:
    written = write_csaf(document(*every_kind(), embedded()), PUBLISHER)
    value = by_json(written)
    jsonschema.validate(value, csaf_schema())
    assert written.losses == (
        "urn:vex:8: CSAF has no word for the responses workaround_available, will_not_fix; a note keeps them.",
    )
    back = read_csaf(value, "file")
    assert back.statements == (*every_kind(), embedded())


def test_cyclonedx_is_valid_and_comes_back() -> None:
    written = write_cyclonedx(document(*every_kind()))
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(written.document))
    assert problem is None, problem
    assert sum("one word for absent components" in loss for loss in written.losses) == 2
    assert read_cyclonedx(by_json(written), "file").statements == tuple(every_kind())


def test_cyclonedx_says_that_it_cannot_name_a_part() -> None:
    written = write_cyclonedx(document(embedded()))
    assert written.losses == (
        "urn:vex:part: CycloneDX cannot say that a==1.4 (for b==1.9) is about a part; the whole is named.",
    )


def test_the_table_of_words_is_the_one_of_the_digest() -> None:
    assert {ours.value: theirs for ours, theirs in STATUSES.items()} == {
        "not_affected": "known_not_affected", "affected": "known_affected", "fixed": "fixed",
        "under_investigation": "under_investigation",
    }  # fmt: skip
    assert {theirs: ours.value for theirs, ours in READ_STATES.items()} == {
        "not_affected": "not_affected", "exploitable": "affected", "resolved": "fixed",
        "in_triage": "under_investigation", "false_positive": "not_affected", "resolved_with_pedigree": "fixed",
    }  # fmt: skip
    assert set(STATES) == set(Status)
    assert set(JUSTIFICATIONS) == set(Justification)
    assert {theirs: ours.value for theirs, ours in READ_JUSTIFICATIONS.items()} == {
        "code_not_present": "vulnerable_code_not_present",
        "code_not_reachable": "vulnerable_code_not_in_execute_path",
        "requires_configuration": "vulnerable_code_cannot_be_controlled_by_adversary",
        "requires_dependency": "vulnerable_code_cannot_be_controlled_by_adversary",
        "requires_environment": "vulnerable_code_cannot_be_controlled_by_adversary",
        "protected_by_compiler": "inline_mitigations_already_exist",
        "protected_at_runtime": "inline_mitigations_already_exist",
        "protected_at_perimeter": "inline_mitigations_already_exist",
        "protected_by_mitigating_control": "inline_mitigations_already_exist",
    }


@pytest.mark.parametrize("state", list(READ_STATES))
@pytest.mark.parametrize("justification", [*READ_JUSTIFICATIONS, None])
def test_every_word_of_cyclonedx_comes_out_as_it_came_in(state: str, justification: str | None) -> None:
    analysis: dict[str, Any] = {"state": state, "response": ["rollback"]}
    justified = READ_STATES[state] is Status.NOT_AFFECTED
    if justification and justified:
        analysis["justification"] = justification
    if justified and not justification:
        analysis["detail"] = "It is not called."
    bom = cyclonedx(analysis)
    read = read_cyclonedx(bom, "bom")
    written = write_openvex(read)
    again = write_cyclonedx(read_openvex(by_json(written), "openvex")).document
    said = again["vulnerabilities"][0]["analysis"]  # type: ignore[index]
    assert said["state"] == state
    assert said.get("justification") == (justification if justified else None)
    assert said["response"] == ["rollback"]


def cyclonedx(analysis: dict[str, Any]) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"timestamp": "2026-11-01T12:00:00Z"},
        "components": [{"type": "library", "bom-ref": "b", "name": "b", "purl": "pkg:pypi/b@1.9"}],
        "vulnerabilities": [{"id": "CVE-2026-1000", "analysis": analysis, "affects": [{"ref": "b"}]}],
    }  # fmt: skip


@lru_cache
def csaf_files() -> dict[str, Any]:
    with tarfile.open(DATA / "csaf-2.0.tar.xz") as archive:
        return {
            one.name: json.load(archive.extractfile(one))  # type: ignore[arg-type]
            for one in archive.getmembers()
            if one.name.endswith(".json")
        }


@lru_cache
def csaf_schema() -> Any:
    schema = csaf_files()["csaf/csaf_json_schema.json"]
    # The schemas of CVSS are on another host; we write no scores.
    del schema["properties"]["vulnerabilities"]["items"]["properties"]["scores"]
    return schema


@pytest.mark.parametrize("name", sorted(name for name in csaf_files() if "/examples/" in name))
def test_the_examples_of_csaf_are_read_and_come_back(name: str) -> None:
    read = read_csaf(csaf_files()[name], name)
    assert read.statements
    written = by_json(write_csaf(read, PUBLISHER))
    jsonschema.validate(written, csaf_schema())

    def told(document: Document) -> set[tuple[str, str, str, str]]:
        return {
            (one.vulnerability, str(product), one.status.value, one.justification or one.impact or one.action)
            for one in document.statements
            for product in one.products
        }

    assert told(read_csaf(written, name)) == told(read)


TESTED = frozenset({1, 2, 3, 4, 5, 6, 14, 16, 17, 18, 19, 20, 21, 22, 23, 27, 29, 30, 31, 32, 33})


def test_documents_that_break_a_mandatory_test_of_csaf_are_refused_and_the_others_are_not() -> None:
    wrong = []
    for name in (name for name in csaf_files() if "/tests/" in name):
        number, *_, last = name.removesuffix(".json").split("2021-6-1-")[1].split("-")
        document = csaf_files()[name]
        if int(number) not in TESTED or (int(number) == 27 and document["document"]["category"] != "csaf_vex"):
            continue
        refusal = refusal_of(completed(document), name)
        if ("mandatory test 6.1." in refusal) is not (int(last) < 10):
            wrong.append((name, refusal))
    assert wrong == []


def refusal_of(document: dict[str, Any], name: str) -> str:
    try:
        check_csaf(document, name)
    except Rejected as refusal:
        return str(refusal)
    return ""


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """The document as a VEX document: the tests of CSAF are mostly written for its base profile."""
    value = json.loads(json.dumps(document))
    if value["document"]["category"] == "csaf_vex":
        return dict(value)
    value["document"]["category"] = "csaf_vex"
    value.setdefault("product_tree", {}).setdefault("full_product_names", []).append({"name": "x", "product_id": "X"})
    vulnerabilities = value.setdefault("vulnerabilities", [{}])
    for one in vulnerabilities:
        one.setdefault("notes", [{"category": "summary", "text": "x"}])
        if "cve" not in one:
            one.setdefault("ids", [{"system_name": "x", "text": "x"}])
        status = one.setdefault("product_status", {})
        status.setdefault("under_investigation", []).append("X")
        safe = [each for each in status.get("known_not_affected", []) if not one.get("flags")]
        if safe:
            one.setdefault("threats", []).append({"category": "impact", "details": "x", "product_ids": safe})
        if status.get("known_affected"):
            mended = {"category": "vendor_fix", "details": "x", "product_ids": status["known_affected"]}
            one.setdefault("remediations", []).append(mended)
    return dict(value)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"statements": [{"vulnerability": {}, "status": "fixed"}]}, "statements[0]: vulnerability: name"),
        ({"statements": [{"vulnerability": {"name": "X"}, "status": "safe"}]}, "statements[0]: status"),
        ({"statements": [{"vulnerability": {"name": "X"}, "status": "fixed"}]}, "statements[0]: products"),
        ({"statements": {}}, "file: statements"),
        ({"@context": "https://example.org"}, "file: @context"),
        ({"timestamp": "yesterday"}, "file: timestamp"),
        ({"version": 0}, "file: version"),
    ],
)
def test_what_is_wrong_with_a_document_is_said_with_its_place(change: dict[str, Any], place: str) -> None:
    value = {**by_json(write_openvex(document(SAFE))), **change}
    with pytest.raises(Rejected) as refusal:
        read_vex(json.dumps(value).encode(), "file")
    assert place in str(refusal.value)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (replace(SAFE, justification=None), "not why"),
        (replace(SAFE, status=Status.AFFECTED, justification=None), "not what to do"),
        (replace(SAFE, status=Status.FIXED), "justification"),
        (replace(SAFE, products=()), "there are none"),
    ],
)
def test_no_statement_is_written_that_breaks_the_rules_of_openvex(statement: Statement, why: str) -> None:
    for write in (write_openvex, write_cyclonedx, lambda one: write_csaf(one, PUBLISHER)):
        with pytest.raises(Rejected, match=why):
            write(document(statement))


def test_where_one_csaf_document_would_contradict_itself_the_stricter_wins_and_it_is_said() -> None:
    doubts = replace(SAFE, id="urn:vex:2", status=Status.UNDER_INVESTIGATION, justification=None)
    written = write_csaf(document(SAFE, doubts), PUBLISHER)
    assert written.losses == ("urn:vex:1: urn:vex:2 says under_investigation of b==1.9, which wins.",)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"a":1,"a":2}', b"[" * 100_000, b'{"document":{}}'])
def test_what_is_no_vex_is_refused(content: bytes) -> None:
    with pytest.raises(Rejected):
        read_vex(content, "file")


def test_the_author_answers_for_what_has_no_owner() -> None:
    (one,) = statements_of(document(replace(SAFE, owner="")))
    assert one.owner == "Example"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=10), inner, max_size=3), max_leaves=8,
)  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_put_into_a_document_it_is_read_or_refused(data: st.DataObject) -> None:
    written = (
        write_openvex(document(*every_kind())),
        write_csaf(document(*every_kind(), embedded()), PUBLISHER),
        write_cyclonedx(document(*every_kind())),
    )
    value = by_json(data.draw(st.sampled_from(written)))
    node = value
    for _ in range(12):
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(node[key], dict | list) and node[key] and data.draw(st.integers(0, 4)):
            node = node[key]
            continue
        node[key] = data.draw(JSON)
        break
    with suppress(Rejected):
        read_vex(json.dumps(value).encode(), "file")
