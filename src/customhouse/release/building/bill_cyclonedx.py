"""A bill of materials as CycloneDX 1.6 in JSON (ECMA-424): the release, its files, what they need and bundle."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any

from customhouse.formats.bundled.model import BundledLibrary
from customhouse.formats.plain import plain
from customhouse.release.building.bill import Bill, Needed, Part
from customhouse.terms.names import normalize


def cyclonedx(bill: Bill, tool_version: str) -> bytes:
    """The document; the same bill is the same bytes."""
    root = f"pkg:pypi/{normalize(bill.name)}@{bill.version}"
    needed = {one.name: one for one in reversed(bill.needed)}
    whole: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(bill.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [{"type": "application", "name": "customhouse", "version": tool_version}]},
            "component": _root(bill, root),
        },
        "components": [
            *(_needed(bill, one) for _, one in sorted(needed.items())),
            *(_bundled(one) for one in bill.bundled),
        ],
        "dependencies": [
            {
                "ref": root,
                "dependsOn": sorted([f"needs:{name}" for name in needed] + [_ref(one) for one in bill.bundled]),
            },
            *({"ref": f"needs:{name}"} for name in sorted(needed)),
            *({"ref": ref} for ref in sorted(_ref(one) for one in bill.bundled)),
        ],
    }
    mark = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
    whole["serialNumber"] = f"urn:uuid:{uuid.UUID(mark[:32], version=4)}"
    return (json.dumps(whole, indent=2, sort_keys=True) + "\n").encode()


def _root(bill: Bill, root: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "library", "bom-ref": root, "name": bill.name, "version": bill.version, "purl": root,
        "components": [_file(part) for part in bill.parts],
        "properties": [{"name": "customhouse:git-commit", "value": bill.commit}],
    }  # fmt: skip
    if bill.summary:
        found["description"] = plain(bill.summary, 500)
    if bill.licence:
        found["licenses"] = [{"expression": bill.licence}]
    return found


def _file(part: Part) -> dict[str, Any]:
    return {
        "type": "file",
        "bom-ref": f"file:{part.thing.name}",
        "name": part.thing.name,
        "hashes": [{"alg": "SHA-256", "content": part.thing.digest}],
        "properties": [{"name": "customhouse:size", "value": str(part.thing.size_bytes)}],
    }


def _needed(bill: Bill, one: Needed) -> dict[str, Any]:
    """A dependency is declared, not chosen: it has a range and no version."""
    ranges = [each.requirement for each in bill.needed if each.name == one.name]
    return {
        "type": "library",
        "bom-ref": f"needs:{one.name}",
        "name": one.name,
        "purl": f"pkg:pypi/{one.name}",
        "scope": "optional" if all("extra ==" in text for text in ranges) else "required",
        "properties": [{"name": "customhouse:requirement", "value": plain(text, 500)} for text in ranges],
    }


def _ref(one: BundledLibrary) -> str:
    return f"bundled:{one.name}@{one.version or 'unknown'}"


def _bundled(one: BundledLibrary) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "library", "bom-ref": _ref(one), "name": one.name, "scope": "required"}
    if one.version is not None:
        found["version"] = one.version
    if one.purl:
        found["purl"] = one.purl
    if one.evidence:
        found["evidence"] = {
            "occurrences": [{"location": plain(where, 300)} for where in sorted({each.where for each in one.evidence})]
        }
    return found
