"""A bill of materials as SPDX 2.3 in JSON: each file a package, with what it needs and what it bundles."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from customhouse.formats.bundled.model import BundledLibrary
from customhouse.formats.plain import plain
from customhouse.release.building.bill import Bill, Part
from customhouse.terms.names import normalize

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9.-]")
_NONE = "NOASSERTION"
_DOCUMENT = "SPDXRef-DOCUMENT"


def spdx(bill: Bill, tool_version: str) -> bytes:
    """The document; the same bill is the same bytes."""
    whole: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": f"{bill.name}-{bill.version}",
        "creationInfo": {
            "created": datetime.fromtimestamp(bill.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: customhouse-{tool_version}"],
        },
        "packages": [
            *(_file(bill, part) for part in bill.parts),
            *(_needed(name) for name in sorted({one.name for one in bill.needed})),
            *(_bundled(one) for one in bill.bundled),
        ],
        "relationships": _relationships(bill),
    }
    mark = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
    whole["documentNamespace"] = f"urn:uuid:{uuid.UUID(mark[:32], version=4)}"
    return (json.dumps(whole, indent=2, sort_keys=True) + "\n").encode()


def _id(kind: str, text: str) -> str:
    """An SPDX id. What may not stand in one is told apart by a digest."""
    plain_text = _NOT_IN_IDS.sub("-", text)
    if plain_text != text:
        plain_text += f"-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return f"SPDXRef-{kind}-{plain_text}"


def _file(bill: Bill, part: Part) -> dict[str, Any]:
    found: dict[str, Any] = {
        "SPDXID": _id("File", part.thing.name),
        "name": bill.name,
        "versionInfo": bill.version,
        "packageFileName": part.thing.name,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "checksums": [{"algorithm": "SHA256", "checksumValue": part.thing.digest}],
        "licenseConcluded": _NONE,
        "licenseDeclared": bill.licence or _NONE,
        "copyrightText": _NONE,
        "supplier": _NONE,
        "sourceInfo": f"built from git commit {bill.commit}",
    }
    if part.is_package:
        found["externalRefs"] = [_purl(f"pkg:pypi/{normalize(bill.name)}@{bill.version}?file_name={part.thing.name}")]
    return found


def _needed(name: str) -> dict[str, Any]:
    return {
        "SPDXID": _id("Needed", name),
        "name": name,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
        "externalRefs": [_purl(f"pkg:pypi/{name}")],
    }


def _bundled(one: BundledLibrary) -> dict[str, Any]:
    found: dict[str, Any] = {
        "SPDXID": _bundled_id(one),
        "name": one.name,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
        "comment": plain("seen in " + ", ".join(sorted({each.where for each in one.evidence})), 1000),
    }
    if one.version is not None:
        found["versionInfo"] = one.version
    if one.purl:
        found["externalRefs"] = [_purl(one.purl)]
    return found


def _bundled_id(one: BundledLibrary) -> str:
    return _id("Bundled", f"{one.name}-{one.version or 'unknown'}")


def _purl(text: str) -> dict[str, str]:
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": text}


def _relationships(bill: Bill) -> list[dict[str, str]]:
    found = []
    for part in bill.parts:
        file = _id("File", part.thing.name)
        found.append(_related(_DOCUMENT, "DESCRIBES", file))
        found += [
            {**_related(file, "DEPENDS_ON", _id("Needed", one.name)), "comment": plain(one.requirement, 500)}
            for one in part.needed
        ]
        found += [_related(file, "CONTAINS", _bundled_id(one)) for one in part.bundled]
    return found


def _related(one: str, how: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": how, "relatedSpdxElement": other}
