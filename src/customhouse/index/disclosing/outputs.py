"""What is told of a case, in each of its forms: OSV, CVE JSON, CSAF. Pure; the same case gives the same documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from packaging.version import Version

from customhouse.advisories.disclosure.draft import Draft, Span
from customhouse.advisories.disclosure.model import Case
from customhouse.advisories.disclosure.queries import Credit
from customhouse.formats.csaf_advisory import Telling, write_advisory
from customhouse.formats.cve.write import Assigner, write_container, write_cve
from customhouse.formats.osv.model import PYPI, Affected, Event, Range, Record, Reference
from customhouse.formats.osv.model import Credit as Thanks
from customhouse.terms.names import normalize
from customhouse.terms.versions import version_of


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the documents are made of."""

    case: Case
    draft: Draft
    credits: Sequence[Credit]
    package: str
    """As it is spelled; empty if it is about none of this index."""
    versions: Sequence[str]
    """What this index has of it, the one with the fix included."""
    fixed: str
    """The version that appears together with the advisory, or empty."""
    published: datetime
    site: str
    publisher: str
    assigner: Assigner = Assigner()  # noqa: RUF009 - frozen

    @property
    def page(self) -> str:
        """Where the advisory is read."""
        return f"{self.site}/advisory/{self.case.advisory_id}/"


def osv_record(facts: Facts) -> Record:
    """The advisory as a record of ours."""
    case, draft = facts.case, facts.draft
    severity = (draft.severity,) if draft.severity is not None else ()
    affected: tuple[Affected, ...] = ()
    if facts.package:
        listed = tuple(version for version in facts.versions if _is_affected(version, draft.spans))
        affected = (
            Affected(
                PYPI, facts.package, normalize(facts.package),
                (Range("ECOSYSTEM", tuple(_events(draft.spans))),) if draft.spans else (), listed, severity,
                purl=f"pkg:pypi/{normalize(facts.package)}",
            ),
        )  # fmt: skip
    details = draft.details
    if draft.workaround:
        details += f"\n\n### Workarounds\n\n{draft.workaround}"
    return Record(
        id=case.advisory_id, modified=facts.published, published=facts.published,
        aliases=(case.cve_id,) if case.cve_id else (), summary=draft.title, details=details,
        severity=() if affected else severity, affected=affected,
        references=(Reference("ADVISORY", facts.page), *(Reference("WEB", one) for one in draft.references)),
        credits=tuple(Thanks(one.name, kind=one.kind.upper()) for one in facts.credits),
        document={"database_specific": {"cwe_ids": list(draft.weaknesses)}} if draft.weaknesses else {},
    )  # fmt: skip


def cna_container(facts: Facts) -> dict[str, Any]:
    """What CVE Services are sent."""
    solution = f"Upgrade to {facts.package} {facts.fixed}." if facts.fixed else ""
    return write_container(
        osv_record(facts), facts.assigner, collection=f"{facts.site}/simple/", weaknesses=facts.draft.weaknesses,
        workaround=facts.draft.workaround, solution=solution,
    )  # fmt: skip


def cve_record(facts: Facts) -> dict[str, Any]:
    """The CVE record, for whoever asks us and not CVE Services."""
    return write_cve(
        facts.case.cve_id, cna_container(facts), facts.assigner, published=facts.published, updated=facts.published
    )


def csaf_document(facts: Facts) -> dict[str, Any]:
    """The security advisory in CSAF 2.0."""
    spans = [(one.introduced, one.fixed) for one in facts.draft.spans]
    fixes = sorted({one.fixed for one in facts.draft.spans if one.fixed}, key=Version)
    return write_advisory(
        osv_record(facts),
        Telling(
            facts.publisher, facts.site, facts.page, facts.package, spans, fixes, facts.case.cve_id,
            facts.draft.weaknesses, facts.draft.workaround,
        ),
    )  # fmt: skip


def _events(spans: Sequence[Span]) -> list[Event]:
    found = []
    for span in sorted(spans, key=lambda one: Version(one.introduced)):
        found.append(Event("introduced", span.introduced))
        if span.fixed:
            found.append(Event("fixed", span.fixed))
    return found


def _is_affected(text: str, spans: Sequence[Span]) -> bool:
    version = version_of(text)
    if version is None:
        return False
    return any(
        (span.introduced == "0" or version >= Version(span.introduced))
        and (not span.fixed or version < Version(span.fixed))
        for span in spans
    )
