"""What we write is what we read, and the schema of OSV agrees."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from jsonschema import Draft202012Validator

from advisory_records import DATA, pypa
from customhouse.formats.osv.model import PYPI, Affected, Credit, Event, Range, Record, Reference, Severity
from customhouse.formats.osv.read import read_record
from customhouse.formats.osv.write import write_record

SCHEMA = Draft202012Validator(json.loads((DATA / "osv-schema-1.7.5.json").read_text()))
FULL = Record(
    id="PYSEC-2026-1",
    modified=datetime(2026, 2, 1, 12, 0, 0, 500, UTC),
    published=datetime(2026, 1, 1, tzinfo=UTC),
    withdrawn=datetime(2026, 3, 1, tzinfo=UTC),
    aliases=("CVE-2026-1", "GHSA-aaaa-bbbb-cccc"),
    upstream=("CVE-2023-4863",),
    related=("OSV-2026-1",),
    summary="It leaks",
    details="Everything.",
    affected=(
        Affected(
            ecosystem=PYPI,
            package="Demo",
            name="demo",
            ranges=(
                Range("ECOSYSTEM", (Event("introduced", "0"), Event("fixed", "2.0"))),
                Range("GIT", (Event("introduced", "0"), Event("fixed", "a" * 40)), "https://git.test/demo"),
            ),
            versions=("1.0", "1.10"),
            severity=(Severity("CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"),),
            purl="pkg:pypi/demo",
            ecosystem_specific={"imports": [{"attribute": "demo.leak"}]},
            database_specific={"note": 1},
        ),
    ),
    references=(Reference("FIX", "https://git.test/demo/1"),),
    credits=(Credit("Ada", ("mailto:ada@people.test",), "FINDER"), Credit("Bo")),
    schema_version="1.7.5",
    document={"database_specific": {"cwe": ["CWE-200"]}, "summary": "an older one"},
)


def errors(document: dict[str, Any]) -> list[str]:
    return [one.message for one in SCHEMA.iter_errors(document)]


def test_what_we_write_is_valid_and_reads_as_it_was() -> None:
    written = write_record(FULL)
    assert errors(written) == []
    assert read_record(written, "x") == FULL
    assert written["database_specific"] == {"cwe": ["CWE-200"]}
    assert written["modified"] == "2026-02-01T12:00:00.000500Z"


def test_the_smallest_record_is_valid() -> None:
    smallest = Record("x_here-1", FULL.modified, schema_version="1.7.5")
    assert write_record(smallest) == {
        "schema_version": "1.7.5", "id": "x_here-1", "modified": "2026-02-01T12:00:00.000500Z",
    }  # fmt: skip
    assert errors(write_record(smallest)) == []


def test_the_schema_knows_a_bad_record() -> None:
    assert errors({**write_record(FULL), "affected": [{"ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "1"}]}]}]})


def test_every_record_of_the_database_is_written_valid_and_reads_as_it_was() -> None:
    for one in pypa()[::7]:
        written = write_record(one, one.schema_version)
        assert read_record(written, one.id) == one
        assert errors({**written, "schema_version": "1.7.5"}) == [], one.id


def test_a_package_may_have_its_own_severity_or_the_record_has_one() -> None:
    moved = replace(FULL, severity=FULL.affected[0].severity, affected=(replace(FULL.affected[0], severity=()),))
    assert read_record(write_record(moved), "x") == moved
