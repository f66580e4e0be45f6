"""What facts are read from: each question is asked once for a whole project."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.tables import disclosure_case, disclosure_member
from customhouse.advisories.exploitation import AT_ONCE
from customhouse.advisories.known import Advice
from customhouse.advisories.model import OWN, USUAL_TRUST
from customhouse.advisories.tables import advisory_source, exploited, likelihood
from customhouse.catalog.bundled_tables import bundled_library, bundled_scan
from customhouse.catalog.namespaces import grants_covering
from customhouse.catalog.public_signals import public_signals
from customhouse.catalog.queries import unpack_metadata
from customhouse.catalog.tables import critical_mark, file
from customhouse.catalog.tables import name as name_table
from customhouse.formats.bundled.model import BundledLibrary, Evidence
from customhouse.formats.metadata import parse_stored_metadata
from customhouse.formats.osv.model import Record
from customhouse.formats.policy.globs import project_pattern
from customhouse.mirror.object_tables import mirrored_attestation, mirrored_library, mirrored_object
from customhouse.trust.attestations import signed_by_builder
from customhouse.trust.tables import attestation
from customhouse.views.facts.bundled import Held
from customhouse.views.facts.provenance import Seen, publisher_of
from customhouse.views.facts.safety import Wrong
from customhouse.views.facts.subject import CVE, Subject, Surroundings
from customhouse.views.facts.told import Told, of_others, of_ours
from customhouse.views.model import HOSTED
from customhouse.views.signals.queries import loaded_values

# Made once: building a statement costs more than running it.
_SOURCES = sa.select(
    advisory_source.c.name,
    advisory_source.c.trust,
    advisory_source.c.origin,
    advisory_source.c.added_at,
    advisory_source.c.succeeded_at,
)
_CLAIM = sa.select(name_table.c.state).where(name_table.c.normalized == sa.bindparam("name"))
_CONFIRMED = sa.exists().where(
    disclosure_member.c.case_id == disclosure_case.c.id, disclosure_member.c.role == "coordinator"
)
_UNCONFIRMED = sa.select(disclosure_case.c.advisory_id).where(
    disclosure_case.c.advisory_id.in_(sa.bindparam("ids", expanding=True)), sa.not_(_CONFIRMED)
)

_CVES: sa.BindParameter[str] = sa.bindparam("cves", expanding=True)
_EXPLOITATION = sa.union_all(
    sa.select(likelihood.c.cve, likelihood.c.score.label("score")).where(likelihood.c.cve.in_(_CVES)),
    sa.select(exploited.c.cve, sa.cast(sa.null(), sa.Float).label("score")).where(exploited.c.cve.in_(_CVES)),
)
_CATALOGUE = sa.select(exploited.c.cve).limit(1)
_MARKED = sa.select(critical_mark.c.marked_at).where(critical_mark.c.normalized == sa.bindparam("name"))
_METADATA = sa.select(file.c.id, file.c.metadata).where(
    file.c.project_id == sa.bindparam("project"), file.c.erased_at.is_(None)
)
_ATTESTED_OURS = (
    sa.select(attestation.c.file_id, attestation.c.publisher, attestation.c.summary, attestation.c.verified_at)
    .join(file, file.c.id == attestation.c.file_id)
    .where(file.c.project_id == sa.bindparam("project"))
    .order_by(attestation.c.id)
)
_ATTESTED_OTHERS = sa.select(
    mirrored_attestation.c.filename, mirrored_attestation.c.outcome, mirrored_attestation.c.publishers,
    mirrored_attestation.c.checked_at,
).where(
    mirrored_attestation.c.upstream == sa.bindparam("upstream"),
    mirrored_attestation.c.project == sa.bindparam("project"),
)  # fmt: skip
_SCANNED_OURS = (
    sa.select(bundled_scan.c.file_id)
    .join(file, file.c.id == bundled_scan.c.file_id)
    .where(file.c.project_id == sa.bindparam("project"))
)
_OURS = (
    sa.select(bundled_library)
    .join(file, file.c.id == bundled_library.c.file_id)
    .where(file.c.project_id == sa.bindparam("project"))
)
_OF_OTHERS = (
    mirrored_object.c.upstream == sa.bindparam("upstream"), mirrored_object.c.project == sa.bindparam("project")
)  # fmt: skip
# Who has looked and found nothing is among the rows, too.
_OTHERS = (
    sa.select(mirrored_object.c.filename.label("scanned"), mirrored_library)
    .outerjoin(
        mirrored_library,
        sa.and_(
            mirrored_object.c.upstream == mirrored_library.c.upstream,
            mirrored_object.c.filename == mirrored_library.c.filename,
        ),
    )
    .where(*_OF_OTHERS, mirrored_object.c.tables_version > 0)
)


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of our advisories."""

    dated: datetime | None
    """How old they are; None if there are none. Of sources that are asked again the oldest answer counts; one that has
    never answered has kept us waiting since it was added."""
    trust: Mapping[str, int]
    """By name."""


def look_up_sources(sql: Connection) -> Sources:
    """Where our advisories are from."""
    sources = sql.execute(_SOURCES).all()
    read = [row.succeeded_at for row in sources if row.succeeded_at is not None]
    asked = [row.succeeded_at or row.added_at for row in sources if row.origin != "import"]
    dated = min(asked) if asked and read else max(read, default=None)
    return Sources(dated, {row.name: row.trust for row in sources})


def look_up_exploitation(sql: Connection, cves: Collection[str]) -> tuple[frozenset[str] | None, dict[str, float]]:
    """Which of these CVE ids are in CISA's catalogue, and the EPSS of those that have one: in one statement.

    None for the first if the catalogue is not here: then nobody knows.
    """
    on_list: set[str] = set()
    likelihoods: dict[str, float] = {}
    ordered = sorted(cves)
    for start in range(0, len(ordered), AT_ONCE):
        for row in sql.execute(_EXPLOITATION, {"cves": ordered[start : start + AT_ONCE]}):
            if row.score is None:
                on_list.add(row.cve)
            else:
                likelihoods[row.cve] = row.score
    if cves and not on_list and sql.execute(_CATALOGUE).first() is None:
        return None, likelihoods
    return frozenset(on_list), likelihoods


def look_up_wrong(sql: Connection, subject: Subject, around: Surroundings, sources: Sources, *, fixes: bool) -> Wrong:
    """What is known to be wrong with a project's versions, whatever they are."""
    package = around.advice.packages([subject.name])[subject.name]
    on_list, likelihoods = look_up_exploitation(sql, cves_of(one.record for one in package.advice))
    return Wrong(
        package=package,
        dated=sources.dated,
        exploited=on_list,
        likelihoods=likelihoods,
        own_word=_own_word(sql, package.advice, sources.trust) if fixes else frozenset(),
    )


def look_up_held(sql: Connection, subject: Subject, around: Surroundings, sources: Sources) -> Held:
    """What a project's wheels bundle, and what is known of those libraries."""
    libraries = _libraries_of_ours(sql, subject) if subject.origin == HOSTED else _libraries_of_others(sql, subject)
    keys = {one.name.lower() for found in libraries.values() for one in found}
    advice = around.libraries.of(sql, keys)
    past = {key: tuple(one for one in found if subject.is_past(one.record.published)) for key, found in advice.items()}
    on_list, likelihoods = look_up_exploitation(sql, cves_of(one.record for found in past.values() for one in found))
    return Held(
        libraries=libraries,
        advice=past,
        dated=sources.dated,
        exploited=on_list,
        likelihoods=likelihoods,
    )


def _libraries_of_ours(sql: Connection, subject: Subject) -> dict[str, list[BundledLibrary]]:
    names = {row.id: row.filename for row in subject.rows.values()}
    project = subject.hosted.id if subject.hosted is not None else None
    found: dict[str, list[BundledLibrary]] = {
        names[file_id]: [] for file_id in sql.execute(_SCANNED_OURS, {"project": project}).scalars()
    }
    for row in sql.execute(_OURS, {"project": project}):
        found.setdefault(names[row.file_id], []).append(_library(row))
    return found


def _libraries_of_others(sql: Connection, subject: Subject) -> dict[str, list[BundledLibrary]]:
    wanted = {"upstream": subject.origin, "project": subject.name}
    found: dict[str, list[BundledLibrary]] = {}
    for row in sql.execute(_OTHERS, wanted):
        libraries = found.setdefault(row.scanned, [])
        if row.library is not None:
            libraries.append(_library(row))
    return found


def _library(row: Any) -> BundledLibrary:
    evidence = tuple(Evidence(*each) for each in row.evidence)
    return BundledLibrary(row.library, row.version, row.member, evidence, row.purl, row.cpe)


def attested_files(sql: Connection, project_id: int) -> frozenset[int]:
    """The ids of the files of ours of which something is attested."""
    return frozenset(row.file_id for row in sql.execute(_ATTESTED_OURS, {"project": project_id}))


def look_up_seen(sql: Connection, subject: Subject) -> dict[str, Seen]:
    """What was found in the attestations of a project's files, by their names."""
    if subject.origin != HOSTED:
        rows = sql.execute(_ATTESTED_OTHERS, {"upstream": subject.origin, "project": subject.name})
        return {row.filename: _seen_of_others(row) for row in rows}
    names = {row.id: row.filename for row in subject.rows.values()}
    project = subject.hosted.id if subject.hosted is not None else None
    found: dict[str, Seen] = {}
    for row in sql.execute(_ATTESTED_OURS, {"project": project}):
        if signed_by_builder(row.summary):
            # Policies are about who publishes; he has attested each of these files, too.
            continue
        before = found.get(names[row.file_id])
        publishers = frozenset({publisher_of(row.publisher)}) | (before.publishers if before else frozenset())
        # Nothing is taken in here that was not verified.
        found[names[row.file_id]] = Seen(publishers, verified=True, at=row.verified_at)
    return found


def _seen_of_others(row: Any) -> Seen:
    said = [one.get("publisher") for one in row.publishers if isinstance(one, dict)]
    publishers = frozenset(publisher_of(one) for one in said if isinstance(one, dict))
    verified = row.outcome == "verified"
    # Whoever is named by what does not hold is nobody.
    return Seen(
        publishers if verified else frozenset(), verified=verified, at=row.checked_at, failed=row.outcome == "failed"
    )


def look_up_told(sql: Connection, subject: Subject) -> Told:
    """What is told of a project's owners and of its use."""
    if subject.origin == HOSTED:
        hosted = subject.hosted
        public = hosted is not None and hosted.visibility == "public"
        return of_ours(public_signals(sql, hosted.id) if hosted is not None and public else None)
    loaded = loaded_values(sql, subject.origin, subject.name)
    said = subject.mirrored.signals.get("facts") if subject.mirrored is not None else None
    marked_at = sql.execute(_MARKED, {"name": subject.name}).scalar()
    return of_others(subject.origin, loaded, said, marked_at, subject.now)


def look_up_licences(sql: Connection, subject: Subject) -> dict[str, str]:
    """``License-Expression`` of each file that we host, empty where none is stated."""
    if subject.hosted is None:
        return {}
    names = {row.id: row.filename for row in subject.rows.values()}
    return {
        names[row.id]: parse_stored_metadata(unpack_metadata(row.metadata)).license_expression or ""
        for row in sql.execute(_METADATA, {"project": subject.hosted.id})
        if row.id in names
    }


def _own_word(sql: Connection, advice: Iterable[Advice], trust: Mapping[str, int]) -> frozenset[str]:
    """Records that operators of this index trust less than usual, and our own whose case nobody coordinates."""
    ours = [one.id for one in advice if one.source == OWN]
    doubted = {one.id for one in advice if one.source != OWN and trust.get(one.source, USUAL_TRUST) < USUAL_TRUST}
    if ours:
        doubted.update(sql.execute(_UNCONFIRMED, {"ids": ours}).scalars())
    return frozenset(doubted)


def cves_of(records: Iterable[Record]) -> frozenset[str]:
    """Every CVE id that records go by."""
    return frozenset(name for one in records for name in (one.id, *one.aliases) if name.startswith(CVE))


def is_internal(sql: Connection, name: str, patterns: Collection[str]) -> bool:
    """Whether a name is for us alone: by the settings, by a namespace, or because it is taken here in any way."""
    if any(fnmatchcase(name, project_pattern(pattern)) for pattern in patterns):
        return True
    state = sql.execute(_CLAIM, {"name": name}).scalar()
    return (state is not None and state != "upstream") or bool(grants_covering(sql, name))
