"""What may be asked in the protocol of OSV.dev, and how records are handed on."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advising import pypa_records
from customhouse.formats.osv.asking import MOST_QUERIES, Query, read_batch, read_query
from customhouse.formats.osv.handing import answered, handed_on
from customhouse.formats.osv.read import read_record
from customhouse.terms.errors import Rejected

DJANGO = {"name": "django", "ecosystem": "PyPI"}


@pytest.mark.parametrize(
    ("asked", "understood"),
    [
        ({"package": DJANGO, "version": "4.2"}, Query("django", "4.2")),
        ({"package": DJANGO}, Query("django")),
        ({"package": {"name": "Zope.Interface", "ecosystem": "PyPI"}}, Query("zope-interface")),
        ({"package": {"purl": "pkg:pypi/django"}}, Query("django")),
        ({"package": {"purl": "pkg:pypi/django"}, "version": "4.2"}, Query("django", "4.2")),
        ({"package": {"purl": "pkg:pypi/Zope.Interface@1.0%2Bcu118?arch=x#a"}}, Query("zope-interface", "1.0+cu118")),
        ({"package": DJANGO, "version": "4.2", "page_token": "from elsewhere"}, Query("django", "4.2")),
        ({"package": DJANGO, "version": "4.2", "unknown": {"member": 1}}, Query("django", "4.2")),
    ],
)
def test_a_question_is_a_name_and_an_ecosystem_or_a_purl(asked: object, understood: Query) -> None:
    assert read_query(json.dumps(asked).encode()) == understood
    assert read_batch(json.dumps({"queries": [asked, asked]}).encode()) == [understood, understood]


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ({}, "package.name"),
        ({"version": "1.0"}, "package.name"),
        ({"package": {"ecosystem": "PyPI"}, "version": "1.0"}, "package.name"),
        ({"package": {"name": "django"}, "version": "1.0"}, "package.ecosystem"),
        ({"package": {"name": "django", "ecosystem": "pypi"}}, "package.ecosystem"),
        ({"package": {"name": "left-pad", "ecosystem": "npm"}}, "package.ecosystem"),
        ({"package": {"purl": "pkg:npm/left-pad"}}, "package.purl"),
        ({"package": {"purl": "pkg:pypi/"}}, "package.purl"),
        ({"package": {"purl": "pkg:pypi/django@4.2"}, "version": "4.2"}, "version"),
        ({"package": {"purl": "pkg:pypi/django", **DJANGO}}, "package"),
        ({"commit": "6879efc2c1596d11a6a6ad296f80063b558d5e0f"}, "commit"),
        ({"package": DJANGO, "version": 4.2}, "version"),
        ({"package": DJANGO, "version": "1" * 600}, "version"),
        ({"package": "django"}, "package"),
        ({"package": {"name": "a\0b", "ecosystem": "PyPI"}}, "package.name"),
        ({"package": {"purl": "pkg:pypi/a%00b"}}, "package.purl"),
        ([], "body"),
    ],
)
def test_what_cannot_be_looked_up_is_an_error_that_names_the_place(asked: object, place: str) -> None:
    with pytest.raises(Rejected) as refused:
        read_query(json.dumps(asked).encode())
    assert refused.value.where == place
    with pytest.raises(Rejected) as in_batch:
        read_batch(json.dumps({"queries": [{"package": DJANGO}, asked]}).encode())
    assert in_batch.value.where.startswith("queries[1]")


def test_a_batch_is_bounded_and_may_be_empty() -> None:
    assert read_batch(b"{}") == read_batch(b'{"queries": []}') == []
    many = [{"package": DJANGO, "version": "4.2"}] * MOST_QUERIES
    assert len(read_batch(json.dumps({"queries": many}).encode())) == MOST_QUERIES
    with pytest.raises(Rejected, match="at most 1000"):
        read_batch(json.dumps({"queries": [*many, many[0]]}).encode())


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(max_size=5) | st.integers(), lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(["queries", "package", "name", "ecosystem", "purl", "version"]), one, max_size=4), max_leaves=8).map(lambda one: json.dumps(one).encode()))  # fmt: skip
def test_any_body_is_understood_or_refused(body: bytes) -> None:
    for read in (read_query, read_batch):
        with suppress(Rejected):
            read(body)


def test_a_record_is_handed_on_as_it_came_with_its_names_normalised() -> None:
    spelled = next(one for one in pypa_records() if one.id == "PYSEC-2020-341")
    assert [one["package"]["name"] for one in spelled.document["affected"]] == ["jw.util"]
    handed = handed_on(spelled.document)
    assert [one["package"]["name"] for one in handed["affected"]] == ["jw-util"]
    handed["affected"][0]["package"]["name"] = "jw.util"
    assert handed == spelled.document
    assert sum(handed_on(one.document) == one.document for one in pypa_records()) == len(pypa_records()) - 1


def test_an_answer_leaves_out_what_ends_pip_audit_with_a_traceback() -> None:
    """A fix that is no version, as two of the PyPA's records have, and an entry without a package, as PSF's have."""
    binder = next(one for one in pypa_records() if one.id == "PYSEC-2021-371")
    kept = [event for one in answered(binder.document)["affected"][0]["ranges"] if one["type"] == "ECOSYSTEM" for event in one["events"]]  # fmt: skip
    assert kept == [{"introduced": "0"}]
    git = {"ranges": [{"type": "GIT", "repo": "https://x.invalid/x", "events": [{"introduced": "0"}]}]}
    both = read_record({**binder.document, "affected": [git, *binder.document["affected"]]}, "both")
    assert [one["package"]["name"] for one in answered(both.document)["affected"]] == ["binderhub"]
    assert len(handed_on(both.document)["affected"]) == 2
