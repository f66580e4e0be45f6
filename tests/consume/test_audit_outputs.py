"""What is written about an audit: each form as its standard wants it, and nothing in it obeys a stranger."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from advising import record
from auditing import snapshot_of
from customhouse.consume.audit.baseline import Baseline, read_baseline, write_baseline
from customhouse.consume.audit.engine import Engine
from customhouse.consume.audit.model import Blocked, Component, Edge, Gap, Mitigation, Report, Status, Subject
from customhouse.consume.audit.write.cyclonedx import cyclonedx
from customhouse.consume.audit.write.json_report import json_report
from customhouse.consume.audit.write.markdown import markdown
from customhouse.consume.audit.write.sarif import sarif
from customhouse.consume.audit.write.table import table
from customhouse.consume.snapshot.read import Snapshot
from customhouse.formats.osv.severity import Level
from customhouse.terms.errors import Rejected

EVIL = "\x1b]0;owned\x07 \u202egpj.exe | <script>alert(1)</script> [link](javascript:x) `code`\nnew line"
CRITICAL = {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}
NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Something of everything, with hostile texts wherever a stranger may write."""
    store = Snapshot(
        snapshot_of(
            tmp_path / "s.sqlite",
            record("PYSEC-2026-1", "demo", fixed="2.0", aliases=["CVE-2026-1"], severity=[CRITICAL], summary=EVIL),
            record("PYSEC-2026-2", "deep", fixed="1.5", summary="plain words"),
            record("PYSEC-2026-3", "odd", versions=["1.0"]),
            record("PYSEC-2026-4", "quiet", fixed="2.0"),
        )
    )
    parts = (
        Component("demo", "1.0", "requirements.txt:3", direct=True, requires=(Edge("deep", "<1.2"),),
                  hashes=frozenset({"sha256:" + "a" * 64})),
        Component("deep", "1.0", "requirements.txt:4", frozenset({"dev"})),
        Component("odd", "1.0", f"{EVIL}.txt:5", direct=True),
        Component("quiet", "1.0", "requirements.txt:6", direct=True),
        Component("fine", "1.0", "requirements.txt:7", direct=True),
    )  # fmt: skip
    found = Engine(store).audit([Subject(f"requirements {EVIL}", "requirements", parts, interpreter="")])
    blocked = Blocked("demo", "1.0", "deep<1.2", speculative=True, remedies=("uv lock --upgrade-package demo",))
    held = Mitigation("urn:1", "not_affected", "vulnerable_code_not_in_execute_path", EVIL, "alice", date(2027, 1, 1))
    changed = {
        "demo": {"exploited": True, "likelihood": 0.97}, "deep": {"blocked": blocked}, "odd": {},
        "quiet": {"mitigation": held},
    }  # fmt: skip
    findings = tuple(replace(one, **changed[one.component.name]) for one in found.findings)  # type: ignore[arg-type]
    statuses = (Status(parts[4], "archived", EVIL),)
    return replace(
        found, findings=findings, statuses=statuses, gaps=(Gap(f"there {EVIL}", "cannot be read", "mend it"),)
    )


def test_the_table_fits_eighty_columns_and_obeys_no_stranger(report: Report) -> None:
    text = table(report, Level.LOW)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert "critical  PYSEC-2026-1" in text
    assert (
        "known to be exploited (KEV)\n            exploited within 30 days with a probability of 97.0% (EPSS)\n" in text
    )
    assert "└─ demo → deep" in text
    assert "Blocked: demo 1.0 requires deep<1.2, written before such versions existed." in text
    assert "1. uv lock --upgrade-package demo" in text
    assert "does not count: not_affected says alice, until 2027-01-01" in text
    assert "NOT CHECKED (1):" in text
    assert "fine 1.0 is archived" in text
    assert "no version of odd mends this" in text
    assert text.index("demo 1.0") < text.index("deep 1.0")
    coloured = table(report, Level.LOW, coloured=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text


@pytest.mark.parametrize(
    ("names", "fix", "head"),
    [
        (["PYSEC-2026-1", "GHSA-aaaa-bbbb-cccc", "CVE-2026-1"], "2.0",
         "  unknown   PYSEC-2026-1, CVE-2026-1, GHSA-aaaa-bbbb-cccc"),
        (["PYSEC-2026-1", "GHSA-aaaa-bbbb-cccc", "CVE-2026-12345678"], "2.0.0.post20260101",
         "  unknown   PYSEC-2026-1, CVE-2026-12345678"),
        (["PYSEC-2026-123456789012345678901234567", "CVE-2026-12345678"], "20260101.20260101",
         "  unknown   PYSEC-2026-123456789012345678901234567"),
    ],
)  # fmt: skip
def test_long_names_and_versions_leave_the_columns_in_line(
    tmp_path: Path, names: list[str], fix: str, head: str
) -> None:
    one = record(names[0], "demo", aliases=names[1:], fixed=fix)
    store = Snapshot(snapshot_of(tmp_path / "s.sqlite", one))
    found = Engine(store).audit([Subject("x", "requirements", (Component("demo", "1.0", "r.txt:1"),))])
    mended = f"mended in {fix}"
    assert head.ljust(80 - len(mended)) + mended in table(found, Level.LOW).splitlines()
    assert max(map(len, table(found, Level.LOW).splitlines())) <= 80


def test_an_audit_that_found_nothing_says_what_it_looked_at() -> None:
    text = table(Report((Subject("x", "uv-lock", ()),), advisories=7, snapshot="2026-11-20T00:00:00Z"), Level.LOW)
    assert (
        text
        == "Checked 0 packages of x against 7 advisories, the newest of 2026-11-20.\nNothing known is wrong with what was checked.\n"
    )


def test_json_says_everything_in_ascii(report: Report) -> None:
    text = json_report(report, Level.LOW)
    assert text.isascii()
    assert "\x1b" not in text
    whole = json.loads(text)
    assert (whole["customhouse-audit"], whole["verdict"], whole["exit-code"]) == (1, "findings", 1)
    by_name = {one["package"]: one for one in whole["findings"]}
    assert by_name["demo"] | {"summary": ""} == {
        "package": "demo", "version": "1.0", "where": "requirements.txt:3", "groups": ["production"],
        "id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "summary": "", "level": "critical", "score": 9.8,
        "vector": CRITICAL["score"], "exploited": True, "likelihood": 0.97, "fixes": ["2.0"], "upgrade": "2.0",
        "paths": [["demo"]], "library": None, "mitigation": None, "remarks": [], "blocked": None, "known": False,
        "counts": True,
    }  # fmt: skip
    assert by_name["quiet"]["counts"] is False
    assert by_name["deep"]["blocked"]["speculative"] is True
    assert whole["gaps"][0]["why"] == "cannot be read"


def test_sarif_is_what_code_scanning_reads(report: Report) -> None:
    whole = json.loads(sarif(report, "1.2.3"))
    assert (whole["version"], whole["$schema"].endswith("sarif-schema-2.1.0.json")) == ("2.1.0", True)
    (run,) = whole["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({one["id"] for one in rules}) == len(rules) == 4
    assert [one["properties"].get("security-severity") for one in rules if one["id"] == "PYSEC-2026-1"] == ["9.8"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        # RFC 3986: an artifact's URI holds no blank and no control character.
        assert re.fullmatch(r"[!-~]+", place["artifactLocation"]["uri"])
        assert place["region"]["startLine"] >= 1
        assert len(result["partialFingerprints"]) == 1
    suppressed = [one["ruleId"] for one in run["results"] if one.get("suppressions")]
    assert suppressed == ["PYSEC-2026-4"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert "\x1b" not in str(whole)


def test_markdown_takes_nothing_for_markup(report: Report) -> None:
    text = markdown(report, Level.LOW)
    assert "<script>" not in text
    assert "[link](" not in text
    assert "\x1b" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {7}
    assert "| critical | demo 1\\.0 | [PYSEC\\-2026\\-1](https://osv.dev/vulnerability/PYSEC-2026-1)" in text


def test_cyclonedx_is_valid_and_carries_the_analysis(report: Report) -> None:
    text = cyclonedx(report, "1.2.3", NOW)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    whole: dict[str, Any] = json.loads(text)
    by_id = {one["id"]: one for one in whole["vulnerabilities"]}
    assert by_id["PYSEC-2026-4"]["analysis"]["state"] == "not_affected"
    assert by_id["PYSEC-2026-4"]["analysis"]["justification"] == "code_not_reachable"
    assert by_id["PYSEC-2026-1"]["affects"] == [{"ref": "pkg:pypi/demo@1.0"}]
    assert by_id["PYSEC-2026-1"]["ratings"] == [
        {"severity": "critical", "score": 9.8, "method": "CVSSv31", "vector": CRITICAL["score"]}
    ]
    assert {"ref": "pkg:pypi/demo@1.0", "dependsOn": ["pkg:pypi/deep@1.0"]} in whole["dependencies"]
    assert text == cyclonedx(report, "1.2.3", NOW)
    assert "\\u001b" not in text


def test_a_baseline_is_sorted_and_keeps_its_reasons(report: Report, tmp_path: Path) -> None:
    first = Baseline({("demo", "CVE-2026-1"): "long known", ("gone", "PYSEC-2020-1"): "was once"})
    marked = first.marked(report.findings)
    assert [one.component.name for one in marked if one.known] == ["demo"]
    assert first.unused(report.findings) == [("gone", "PYSEC-2020-1")]
    new = first.renewed(report.findings, "found today")
    text = write_baseline(new)
    assert [line for line in text.splitlines() if "package" in line] == [
        '    {"package": "deep", "vulnerability": "PYSEC-2026-2", "reason": "found today"},',
        '    {"package": "demo", "vulnerability": "CVE-2026-1", "reason": "long known"},',
        '    {"package": "odd", "vulnerability": "PYSEC-2026-3", "reason": "found today"},',
        '    {"package": "quiet", "vulnerability": "PYSEC-2026-4", "reason": "found today"}',
    ]
    (tmp_path / "b.json").write_text(text)
    assert read_baseline(tmp_path / "b.json") == new
    assert write_baseline(Baseline({})) == '{\n  "customhouse-baseline": 1,\n  "known": []\n}\n'


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"customhouse-baseline": 2, "known": []}', '{"customhouse-baseline": 1}', "[" * 100_000,
     '{"customhouse-baseline": 1, "known": [{"package": 1}]}', '{"customhouse-baseline": 1, "known": ["x"]}'],
)  # fmt: skip
def test_a_baseline_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(Rejected):
        read_baseline(tmp_path / "b.json")
