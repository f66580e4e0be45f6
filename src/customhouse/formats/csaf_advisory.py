"""Writes a security advisory in CSAF 2.0 (OASIS, profile "csaf_security_advisory", section 4.4). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from customhouse.formats.osv.model import Record
from customhouse.formats.osv.severity import score_of
from customhouse.formats.osv.times import write_time
from customhouse.terms.names import normalize

FIXED, AFFECTED = "fixed", "affected"


@dataclass(frozen=True, slots=True)
class Telling:
    """What a CSAF document says besides what the record says."""

    publisher: str
    namespace: str
    """An address that the publisher alone controls."""
    page: str
    package: str
    spans: Sequence[tuple[str, str]]
    """First affected version and version with the fix, empty if there is none."""
    fixes: Sequence[str]
    cve: str = ""
    weaknesses: Sequence[str] = ()
    """Told in a note: CSAF's own member for them wants the names of MITRE's list, which we do not carry."""
    workaround: str = ""


def write_advisory(record: Record, telling: Telling) -> dict[str, Any]:
    """The document as JSON values."""
    published = write_time(record.published or record.modified)
    return {
        "document": {
            "category": "csaf_security_advisory",
            "csaf_version": "2.0",
            "title": record.summary or record.id,
            "lang": "en",
            "publisher": {"category": "vendor", "name": telling.publisher, "namespace": telling.namespace},
            "distribution": {"tlp": {"label": "WHITE"}},
            "notes": [{"category": "summary", "title": "Summary", "text": record.summary or record.id}],
            "references": [{"category": "self", "summary": "The advisory", "url": telling.page}],
            "tracking": {
                "id": record.id, "status": "final", "version": "1", "initial_release_date": published,
                "current_release_date": published,
                "revision_history": [{"number": "1", "date": published, "summary": "Published"}],
                **({"aliases": list(record.aliases)} if record.aliases else {}),
            },
        },
        "product_tree": _products(telling),
        "vulnerabilities": [_vulnerability(record, telling)],
    }  # fmt: skip


def _products(telling: Telling) -> dict[str, Any]:
    name = telling.package or "this index"
    affected = [
        {
            "category": "product_version_range", "name": _range(first, fixed),
            "product": {"product_id": f"{AFFECTED}-{at}", "name": f"{name} {_range(first, fixed)}"},
        }
        for at, (first, fixed) in enumerate(telling.spans, 1)
    ]  # fmt: skip
    fixed_ones = [
        {
            "category": "product_version", "name": version,
            "product": {
                "product_id": f"{FIXED}-{at}", "name": f"{name} {version}",
                "product_identification_helper": {"purl": f"pkg:pypi/{normalize(name)}@{version}"},
            },
        }
        for at, version in enumerate(telling.fixes, 1)
    ]  # fmt: skip
    product = {"category": "product_name", "name": name, "branches": [*affected, *fixed_ones]}
    return {"branches": [{"category": "vendor", "name": telling.publisher, "branches": [product]}]}


def _vulnerability(record: Record, telling: Telling) -> dict[str, Any]:
    affected = [f"{AFFECTED}-{at}" for at, _ in enumerate(telling.spans, 1)]
    fixed = [f"{FIXED}-{at}" for at, _ in enumerate(telling.fixes, 1)]
    status = {key: ids for key, ids in (("known_affected", affected), ("fixed", fixed)) if ids}
    found: dict[str, Any] = {
        "title": record.summary or record.id,
        "notes": [
            {"category": "description", "text": record.details or record.summary or record.id},
            *({"category": "details", "title": "Weakness", "text": one} for one in telling.weaknesses),
        ],
        "ids": [{"system_name": telling.publisher, "text": record.id}],
        "product_status": status,
        "references": [
            {"category": "external", "summary": one.url, "url": one.url}
            for one in record.references
            if one.url != telling.page
        ],
        "remediations": _remediations(telling, affected),
    }
    if telling.cve:
        found["cve"] = telling.cve
    if record.credits:
        found["acknowledgments"] = [
            {"names": [one.name], "summary": one.kind.lower().replace("_", " ")} for one in record.credits
        ]
    score = score_of(record)
    if score.vector.startswith("CVSS:3.") and affected:
        severity = score.level.word.upper()
        found["scores"] = [
            {
                "products": affected,
                "cvss_v3": {
                    "version": score.vector[5:8], "vectorString": score.vector, "baseScore": score.base,
                    "baseSeverity": severity,
                },
            }
        ]  # fmt: skip
    return {key: value for key, value in found.items() if value}


def _remediations(telling: Telling, affected: Sequence[str]) -> list[dict[str, Any]]:
    if not affected:
        return []
    found = []
    if telling.fixes:
        upgrade = f"Upgrade to {' or '.join(telling.fixes)}."
        found.append({"category": "vendor_fix", "details": upgrade, "product_ids": list(affected)})
    else:
        found.append(
            {"category": "none_available", "details": "There is no release yet.", "product_ids": list(affected)}
        )
    if telling.workaround:
        found.append({"category": "workaround", "details": telling.workaround, "product_ids": list(affected)})
    return found


def _range(first: str, fixed: str) -> str:
    """As a version range specifier (vers)."""
    parts = ([] if first == "0" else [f">={first}"]) + ([f"<{fixed}"] if fixed else [])
    return f"vers:pypi/{'|'.join(parts) or '*'}"
