"""What an audit found as a CycloneDX 1.6 bill of materials (ECMA-424) with its vulnerabilities and VEX analysis."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from customhouse.consume.audit.model import Component, Finding, Report
from customhouse.consume.audit.write.facts import in_order, page_of, purl
from customhouse.formats.osv.times import write_time
from customhouse.formats.plain import plain

_METHODS = {"CVSS:4.0": "CVSSv4", "CVSS:3.1": "CVSSv31", "CVSS:3.0": "CVSSv3"}
_STATES = {"not_affected": "not_affected", "fixed": "resolved", "under_investigation": "in_triage",
           "affected": "exploitable"}  # fmt: skip
_JUSTIFICATIONS = {
    "component_not_present": "code_not_present",
    "vulnerable_code_not_present": "code_not_present",
    "vulnerable_code_not_in_execute_path": "code_not_reachable",
    "vulnerable_code_cannot_be_controlled_by_adversary": "requires_environment",
    "inline_mitigations_already_exist": "protected_by_mitigating_control",
}


def cyclonedx(report: Report, version: str, now: datetime) -> str:
    """The whole text; ``version`` is this program's."""
    components: dict[str, Component] = {}
    for subject in report.subjects:
        for one in subject.components:
            components.setdefault(purl(one), one)
    for finding in report.findings:
        components.setdefault(purl(finding.component), finding.component)
    whole = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": write_time(now.replace(microsecond=0)),
            "tools": {"components": [{"type": "application", "name": "customhouse audit", "version": version}]},
            "properties": [
                {"name": "customhouse:not-checked", "value": plain(f"{one.where}: {one.why}", 1000)}
                for one in report.gaps
            ],
        },
        "components": [_component(ref, one) for ref, one in sorted(components.items())],
        "dependencies": _dependencies(components),
        "vulnerabilities": _vulnerabilities(in_order(report.findings)),
    }
    print_of = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
    whole["serialNumber"] = f"urn:uuid:{uuid.UUID(print_of[:32], version=4)}"
    return json.dumps(whole, indent=2) + "\n"


def _component(ref: str, component: Component) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "library", "bom-ref": ref, "name": component.name, "version": component.version, "purl": ref,
    }  # fmt: skip
    hashes = sorted(one.removeprefix("sha256:") for one in component.hashes if one.startswith("sha256:"))
    if len(hashes) == 1:
        # Several are those of several files, and CycloneDX means one file.
        found["hashes"] = [{"alg": "SHA-256", "content": hashes[0]}]
    return found


def _dependencies(components: dict[str, Component]) -> list[dict[str, Any]]:
    by_name: dict[str, list[str]] = {}
    for ref, one in components.items():
        by_name.setdefault(one.name, []).append(ref)
    found = []
    for ref, one in sorted(components.items()):
        below = sorted({other for edge in one.requires for other in by_name.get(edge.requires, ()) if other != ref})
        found.append({"ref": ref, "dependsOn": below} if below else {"ref": ref})
    return found


def _vulnerabilities(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """One for each vulnerability and what is said of it: two packages with different analyses are two."""
    groups: dict[tuple[str, object], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.same.names[0], one.mitigation), []).append(one)
    return [_vulnerability(group, number) for number, group in enumerate(groups.values(), 1)]


def _vulnerability(group: list[Finding], number: int) -> dict[str, Any]:
    first = group[0]
    name = first.same.names[0]
    rating: dict[str, Any] = {"severity": first.score.level.word}
    if first.score.base is not None:
        rating["score"] = first.score.base
        rating["method"] = next(
            (method for start, method in _METHODS.items() if first.score.vector.startswith(start)), "CVSSv2"
        )
        rating["vector"] = first.score.vector
    found: dict[str, Any] = {
        "bom-ref": f"vulnerability-{number}",
        "id": name,
        "source": {"name": "OSV", "url": page_of(name)},
        "references": [{"id": one, "source": {"name": "OSV", "url": page_of(one)}} for one in first.same.names[1:]],
        "ratings": [rating],
    }
    if first.same.first.summary:
        found["description"] = plain(first.same.first.summary)
    upgrades = sorted({f"{one.component.name} to {one.upgrade}" for one in group if one.upgrade})
    if upgrades:
        found["recommendation"] = f"Raise {', '.join(upgrades)}."
    if first.mitigation is not None:
        analysis: dict[str, Any] = {"state": _STATES.get(first.mitigation.status, "in_triage")}
        justification = _JUSTIFICATIONS.get(first.mitigation.justification)
        if justification:
            analysis["justification"] = justification
        analysis["detail"] = plain(f"{first.mitigation.reason} ({first.mitigation.owner})", 2000)
        found["analysis"] = analysis
    found["affects"] = [{"ref": ref} for ref in sorted({purl(one.component) for one in group})]
    return found
