"""What an audit found as JSON, version 1; docs/audit.md tells each member. Texts are as their authors wrote them."""

from __future__ import annotations

import json
from typing import Any

from customhouse.consume.audit.model import Finding, Report
from customhouse.consume.audit.verdict import counts, exit_code
from customhouse.consume.audit.write.facts import in_order
from customhouse.formats.osv.severity import Level

VERSION = 1
_VERDICTS = {0: "clean", 1: "findings", 3: "partial"}


def json_report(report: Report, level: Level) -> str:
    """The whole text; ASCII, so that no terminal obeys what a stranger wrote."""
    code = exit_code(report, level)
    whole = {
        "customhouse-audit": VERSION,
        "verdict": _VERDICTS[code],
        "exit-code": code,
        "level": level.word,
        "advisories": {"count": report.advisories, "newest": report.snapshot},
        "index-asked": report.index_asked,
        "subjects": [
            {"title": one.title, "kind": one.kind, "packages": len(one.components), "interpreter": one.interpreter}
            for one in report.subjects
        ],
        "left-out": report.left_out,
        "statements": list(report.statements),
        "passed-over": list(report.passed_over),
        "not-looked-up": list(report.unasked),
        "findings": [_finding(one, level) for one in in_order(report.findings)],
        "statuses": [
            {"package": one.component.name, "version": one.component.version, "status": one.status,
             "reason": one.reason}
            for one in report.statuses
        ],
        "gaps": [{"where": one.where, "why": one.why, "next-step": one.next_step} for one in report.gaps],
    }  # fmt: skip
    return json.dumps(whole, indent=2) + "\n"


def _finding(finding: Finding, level: Level) -> dict[str, Any]:
    component = finding.component
    held, blocked, library = finding.mitigation, finding.blocked, finding.library
    return {
        "package": component.name,
        "version": component.version,
        "where": component.where,
        "groups": sorted(component.groups),
        "id": finding.same.names[0],
        "aliases": list(finding.same.names[1:]),
        "summary": finding.same.first.summary,
        "level": finding.score.level.word,
        "score": finding.score.base,
        "vector": finding.score.vector,
        "exploited": finding.exploited,
        "likelihood": finding.likelihood,
        "fixes": list(finding.fixes),
        "upgrade": finding.upgrade,
        "paths": [list(one) for one in finding.paths],
        "library": None
        if library is None
        else {
            "name": library.name,
            "version": library.version,
            "conflicting": list(library.conflicting),
            "where": library.where,
            "evidence": library.evidence,
        },
        "mitigation": None
        if held is None
        else {
            "statement": held.statement,
            "status": held.status,
            "justification": held.justification,
            "reason": held.reason,
            "owner": held.owner,
            "expires": held.expires.isoformat() if held.expires else None,
        },
        "remarks": list(finding.remarks),
        "blocked": None
        if blocked is None
        else {
            "by": blocked.by,
            "by-version": blocked.by_version,
            "requirement": blocked.requirement,
            "speculative": blocked.speculative,
            "remedies": list(blocked.remedies),
        },
        "known": finding.known,
        "counts": counts(finding, level),
    }
