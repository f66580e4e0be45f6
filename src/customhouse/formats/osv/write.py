"""Writes an OSV record that we author, by the schema (ossf.github.io/osv-schema, 1.7): reading it gives it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.formats.osv.model import Affected, Credit, Range, Record, Reference, Severity
from customhouse.formats.osv.times import write_time

SCHEMA_VERSION = "1.7.5"
_WRITTEN = frozenset(
    {
        "schema_version", "id", "modified", "published", "withdrawn", "aliases", "upstream", "related", "summary",
        "details", "severity", "affected", "references", "credits",
    }
)  # fmt: skip


def write_record(record: Record, schema_version: str = SCHEMA_VERSION) -> dict[str, Any]:
    """Plain JSON values in the schema's own order; what is empty is left out.

    Members that the model does not know, such as ``database_specific``, come from the record's document.
    """
    times = {"modified": record.modified, "published": record.published, "withdrawn": record.withdrawn}
    others = {key: value for key, value in record.document.items() if key not in _WRITTEN}
    return _filled(
        {
            "schema_version": schema_version,
            "id": record.id,
            **{key: write_time(moment) for key, moment in times.items() if moment is not None},
            "aliases": list(record.aliases),
            "upstream": list(record.upstream),
            "related": list(record.related),
            "summary": record.summary,
            "details": record.details,
            "severity": _severity(record.severity),
            "affected": [_affected(one) for one in record.affected],
            "references": [_reference(one) for one in record.references],
            "credits": [_credit(one) for one in record.credits],
            **others,
        }
    )


def _affected(affected: Affected) -> dict[str, Any]:
    package = _filled({"ecosystem": affected.ecosystem, "name": affected.package, "purl": affected.purl})
    return _filled(
        {
            "package": package,
            "severity": _severity(affected.severity),
            "ranges": [_range(one) for one in affected.ranges],
            "versions": list(affected.versions),
            "ecosystem_specific": dict(affected.ecosystem_specific),
            "database_specific": dict(affected.database_specific),
        }
    )


def _range(affected: Range) -> dict[str, Any]:
    events = [{event.kind: event.version} for event in affected.events]
    return _filled({"type": affected.kind, "repo": affected.repo, "events": events})


def _severity(severity: tuple[Severity, ...]) -> list[dict[str, str]]:
    return [{"type": one.kind, "score": one.score} for one in severity]


def _reference(reference: Reference) -> dict[str, str]:
    return {"type": reference.kind, "url": reference.url}


def _credit(credit: Credit) -> dict[str, Any]:
    return _filled({"name": credit.name, "contact": list(credit.contact), "type": credit.kind})


def _filled(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value not in ("", [], {})}
