"""The invariants that hold on any installation at any time: ``customhouse check``.

Each check is named after the promise it tests (design, "What we promise") and returns what it found wrong, one sentence
each. Nothing is changed.
"""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog import queries
from customhouse.catalog.hosted import changed_serial, hosted_list, hosted_page
from customhouse.catalog.model import File, Project
from customhouse.catalog.namespaces import grants_covering
from customhouse.catalog.public_signals import public_signals
from customhouse.catalog.tables import file, file_name, project, release
from customhouse.formats import simple
from customhouse.index.advising.invariants import wrongly_affected
from customhouse.index.amending.queries import counting_for, with_amendments
from customhouse.index.disclosing.invariants import broken_embargoes, missing_attachments
from customhouse.index.giveaway.queries import codes_held
from customhouse.index.provenance import provenance_addresses
from customhouse.index.render import PRIVATE, PUBLIC, gates_of
from customhouse.index.staging import invariants
from customhouse.index.sweep import needed_digests
from customhouse.infra import sweep_marks
from customhouse.infra.blobs import Blobs
from customhouse.infra.db import Database
from customhouse.infra.pages import Pages
from customhouse.infra.system_trust import shared_system_trust
from customhouse.infra.tables import job
from customhouse.ledger import queries as ledger_queries
from customhouse.ledger.chain import first_fault
from customhouse.ledger.events import FileUploaded
from customhouse.ledger.tables import ledger_event
from customhouse.mirror.object_checks import changed_digests, stored_objects
from customhouse.terms.digest import Digest

READ_BYTES = 2**20
FINDINGS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Checked:
    """One invariant: its sentence, how many things were looked at, and what was found wrong."""

    promise: str
    looked_at: int
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subjects:
    """What is checked. ``sample`` bounds how many files are read whole; None reads all."""

    database: Database
    blobs: Blobs
    pages: Pages
    now: datetime
    grace: timedelta
    deleted_files_answer: timedelta
    site: str
    sample: int | None = None


Check = Callable[[Subjects, Connection], tuple[int, list[str]]]


def check(subjects: Subjects) -> list[Checked]:
    """Test every invariant, in the order of the design's list."""
    results = []
    with subjects.database.read(snapshot=True) as sql:
        for promise, run in CHECKS:
            looked_at, findings = run(subjects, sql)
            results.append(Checked(promise, looked_at, tuple(findings)))
    return results


def _files_are_whole(subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    query = sa.select(file.c.filename, file.c.digest, file.c.size_bytes, file.c.metadata_digest, file.c.metadata_served)
    query = query.where(file.c.erased_at.is_(None)).order_by(file.c.id.desc()).limit(subjects.sample)
    rows = sql.execute(query).all()
    findings: list[str] = []
    for row in rows:
        findings += _object_fault(subjects.blobs, row.filename, row.digest)
        if row.metadata_served:
            findings += _object_fault(subjects.blobs, f"{row.filename}.metadata", row.metadata_digest)
    return len(rows), findings


def _object_fault(blobs: Blobs, what: str, digest: str) -> Iterator[str]:
    place = blobs.locate(Digest(digest))
    if place is None:
        yield f"{what}: its object {digest} is missing"
    elif (found := _digest_at(place)) != digest:
        yield f"{what}: its object has the digest {found}, not {digest}"


def _digest_at(place: Path | str) -> str:
    whole = hashlib.sha256()
    with _opened(place) as body:
        while batch := body.read(READ_BYTES):
            whole.update(batch)
    return whole.hexdigest()


def _opened(place: Path | str) -> BinaryIO:
    if isinstance(place, Path):
        return place.open("rb")
    # Signed by our own store.
    found: BinaryIO = urllib.request.urlopen(place, timeout=60, context=shared_system_trust())  # noqa: S310
    return found


def _pages_are_true(subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    findings: list[str] = []
    projects = sql.execute(sa.select(project.c.normalized).order_by(project.c.id.desc()).limit(subjects.sample))
    names = list(projects.scalars())
    for normalized in names:
        found = queries.find_project(sql, normalized)
        if found is not None:
            findings += _page_fault(subjects, sql, found, queries.files_of(sql, found.id))
    ready, expected = subjects.pages.page("", "", "json"), hosted_list(sql)
    if ready is not None and ready.serial == expected.serial and ready.body != simple.list_to_json(expected):
        findings.append("the ready list of projects is not the list of projects")
    return len(names), findings


def _page_fault(subjects: Subjects, sql: Connection, found: Project, files: list[File]) -> Iterator[str]:
    serial, pages = changed_serial(sql, found.normalized), subjects.pages
    covering = grants_covering(sql, found.normalized)
    provenance = provenance_addresses(sql, found, files, subjects.site)
    expected = hosted_page(
        found, files, queries.versions_of(sql, found.id), serial, covering, provenance,
        public_signals(sql, found.id) if found.visibility == "public" else None,
    )  # fmt: skip
    expected = with_amendments(expected, counting_for(sql, found.normalized))
    for format_, body in (("json", simple.to_json(expected)), ("html", simple.to_html(expected))):
        ready = pages.page(PUBLIC, found.normalized, "json" if format_ == "json" else "html")
        # A page of another serial was rendered after our look began: the next check compares it.
        if ready is None or ready.serial != serial:
            continue
        if not found.public:
            yield f"{found.normalized}: has a public page and is {'deleted' if found.deleted_at else 'private'}"
        elif ready.body != body:
            yield f"{found.normalized}: the ready {format_.upper()} page is not what the rows say"
    view = PRIVATE if found.visibility == "private" else PUBLIC
    for gate in gates_of(found, files, subjects.now, subjects.deleted_files_answer, view):
        ready_gate = pages.gate(view, gate.filename)
        if ready_gate is not None and (ready_gate.digest, ready_gate.size_bytes) != (gate.digest, gate.size_bytes):
            yield f"{gate.filename}: its gate leads to {ready_gate.digest}, its row says {gate.digest}"
        # A "warn" gate whose time is over is voided by a job; until that has run it may stand a little longer.
        if ready_gate is not None and ready_gate.verdict not in (gate.verdict, "warn"):
            yield f"{gate.filename}: its gate says {ready_gate.verdict!r}, its row {gate.verdict!r}"
        if view == PRIVATE and pages.gate(PUBLIC, gate.filename) is not None:
            yield f"{gate.filename}: is private and has a public gate"


def _acknowledged_is_listed(_subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    listed = {row.filename: row.digest for row in sql.execute(sa.select(file.c.filename, file.c.digest))}
    acknowledged: dict[str, str] = {}
    findings = []
    bodies = sql.execute(
        sa.select(ledger_event.c.body).where(ledger_event.c.kind == FileUploaded.kind).order_by(ledger_event.c.serial)
    )
    for body in bodies.scalars():
        fact = json.loads(body)
        if acknowledged.setdefault(fact["filename"], fact["sha256"]) != fact["sha256"]:
            findings.append(f"{fact['filename']}: the ledger names two digests")
    findings += [f"{name}: acknowledged and not listed" for name in sorted(acknowledged.keys() - listed.keys())]
    findings += [f"{name}: listed and never acknowledged" for name in sorted(listed.keys() - acknowledged.keys())]
    findings += [
        f"{name}: acknowledged with {acknowledged[name]}, listed with {digest}"
        for name, digest in sorted(listed.items())
        if acknowledged.get(name, digest) != digest
    ]
    return len(acknowledged), findings


def _erased_is_gone(subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    limit = subjects.now - subjects.grace
    rows = sql.execute(sa.select(file.c.filename, file.c.digest, file.c.erased_at).where(file.c.erased_at.is_not(None)))
    findings, looked_at = [], 0
    for row in rows:
        looked_at += 1
        if row.erased_at < limit and subjects.blobs.locate(Digest(row.digest)) is not None:
            findings.append(f"{row.filename}: was erased on {row.erased_at:%Y-%m-%d}, and its bytes are still there")
    return looked_at, findings


def _names_have_one_digest(_subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    rows = sql.execute(
        sa.select(file.c.filename, file.c.digest, file_name.c.digest.label("bound")).outerjoin(
            file_name, file_name.c.filename == file.c.filename
        )
    ).all()
    return len(rows), [
        f"{row.filename}: its name is bound to {row.bound}, its row says {row.digest}"
        for row in rows
        if row.bound != row.digest
    ]


def _releases_are_whole(_subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    empty = sql.execute(
        sa.select(project.c.normalized, release.c.version)
        .join(project, project.c.id == release.c.project_id)
        .outerjoin(file, file.c.release_id == release.c.id)
        .where(file.c.id.is_(None))
    ).all()
    total = sql.execute(sa.select(sa.func.count()).select_from(release)).scalar_one()
    return total, [f"{row.normalized} {row.version}: a release without files" for row in empty]


def _chain_is_whole(_subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    fault = first_fault(ledger_queries.entries(sql))
    serial, hash_ = ledger_queries.head(sql)
    last = sql.execute(
        sa.select(ledger_event.c.serial, ledger_event.c.hash).order_by(ledger_event.c.serial.desc()).limit(1)
    ).one_or_none()
    findings = [f"the entry with serial {fault.serial} {fault.why}"] if fault else []
    if last is not None and (last.serial, last.hash) != (serial, hash_):
        findings.append(f"the head says serial {serial}, the last entry is {last.serial}")
    if last is None and serial:
        findings.append(f"the head says serial {serial}, and there are no entries")
    return serial, findings


def _no_old_orphans(subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    limit = subjects.now - subjects.grace
    looked_at, old = 0, []
    for stored in subjects.blobs.list():
        looked_at += 1
        if stored.stored_at <= limit:
            old.append(stored.digest.hex)
    sweeping = set(sweep_marks.unfinished(sql))
    findings = []
    for start in range(0, len(old), 500):
        batch = old[start : start + 500]
        orphans = set(batch) - needed_digests(sql, batch) - sweeping
        findings += [f"the object {digest} has no row" for digest in sorted(orphans)]
    return looked_at, findings


def _no_parked_jobs(_subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    rows = sql.execute(sa.select(job.c.id, job.c.name, job.c.parked_at, job.c.last_error)).all()
    return len(rows), [
        f"job {row.id} ({row.name}) is parked: {row.last_error[:200]}" for row in rows if row.parked_at is not None
    ]


def _keys_are_whole(_subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    held = codes_held(sql)
    findings = [
        f"the giveaway {one.campaign}: account {one.account_id} has {one.codes} codes instead of {one.due}"
        for one in held
        if one.codes != one.due
    ]
    return len(held), findings[:FINDINGS_SHOWN]


def _staged_is_stored(subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    return invariants.missing_objects(sql, subjects.blobs, subjects.sample)


def _published_is_whole(_subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    return invariants.partly_published(sql)


def _kept_names_are_made(_subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    return invariants.names_kept_for_nobody(sql)


def _attachments_are_stored(subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    return missing_attachments(sql, subjects.blobs, subjects.sample)


def _embargoes_hold(_subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    return broken_embargoes(sql)


def _mirrored_is_stored(subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    objects = stored_objects(sql, subjects.sample)
    return len(objects), [fault for what, digest in objects for fault in _object_fault(subjects.blobs, what, digest)]


def _mirrored_has_one_digest(_subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    return changed_digests(sql)


def _affected_is_true(subjects: Subjects, sql: Connection) -> tuple[int, list[str]]:
    return wrongly_affected(sql, subjects.sample)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("every acknowledged file is listed, and nothing else is", _acknowledged_is_listed),
    ("every listed file and its metadata are stored whole", _files_are_whole),
    ("what was erased is gone", _erased_is_gone),
    ("ready pages and gates say what the rows say", _pages_are_true),
    ("no release is partly visible", _releases_are_whole),
    ("every file of a release that was published as a whole is there", _published_is_whole),
    ("every file and part that is being staged is stored", _staged_is_stored),
    ("no name is kept for a release that nobody makes", _kept_names_are_made),
    ("every file in a disclosure case is stored", _attachments_are_stored),
    ("every file of an upstream that is kept, and its metadata, are stored whole", _mirrored_is_stored),
    ("no file of an upstream is kept under another digest than its list has", _mirrored_has_one_digest),
    ("every release under embargo has its case, and nothing of a case is public before it is", _embargoes_hold),
    ("every release that an advisory affects is marked so, and no other is", _affected_is_true),
    ("no file name has ever had two digests", _names_have_one_digest),
    ("the chain of the ledger is whole", _chain_is_whole),
    ("no object without a row is older than the grace time", _no_old_orphans),
    ("no job is parked", _no_parked_jobs),
    ("whoever has claimed security keys has a whole set, and nobody else has a code", _keys_are_whole),
)
