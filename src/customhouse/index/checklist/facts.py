"""Looking up what the checklist of a project asks: only what everybody may know of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from packaging.version import Version
from sqlalchemy.engine import Connection

from customhouse.advisories import queries as advisories
from customhouse.advisories.disclosure.queries import policy_of
from customhouse.advisories.known import OfPackage
from customhouse.catalog import queries
from customhouse.catalog.model import File, Project
from customhouse.catalog.public_signals import public_signals
from customhouse.formats.metadata import CoreMetadata, parse_stored_metadata
from customhouse.formats.osv.merging import merge
from customhouse.formats.project_json import choose_version
from customhouse.formats.project_urls import labelled_urls
from customhouse.index.checklist.model import Facts
from customhouse.index.checklist.slsa import builders_of, level_of_file
from customhouse.index.provenance import attestations_of

_LICENCE_CLASSIFIER = "License ::"


def checklist_facts(
    sql: Connection,
    found: Project,
    files: Sequence[File],
    advice: OfPackage,
    now: datetime,
    *,
    rebuilds: int | None = None,
    build_services: Collection[str] = (),
) -> Facts:
    """The facts of a project, whose offered ``files`` these are.

    ``rebuilds`` is known to who knows release runs; ``build_services`` are issuers that the operator calls so.
    """
    yanked = _yanked(files)
    version = newest(files)
    mine = [row for row in files if row.version == version]
    signals = public_signals(sql, found.id)
    attested = attestations_of(sql, mine)
    levels = [level_of_file(attested.get(row.id, ()), build_services) for row in mine]
    metadata = _metadata(sql, mine) if mine else CoreMetadata("2.1", found.display, "")
    links = labelled_urls(metadata.project_urls, metadata.home_page, metadata.download_url)
    other = metadata.license or next((one for one in metadata.classifiers if one.startswith(_LICENCE_CLASSIFIER)), "")
    return Facts(
        name=found.normalized,
        now=now,
        version=version,
        released_at=min((row.uploaded_at for row in mine), default=None),
        status=found.status,
        owners=signals.owners if signals else None,
        owners_have_factors=bool(signals and signals.owners_have_factors),
        publishers_only=bool(signals and signals.publishers_only),
        files=len(mine),
        from_publisher=sum(1 for row in mine if row.publisher_id is not None),
        attested=len(attested),
        with_provenance=sum(level >= 1 for level in levels),
        hosted=sum(level >= 2 for level in levels),  # noqa: PLR2004 - SLSA's level 2, as below its level 3
        isolated=sum(level >= 3 for level in levels),  # noqa: PLR2004 - as above
        builders=tuple(sorted({name for found in attested.values() for name in builders_of(found)})),
        has_wheel=any(row.kind == "bdist_wheel" for row in mine),
        has_sdist=any(row.kind == "sdist" for row in mine),
        rebuilds=rebuilds,
        advisories=_advisories(sql, advice, version),
        versions=len({row.version for row in files}),
        yanked=len(yanked),
        yanked_without_reason=sum(1 for reason in yanked.values() if not reason),
        licence_expression=metadata.license_expression,
        licence_other=other,
        description=len(metadata.description.strip()),
        requires_python=metadata.requires_python,
        links=tuple(label for label, _ in links),
        security_policy=bool(policy_of(sql, found.id).strip()),
    )


def newest(files: Sequence[File]) -> str:
    """The version that stands for the project among what is offered; empty if nothing is."""
    return choose_version(sorted({row.version for row in files}), sorted(_yanked(files))) or ""


def _yanked(files: Sequence[File]) -> dict[str, str]:
    """Versions of which every file is yanked, with a reason if there is one; newest first."""
    by_version: dict[str, list[File]] = {}
    for row in files:
        by_version.setdefault(row.version, []).append(row)
    return {
        version: next((row.yanked_reason for row in rows if row.yanked_reason), "")
        for version, rows in sorted(by_version.items(), key=lambda pair: Version(pair[0]), reverse=True)
        if all(row.yanked_at is not None for row in rows)
    }


def _metadata(sql: Connection, files: Sequence[File]) -> CoreMetadata:
    chosen = min(files, key=lambda row: (row.kind != "bdist_wheel", row.id))
    return parse_stored_metadata(queries.metadata_text(sql, chosen.id))


def _advisories(sql: Connection, advice: OfPackage, version: str) -> tuple[str, ...] | None:
    """One id for each flaw, however many records tell of it; None where the index knows of no advisory at all."""
    if not version:
        return ()
    affecting = advice.affecting(version)
    if not affecting and not advisories.count(sql):
        return None
    return tuple(sorted(one.first.id for one in merge(each.record for each in affecting)))
