"""Writes CVE records (CVE JSON 5.1): the CNA container that CVE Services take, and the whole record around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customhouse.formats.osv.model import Record
from customhouse.formats.osv.severity import score_of
from customhouse.formats.osv.times import write_time

LONGEST_TITLE, LONGEST_TEXT, LONGEST_REFERENCE = 256, 4096, 2048
NOBODY = "00000000-0000-4000-9000-000000000000"
"""What stands for an organization that has no id yet; the schema's own example."""
_METRICS = {"CVSS:3.0/": ("cvssV3_0", "3.0"), "CVSS:3.1/": ("cvssV3_1", "3.1"), "CVSS:4.0/": ("cvssV4_0", "4.0")}


@dataclass(frozen=True, slots=True)
class Assigner:
    """The CNA that a record comes from."""

    org_id: str = NOBODY
    """A UUID."""
    short_name: str = ""

    @property
    def provider(self) -> dict[str, str]:
        """As it stands in a container."""
        named = {"shortName": self.short_name} if self.short_name else {}
        return {"orgId": self.org_id, **named}


def write_container(
    record: Record, assigner: Assigner, *, collection: str, weaknesses: Sequence[str] = (), workaround: str = "",
    solution: str = "",
) -> dict[str, Any]:  # fmt: skip
    """The CNA container of an advisory of ours; ``collection`` is the address of the index that has the packages."""
    container: dict[str, Any] = {
        "providerMetadata": assigner.provider,
        "title": record.summary[:LONGEST_TITLE],
        "descriptions": _texts(record.details or record.summary),
        "affected": [
            _affected(one.package, one.ranges, collection) for one in record.affected if one.package
        ],
        "references": [_reference(one.kind, one.url) for one in record.references],
        "source": {"discovery": "EXTERNAL" if record.credits else "UNKNOWN", "advisory": record.id},
    }  # fmt: skip
    if weaknesses:
        container["problemTypes"] = [
            {"descriptions": [{"lang": "en", "type": "CWE", "cweId": one, "description": one}]} for one in weaknesses
        ]
    if (metric := _metric(record)) is not None:
        container["metrics"] = [metric]
    if record.credits:
        container["credits"] = [
            {"lang": "en", "value": one.name, "type": one.kind.lower().replace("_", " ") or "other"}
            for one in record.credits
        ]
    if workaround:
        container["workarounds"] = _texts(workaround)
    if solution:
        container["solutions"] = _texts(solution)
    return container


def write_cve(
    cve_id: str, container: Mapping[str, Any], assigner: Assigner, *, published: datetime, updated: datetime
) -> dict[str, Any]:  # fmt: skip
    """The whole record, as CVE Services would hand it on."""
    return {
        "dataType": "CVE_RECORD",
        "dataVersion": "5.1",
        "cveMetadata": {
            "cveId": cve_id,
            "assignerOrgId": assigner.org_id,
            **({"assignerShortName": assigner.short_name} if assigner.short_name else {}),
            "state": "PUBLISHED",
            "datePublished": write_time(published),
            "dateUpdated": write_time(updated),
        },
        "containers": {"cna": dict(container)},
    }


def write_rejection(reason: str, assigner: Assigner) -> dict[str, Any]:
    """The CNA container of a record that is rejected."""
    return {"providerMetadata": assigner.provider, "rejectedReasons": _texts(reason)}


def _texts(text: str) -> list[dict[str, str]]:
    return [{"lang": "en", "value": text[:LONGEST_TEXT]}]


def _affected(package: str, ranges: Sequence[Any], collection: str) -> dict[str, Any]:
    versions = []
    for one in ranges:
        first = ""
        for event in one.events:
            if event.kind == "introduced":
                first = event.version
            elif event.kind == "fixed":
                versions.append(_span(first, event.version))
                first = ""
        if first:
            versions.append(_span(first, "*"))
    return {
        "vendor": package, "product": package, "collectionURL": collection, "packageName": package,
        "versions": versions, "defaultStatus": "unaffected",
    }  # fmt: skip


def _span(first: str, before: str) -> dict[str, str]:
    return {"version": first, "status": "affected", "lessThan": before, "versionType": "python"}


def _reference(kind: str, url: str) -> dict[str, Any]:
    tags = {"ADVISORY": ["vendor-advisory"], "FIX": ["patch"], "REPORT": ["issue-tracking"]}.get(kind)
    return {"url": url[:LONGEST_REFERENCE], **({"tags": tags} if tags else {})}


def _metric(record: Record) -> dict[str, Any] | None:
    score = score_of(record)
    named = _METRICS.get(score.vector[:9])
    if named is None or score.base is None:
        return None
    key, version = named
    said = {
        "version": version, "vectorString": score.vector, "baseScore": score.base,
        "baseSeverity": score.level.word.upper(),
    }  # fmt: skip
    return {"format": "CVSS", "scenarios": [{"lang": "en", "value": "GENERAL"}], key: said}
