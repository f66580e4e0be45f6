"""Naming stored files by rows and listing them: what every way of publishing ends with.

One file-name space, one lock order and one set of checks for the legacy upload and for releases that were staged. Each
function is called inside a deed that has locked the project.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts import tokens
from customhouse.catalog import queries, rights
from customhouse.catalog.bundled import keep_scan
from customhouse.catalog.lifecycle_events import ReleaseCreated
from customhouse.catalog.model import Project, Role, may_add_file, may_spell, may_upload
from customhouse.catalog.tables import file, file_name, release, requirement
from customhouse.formats.agreement import check_agreement
from customhouse.formats.bundled.model import BundledScan
from customhouse.formats.examination import Examination
from customhouse.formats.filenames import SdistName, WheelName, parse_filename
from customhouse.formats.metadata import CoreMetadata
from customhouse.index import names
from customhouse.infra.db import insert_new
from customhouse.infra.spool import Spooled
from customhouse.ledger.events import FileUploaded
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Broken, Refused
from customhouse.terms.identity import Actor
from customhouse.terms.names import ProjectName, normalize
from customhouse.trust import minted
from customhouse.trust.attestations import builders_among, keep_attestations
from customhouse.trust.events import FileAttested, ReleaseBuilt
from customhouse.trust.publishers import builders_of, find_publisher
from customhouse.trust.queries import publishes_into
from customhouse.trust.verify import Verified

# Made once: building a statement costs more than running it. One statement for both tables, because on PostgreSQL
# a rival may commit between two.
_EARLIER = sa.union_all(
    sa.select(sa.literal("name").label("table"), file_name.c.filename, file_name.c.digest).where(
        file_name.c.key == sa.bindparam("key")
    ),
    sa.select(
        sa.case(
            (
                sa.or_(
                    file.c.deleted_at.is_not(None),
                    file.c.erased_at.is_not(None),
                    release.c.deleted_at.is_not(None),
                    release.c.quarantined_at.is_not(None),
                ),
                "hidden",
            ),
            else_="file",
        ),
        file.c.filename,
        file.c.digest,
    )
    .join(release, release.c.id == file.c.release_id)
    .where(sa.or_(file.c.filename == sa.bindparam("filename"), file.c.digest == sa.bindparam("digest"))),
)
_TOLD = ("repository", "ref", "sha", "run", "event", "environment", "runner")
_INSERT_FILE = file.insert().returning(file.c.id)
_INSERT_REQUIREMENT = requirement.insert()


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that has been examined and whose bytes lie in the store: what its row will say. Digests hexadecimal."""

    name: WheelName | SdistName
    kind: Literal["bdist_wheel", "sdist"]
    digest: str
    """SHA-256."""
    md5: str
    blake2b_256: str
    size_bytes: int
    metadata: CoreMetadata
    packed_metadata: bytes
    """As `catalog.queries.pack_metadata` makes it."""
    metadata_digest: str
    metadata_size_bytes: int
    metadata_served: bool
    signals: tuple[dict[str, str], ...]
    """Code, where and detail of what the strict reader noticed."""
    by: Actor
    """Who sent it."""
    attested: tuple[Verified, ...] = ()
    """What was attested of it, and verified."""
    bundled: BundledScan | None = None
    """The libraries that a wheel bundles; None if nobody has looked yet."""

    @property
    def digests(self) -> list[str]:
        """The objects in the store that it needs."""
        return [self.digest, self.metadata_digest] if self.metadata_served else [self.digest]


@dataclass(frozen=True, slots=True)
class Accepted:
    """An acknowledged upload. ``new`` is False if exactly this file was here already."""

    project: str
    filename: str
    sha256: str
    new: bool
    into: Project | None = None
    """The project's row, if it was looked up."""
    beside: str | None = None
    """The title of the trusted publisher that could have sent it; empty if there is none, None if nobody has asked."""


def stored_file(
    name: WheelName | SdistName, spooled: Spooled, metadata: Spooled, examination: Examination, by: Actor
) -> StoredFile:
    """What the row of an examined file will say."""
    return StoredFile(
        name=name,
        kind=examination.kind,
        digest=spooled.sha256,
        md5=spooled.md5,
        blake2b_256=spooled.blake2b_256,
        size_bytes=spooled.size_bytes,
        metadata=examination.metadata,
        packed_metadata=queries.pack_metadata(examination.metadata_text),
        metadata_digest=metadata.sha256,
        metadata_size_bytes=metadata.size_bytes,
        metadata_served=examination.metadata_served,
        signals=tuple(
            {"code": signal.code, "where": signal.where, "detail": signal.detail} for signal in examination.signals
        ),
        by=by,
        bundled=examination.bundled,
    )


def role_here(sql: Connection, project: Project, by: Actor) -> Role | None:
    """What somebody who publishes is to a project now. A trusted publisher of it may do what a maintainer may."""
    if by.publisher_id is not None:
        return "maintainer" if publishes_into(sql, by.publisher_id, project.id) else None
    return rights.role_of(sql, project.id, by.account_id) if by.account_id is not None else None


def check_right(sql: Connection, project: Project, wanted: ProjectName, by: Actor) -> None:
    """Whether somebody may publish there. Strangers to a hidden project hear what they would hear of a free name."""
    role = role_here(sql, project, by)
    if role is None and not project.public:
        names.refuse_new(sql, wanted, by)
        raise names.name_reserved(wanted)
    refuse_if(may_upload(project, role))


def earlier_upload(sql: Connection, name: WheelName | SdistName, sha256: str) -> Accepted | None:
    """The acknowledgement again if exactly this file is here; a refusal if its name or its bytes are taken."""
    rows = sql.execute(_EARLIER, {"key": name.key, "filename": name.filename, "digest": sha256}).all()
    present = {row.filename for row in rows if row.table == "file"}
    hidden = {row.filename for row in rows if row.table == "hidden"}
    bound = next((row for row in rows if row.table == "name"), None)
    if bound is None:
        if present or hidden:
            raise _same_bytes(name, min(present | hidden))
        return None
    if bound.digest != sha256:
        raise file_exists(f"{bound.filename!r} is here with other contents; a released file never changes")
    if name.filename in hidden:
        raise file_exists(f"{bound.filename!r} was deleted or is held back; an owner can restore what was deleted")
    if name.filename not in present:
        raise file_exists(f"{bound.filename!r} has been used before, and a name is never used again")
    return Accepted(normalize(name.name), name.filename, sha256, new=False)


def release_for(tx: Tx, project_id: int, version: str, open_for: timedelta) -> tuple[int, bool]:
    """The release's id, and whether this call made it.

    Raises `Refused` if it takes no more files, and if the version is there already, spelled otherwise.
    """
    found = queries.find_equal_release(tx.sql, project_id, version)
    if found is not None:
        refuse_if(may_spell(version, found.version) or may_add_file(found, open_for, tx.now()))
        return found.id, False
    made = insert_new(tx.sql, release, project_id=project_id, version=version, created_at=tx.now())
    if made is None:
        raise Broken(f"The release {version!r} of project {project_id} is neither new nor there.")
    return made[0], True


def add_files(tx: Tx, project: Project, version: str, files: tuple[StoredFile, ...], open_for: timedelta) -> list[int]:
    """Name these files by rows of one release and list them; returns their ids.

    A file name keeps its first digest for ever. A release has at most one sdist, and its files do not contradict each
    other.
    """
    release_id, fresh = release_for(tx, project.id, version, open_for)
    siblings = [] if fresh else list(queries.release_metadata(tx.sql, project.id, version))
    if fresh and files:
        tx.record(ReleaseCreated(files[0].by.identity, project.normalized, version=version))
    _note_builds(tx, project, version, files)
    _refuse_gone_builders(tx, project, files)
    ids = []
    for stored in files:
        if stored.kind == "sdist" and any(kind == "sdist" for _, kind, _ in siblings):
            raise file_exists(f"the release {version} has an sdist already, and may have only one")
        check_agreement(stored.name.filename, stored.kind, stored.metadata, siblings)
        siblings.append((stored.name.filename, stored.kind, queries.unpack_metadata(stored.packed_metadata)))
        ids.append(_add_file(tx, project, release_id, version, stored))
    return ids


def _refuse_gone_builders(tx: Tx, project: Project, files: tuple[StoredFile, ...]) -> None:
    """A builder that an owner has taken back since a file was staged vouches for nothing any more."""
    needed = {number: one.name.filename for one in files for number in builders_among(one.attested)}
    known = {one.id for one in builders_of(tx.sql, project.id)} if needed else set()
    gone = sorted(filename for number, filename in needed.items() if number not in known)
    if gone:
        raise Refused(
            "builder-gone", f"Who has attested how {gone[0]} was built is no builder of {project.display!r} any more.",
            "Delete it from the session, and send it again without that, or with another builder's word.", status=409,
        )  # fmt: skip


def _note_builds(tx: Tx, project: Project, version: str, files: tuple[StoredFile, ...]) -> None:
    """Note where what trusted publishers send comes from, once for each build."""
    builds = {one.by.token_id: one.by for one in files if one.by.publisher_id is not None}
    for token_id, by in builds.items():
        publisher = find_publisher(tx.sql, by.publisher_id or 0)
        kept = minted.claims_of(tx.sql, token_id)
        said = {name: kept.get(name, "") for name in _TOLD}
        tx.record(
            ReleaseBuilt(
                publisher.identity, project.normalized, publisher_id=publisher.id, title=publisher.title,
                issuer=publisher.issuer, version=version, **said,
            )
        )  # fmt: skip


def look_again(tx: Tx, project: Project, wanted: ProjectName, by: Actor) -> None:
    """Once our turn among all writers has come (``tx.serialize()``): may he still? Whatever came first counts."""
    if by.publisher_id is not None:
        minted.look_again(tx, by.token_id, by.scope)
    elif by.token_id:
        tokens.look_again(tx, by.token_id, by.scope)
    if project.organization_id is not None or by.publisher_id is not None:
        # Neither who leaves an organization nor who removes a publisher waits for its projects.
        check_right(tx.sql, project, wanted, by)


def file_exists(why: str) -> Refused:
    """The refusal of a file that is here. twine --skip-existing and others recognise how it begins."""
    return Refused("file-exists", f"File already exists: {why}.", "Release a new version instead.", status=400)


def refuse_if(refusal: Refused | None) -> None:
    """Raise what a policy says, if it says anything."""
    if refusal is not None:
        raise refusal


def _add_file(tx: Tx, project: Project, release_id: int, version: str, stored: StoredFile) -> int:
    claimed = insert_new(
        tx.sql, file_name, key=stored.name.key, filename=stored.name.filename, digest=stored.digest, claimed_at=tx.now()
    )
    if not claimed:
        raise file_exists("the file name has been used before, and a name is never used again")
    file_id: int = tx.sql.execute(_INSERT_FILE, _row(stored, project, release_id, tx)).scalar_one()
    if required := stored.metadata.required_projects:
        tx.sql.execute(_INSERT_REQUIREMENT, [{"file_id": file_id, "name": name} for name in required])
    if stored.bundled is not None and stored.kind == "bdist_wheel":
        keep_scan(tx.sql, file_id, stored.bundled, tx.now())
    tx.record(
        FileUploaded(
            stored.by.identity,
            project.normalized,
            version=version,
            filename=stored.name.filename,
            sha256=stored.digest,
            size_bytes=stored.size_bytes,
            token_id=stored.by.token_id,
        )
    )
    if stored.attested:
        keep_attestations(tx.sql, file_id, stored.attested, tx.now())
        tx.record(
            FileAttested(
                stored.by.identity,
                project.normalized,
                filename=stored.name.filename,
                publisher=str(stored.attested[0].publisher.get("kind", "")),
                predicates=", ".join(one.predicate_type for one in stored.attested),
                trust_root=stored.attested[0].trust_root,
            )
        )
    return file_id


def _row(stored: StoredFile, project: Project, release_id: int, tx: Tx) -> dict[str, Any]:
    return {
        "project_id": project.id,
        "release_id": release_id,
        "filename": stored.name.filename,
        "kind": stored.kind,
        "digest": stored.digest,
        "md5": stored.md5,
        "blake2b_256": stored.blake2b_256,
        "size_bytes": stored.size_bytes,
        "uploaded_at": tx.now(),
        "uploader_id": stored.by.account_id,
        "publisher_id": stored.by.publisher_id,
        "requires_python": stored.metadata.requires_python or None,
        "metadata_digest": stored.metadata_digest,
        "metadata_size_bytes": stored.metadata_size_bytes,
        "metadata_served": stored.metadata_served,
        "metadata": stored.packed_metadata,
        "signals": list(stored.signals),
    }


def _same_bytes(name: WheelName | SdistName, other: str) -> Refused:
    """The bytes are here under another name; which one is said only within one project, because others are private."""
    if normalize(parse_filename(other).name) == normalize(name.name):
        return file_exists(f"the same bytes are here as {other!r}")
    return file_exists("the same bytes are here under another name")
