"""What an audit found as SARIF 2.1.0 (OASIS), for code scanning: a rule for each vulnerability, a result for a place.

What does not count (baseline, VEX) is suppressed and not left out; what could not be checked is a notification, and the
run is then not successful.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

from customhouse.consume.audit.model import Finding, Report
from customhouse.consume.audit.verdict import NO_LONGER
from customhouse.consume.audit.write.facts import in_order, page_of, place_of
from customhouse.formats.osv.severity import Level
from customhouse.formats.plain import plain

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_WORDS = {Level.CRITICAL: "error", Level.HIGH: "error", Level.MEDIUM: "warning", Level.LOW: "note", Level.NONE: "note",
          Level.UNKNOWN: "warning"}  # fmt: skip


def sarif(report: Report, version: str) -> str:
    """The whole text; ``version`` is this program's."""
    findings = in_order(report.findings)
    rules = {one.same.names[0]: one for one in reversed(findings)}
    ids = sorted(rules)
    at = {name: number for number, name in enumerate(ids)}
    run = {
        "tool": {
            "driver": {
                "name": "customhouse audit",
                "version": version,
                "rules": [_rule(rules[name]) for name in ids],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not report.gaps,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": plain(f"{one.where}: {one.why}. {one.next_step}", 2000)}}
                    for one in report.gaps
                ],
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, at[one.same.names[0]]) for one in findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(finding: Finding) -> dict[str, Any]:
    name = finding.same.names[0]
    summary = plain(finding.same.first.summary) or name
    properties: dict[str, Any] = {"tags": ["security", "vulnerability", *finding.same.names[1:]]}
    if finding.score.base is not None:
        # GitHub sorts by this property; it wants the CVSS base score as text.
        properties["security-severity"] = f"{finding.score.base:.1f}"
    return {
        "id": name,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": summary},
        "helpUri": page_of(name),
        "help": {"text": f"{', '.join(finding.same.names)}: see {page_of(name)}"},
        "defaultConfiguration": {"level": _WORDS[finding.score.level]},
        "properties": properties,
    }


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    component = finding.component
    file, line = place_of(component)
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(file, safe="/-._~")}}
    if line:
        place["region"] = {"startLine": line}
    print_of = f"{component.name}\n{component.version}\n{finding.same.names[0]}\n{file}"
    found: dict[str, Any] = {
        "ruleId": finding.same.names[0],
        "ruleIndex": rule,
        "level": _WORDS[finding.score.level],
        "message": {"text": _sentence(finding)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"customhouseAudit/v1": hashlib.sha256(print_of.encode()).hexdigest()},
    }
    suppressions = _suppressions(finding)
    if suppressions:
        found["suppressions"] = suppressions
    return found


def _sentence(finding: Finding) -> str:
    component = finding.component
    what = f"{plain(component.name)} {plain(component.version)}"
    parts = [f"{what} is affected by {finding.same.names[0]} ({finding.score.level.word})."]
    if finding.same.first.summary:
        parts.append(plain(finding.same.first.summary))
    if finding.library is not None:
        parts.append(f"It bundles {plain(finding.library.name)} {plain(finding.library.version_in_words)}.")
    if finding.upgrade is not None:
        parts.append(f"Raise it to {plain(finding.upgrade)}.")
    if finding.paths and len(finding.paths[0]) > 1:
        parts.append("Brought in by " + " > ".join(plain(one) for one in finding.paths[0]) + ".")
    return " ".join(parts)


def _suppressions(finding: Finding) -> list[dict[str, str]]:
    found = []
    if finding.known:
        found.append({"kind": "external", "status": "accepted", "justification": "It stands in the baseline."})
    if finding.mitigation is not None and finding.mitigation.status in NO_LONGER:
        held = finding.mitigation
        reason = plain(f"{held.status}: {held.justification} {held.reason} ({held.owner})", 1000)
        found.append({"kind": "external", "status": "accepted", "justification": reason})
    return found
