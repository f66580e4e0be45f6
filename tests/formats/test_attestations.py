"""Attestation objects, statements and provenance objects as text: what is read, and how it is shown."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag

from customhouse.formats.attestations import (
    PUBLISH,
    SLSA,
    Statement,
    parse_attestations,
    parse_statement,
    same_file,
    statement_bytes,
)
from customhouse.formats.dsse import IN_TOTO, pae
from customhouse.formats.provenance import BuildSummary, build_summary, provenance_object
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected

DIGEST = "0123456789abcdef" * 4
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("kind", [PUBLISH, SLSA])
def test_a_statement_is_read_as_it_was_written(kind: str) -> None:
    predicate: dict[str, Any] | None = {"buildDefinition": {}} if kind == SLSA else None
    written = statement_bytes("demo-1.0.tar.gz", DIGEST, kind, predicate)
    assert parse_statement(written, "here") == Statement("demo-1.0.tar.gz", DIGEST, kind, predicate or {})


def test_a_file_name_with_more_tags_than_any_wheel_is_refused_before_it_is_read() -> None:
    """The product of the three would be some millions of tags."""
    tags = ".".join(f"a{number}" for number in range(150))
    name = f"demo-1-{tags}-{tags}-{tags}.whl"
    assert not same_file(name, name)
    with pytest.raises(Rejected, match=f"a name of {len(name)} characters"):
        parse_statement(statement_bytes(name, DIGEST), "here")


def test_tags_are_compared_part_by_part_and_never_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as a name may hold: each part has one reader of tags, that of ``py3-none-any``."""
    tags = ".".join("abcdefghijklmnopqrstuvwxyz")
    made: list[Tag] = []
    real = Tag.__init__

    def counted(self: Tag, interpreter: str, abi: str, platform: str) -> None:
        made.append(self)
        real(self, interpreter, abi, platform)

    monkeypatch.setattr(Tag, "__init__", counted)
    assert same_file(f"demo-1-{tags}-{tags}-{tags}.whl", f"demo-1.0-{tags}-{tags}-{tags[::-1]}.whl")
    assert len(made) <= 2


@pytest.mark.parametrize("end", [".tar.gz", "-py3-none-any.whl"])
def test_a_version_with_more_digits_than_python_reads_is_no_file(end: str) -> None:
    name = f"demo-{'9' * 5000}{end}"
    assert not same_file(name, name)
    assert not same_file(name, f"demo-1{end}")


def test_what_is_signed_is_the_statement_in_its_envelope() -> None:
    """The example of DSSE 1.0, with the one type that PEP 740 allows."""
    assert pae(IN_TOTO, b"hello world") == b"DSSEv1 28 application/vnd.in-toto+json 11 hello world"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("demo-1.0.tar.gz", "demo-1.0.tar.gz", True),
        ("Demo-1.0.0.tar.gz", "demo-1.0.tar.gz", True),
        ("a.b-1.0-py3-none-any.whl", "a_b-1.0-py3-none-any.whl", True),
        ("demo-1.0-py2.py3-none-any.whl", "demo-1.0-py3.py2-none-any.whl", True),
        ("demo-1.0-1-py3-none-any.whl", "demo-1.0-py3-none-any.whl", False),
        ("demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz", False),
        ("demo-1.0.zip", "demo-1.0.zip", False),
        ("demo.tar.gz", "demo.tar.gz", False),
        ("demo-1.0-py2.py3-none-any.whl", "demo-1.0-py3-none-any.whl", False),
        ("demo-1.0-PY3-none-any.whl", "demo-1.0-py3-none-any.whl", True),
        ("demo-1.0-none-any.whl", "demo-1.0-none-any.whl", False),
        ("demo.whl", "demo.whl", False),
        ("", "", False),
    ],
)
def test_names_of_files_are_compared_as_what_they_mean(one: str, other: str, same: bool) -> None:
    assert same_file(one, other) is same
    assert same_file(other, one) is same


@given(JSON)
def test_any_json_is_refused_or_read_and_nothing_else_happens(value: Any) -> None:
    for text in (json.dumps(value), json.dumps([value]), json.dumps([{"version": 1, "envelope": value}])):
        with pytest.raises(Rejected):
            parse_attestations(text)


@given(JSON)
def test_any_statement_is_refused_or_read_and_nothing_else_happens(value: Any) -> None:
    for part in ("subject", "predicateType", "predicate"):
        written = json.loads(statement_bytes("demo-1.0.tar.gz", DIGEST))
        with suppress(Rejected):
            assert isinstance(parse_statement(json.dumps({**written, part: value}).encode(), "here"), Statement)


@given(JSON)
def test_a_builder_may_say_anything_and_only_texts_are_shown(value: Any) -> None:
    summary = build_summary(Statement("demo-1.0.tar.gz", DIGEST, SLSA, {"buildDefinition": value, "runDetails": value}))
    assert all(isinstance(getattr(summary, name), str) for name in BuildSummary.__slots__)


def test_a_builder_that_says_nothing_printable_says_nothing() -> None:
    predicate = {"runDetails": {"builder": {"id": "https://example.org/\x1b[31m"}}}
    assert build_summary(Statement("x", DIGEST, SLSA, predicate)) == BuildSummary()
    long = {"runDetails": {"builder": {"id": "x" * 1000}}}
    assert build_summary(Statement("x", DIGEST, SLSA, long)).builder == "x" * 300


@pytest.mark.parametrize(
    ("parameters", "repository"),
    [
        ({"workflow": {"repository": "https://github.com/octo/demo"}}, "https://github.com/octo/demo"),
        ({"source": {"uri": "git+https://github.com/octo/demo@refs/tags/v1"}}, "https://github.com/octo/demo"),
        ({"source": {"uri": "git+https://git.example.org/octo/demo.git"}}, "https://git.example.org/octo/demo"),
        ({"source": "x"}, ""),
    ],
)
def test_the_repository_is_found_where_builders_put_it(parameters: dict[str, Any], repository: str) -> None:
    predicate = {"buildDefinition": {"externalParameters": parameters}}
    assert build_summary(Statement("x", DIGEST, SLSA, predicate)).repository == repository


def test_a_publish_attestation_says_nothing_of_a_build() -> None:
    assert build_summary(Statement("x", DIGEST, PUBLISH, {})) == BuildSummary()


def test_a_provenance_object_has_a_bundle_for_each_publisher_in_their_order() -> None:
    one, other = {"kind": "GitHub", "repository": "a/b"}, {"kind": "GitLab", "repository": "a/b"}
    found = provenance_object([(one, {"n": 1}), (other, {"n": 2}), (dict(reversed(one.items())), {"n": 3})])
    assert found == {
        "version": 1,
        "attestation_bundles": [
            {"publisher": one, "attestations": [{"n": 1}, {"n": 3}]},
            {"publisher": other, "attestations": [{"n": 2}]},
        ],
    }


@given(JSON)
def test_json_that_every_reader_reads_alike_is_read(value: Any) -> None:
    assert read_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":1}', '{"b":{"a":1,"a":2}}', "NaN", "[Infinity]", '"\\udc00"', "[" * 65 + "]" * 65, "1" * 5000, "x"],
)
def test_json_that_readers_read_differently_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text)
