"""Taking in one distribution file by the legacy upload API: checks from the cheapest to the dearest, then one deed.

The order is that of PyPI's own index (see docs/architecture.md, "Publish"). What the form claims is only compared;
everything that we keep and serve comes from the artifact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts import tokens
from customhouse.accounts.tokens import Bearer
from customhouse.catalog import queries, quotas, rights
from customhouse.catalog.agreement import check_agreement
from customhouse.catalog.lifecycle_events import ReleaseCreated
from customhouse.catalog.model import Project, may_add_file, may_upload
from customhouse.catalog.quotas import Limits, may_store
from customhouse.catalog.tables import file, file_name, release, requirement
from customhouse.formats.api_token import redact
from customhouse.formats.examination import Examination
from customhouse.formats.filenames import SdistName, WheelName, parse_filename
from customhouse.formats.look_alike import look_alike, popular_names
from customhouse.formats.prohibited_names import name_refusal
from customhouse.formats.upload_form import UploadForm, check_form, compare_form
from customhouse.index.may_publish import refuse_unless_ready
from customhouse.index.names import (
    Claim,
    claim_project,
    look_again,
    name_reserved,
    refuse_new,
    refuse_reserved,
    refuse_taken,
)
from customhouse.index.publisher import Publisher
from customhouse.infra import sweep_marks
from customhouse.infra.blobs import Blobs
from customhouse.infra.db import Database, insert_new
from customhouse.infra.spool import Spooled, spool_bytes
from customhouse.ledger.events import Event, FileUploaded, UploadRefused
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Broken, CustomhouseError, Refused, Rejected, Unavailable
from customhouse.terms.names import ProjectName, normalize

PUT_ATTEMPTS = 5
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
_INSERT_FILE = file.insert().returning(file.c.id)
_INSERT_REQUIREMENT = requirement.insert()


@dataclass(frozen=True, slots=True)
class Upload:
    """What a door has received: who sent it, the form's fields in order, and the spooled file."""

    bearer: Bearer
    fields: tuple[tuple[str, str], ...]
    content_type: str
    spooled: Spooled | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """An acknowledged upload. ``new`` is False if exactly this file was here already."""

    project: str
    filename: str
    sha256: str
    new: bool


class Examine(Protocol):
    """Reads a distribution file in a process that can be killed."""

    def __call__(self, path: Path, filename: str) -> Examination:
        """Everything we want to know of the file; raises `Rejected` naming the fault and the offset."""
        ...


@dataclass(frozen=True, slots=True)
class PublishFile:
    """The deed's command: a file that has been checked and whose bytes lie in the store."""

    bearer: Bearer
    name: WheelName | SdistName
    display_name: str
    resembled: str | None
    """The popular name that a new project's could be mistaken for."""
    spooled: Spooled
    examination: Examination
    metadata: Spooled
    packed_metadata: bytes
    seen_marks: sweep_marks.Seen
    open_for: timedelta
    """For how long a release takes new files."""
    limits: Limits
    """How large files and projects may be that were granted nothing more."""
    site: str = ""
    """The address of this index, for refusals that point to a page."""


class Reception:
    """The way of a file from the door to its row."""

    def __init__(
        self, deeds: Deeds, blobs: Blobs, examine: Examine, spool: Path, *, open_for: timedelta, limits: Limits,
        linux_tags: bool = True, site: str = "",
    ) -> None:  # fmt: skip
        self._deeds = deeds
        self._database: Database = deeds.database
        self._blobs = blobs
        self._examine = examine
        self._spool = spool
        self._open_for = open_for
        self._limits = limits
        self._linux_tags = linux_tags
        self._site = site

    def receive(self, upload: Upload) -> Accepted:
        """Check, store and publish one file; durable and listed when it returns.

        A fault of the sender leaves an event behind; nothing else.
        """
        try:
            return self._receive(upload)
        except (Rejected, Refused) as error:
            if not (isinstance(error, Refused) and error.records):
                self._deeds.keep_records(_with_trace(error, upload))
            raise

    def _receive(self, upload: Upload) -> Accepted:
        form = check_form(upload.fields)
        spooled = upload.spooled
        if spooled is None or not spooled.filename:
            raise Rejected("no-content", "content", "the form has no file", "one file in the field 'content'")
        if upload.content_type.lower().startswith("image/"):
            raise Rejected("bad-content-type", "content", f"{upload.content_type} is an image", "a wheel or an sdist")
        name = parse_filename(spooled.filename, linux_tags=self._linux_tags)
        wanted = _check_names(form, name)
        _check_digests(form, spooled)
        _refuse_if(upload.bearer.scope.refusal("upload", wanted.normalized, str(name.version)))
        with self._database.read() as sql:
            found = _check_permission(sql, wanted, upload.bearer)
            earlier = _earlier_upload(sql, name, spooled)
            if earlier is not None:
                return earlier
            if found is not None:
                refuse_unless_ready(sql, Publisher(upload.bearer.user, found, self._deeds.clock.now(), self._site))
                _check_open(sql, found, str(name.version), self._open_for, self._deeds.clock.now())
            _check_room(sql, found, wanted, upload, self._limits)
        examination = self._examine(spooled.path, spooled.filename)
        compare_form(form, examination.metadata)
        if not spooled.size_bytes:
            raise Rejected("empty-file", "content", "the file is empty", "a wheel or an sdist")
        metadata = spool_bytes(self._spool, examination.metadata_text.encode(), spooled.filename + ".metadata")
        try:
            return self._store_and_publish(
                PublishFile(
                    bearer=upload.bearer,
                    name=name,
                    display_name=examination.metadata.name,
                    resembled=look_alike(wanted.normalized, popular_names()) if found is None else None,
                    spooled=spooled,
                    examination=examination,
                    metadata=metadata,
                    packed_metadata=queries.pack_metadata(examination.metadata_text),
                    seen_marks=sweep_marks.unmarked(()),
                    open_for=self._open_for,
                    limits=self._limits,
                    site=self._site,
                )
            )
        finally:
            metadata.path.unlink(missing_ok=True)

    def _store_and_publish(self, command: PublishFile) -> Accepted:
        """Object before row, acknowledgement after commit; once more if a sweep came in between."""
        digests = [command.spooled.sha256]
        if command.examination.metadata_served:
            digests.append(command.metadata.sha256)
        seen = sweep_marks.unmarked(digests)
        for _attempt in range(PUT_ATTEMPTS):
            self._blobs.put(Digest(command.spooled.sha256), command.spooled.path)
            if command.examination.metadata_served:
                self._blobs.put(Digest(command.metadata.sha256), command.metadata.path)
            try:
                return self._deeds.do(publish_file, replace(command, seen_marks=seen))
            except sweep_marks.SweptMeanwhile:
                with self._database.read() as sql:
                    seen = sweep_marks.seen(sql, digests)
                if seen.sweeping:
                    raise Unavailable(
                        "The store", "these bytes are being swept as an orphan", retry_after_seconds=5
                    ) from None
        raise Unavailable("The store", "sweeps came in between five times", retry_after_seconds=30)


def publish_file(command: PublishFile, tx: Tx) -> Accepted:
    """Name a stored file by a row and list it.

    The first upload of a free name claims the name. A file name keeps its first digest for ever: the same bytes again
    are no fault, other bytes are refused. A release has at most one sdist.
    """
    bearer, name, spooled = command.bearer, command.name, command.spooled
    wanted = ProjectName.parse(command.display_name)
    _refuse_if(bearer.scope.refusal("upload", wanted.normalized, str(name.version)))
    project = queries.find_project(tx.sql, wanted.normalized, lock=True)
    made = False
    if project is None:
        project, made = _claim_or_find(command, wanted, tx)
    _check_right(tx.sql, project, wanted, bearer)
    refuse_unless_ready(tx.sql, Publisher(bearer.user, project, tx.now(), command.site))
    if (earlier := _earlier_upload(tx.sql, name, spooled)) is not None:
        return earlier
    _refuse_if(may_store(spooled.size_bytes, quotas.usage_of(tx.sql, project.id, command.limits), project.display))
    version = str(name.version)
    release_id, fresh = _release(tx, project.id, version, command.open_for)
    siblings = () if fresh else queries.release_metadata(tx.sql, project.id, version)
    if command.examination.kind == "sdist" and any(kind == "sdist" for _, kind, _ in siblings):
        raise _exists(f"the release {version} has an sdist already, and may have only one")
    check_agreement(name.filename, command.examination.kind, command.examination.metadata, siblings)
    claimed = insert_new(
        tx.sql, file_name, key=name.key, filename=name.filename, digest=spooled.sha256, claimed_at=tx.now()
    )
    if not claimed:
        raise _exists("the file name has been used before, and a name is never used again")
    file_id = tx.sql.execute(_INSERT_FILE, _file_row(command, project, release_id, tx)).scalar_one()
    required = command.examination.metadata.required_projects
    if required:
        tx.sql.execute(_INSERT_REQUIREMENT, [{"file_id": file_id, "name": required_name} for required_name in required])
    if fresh:
        tx.record(ReleaseCreated(bearer.user.identity, project.normalized, version=version))
    tx.record(
        FileUploaded(
            bearer.user.identity,
            project.normalized,
            version=version,
            filename=name.filename,
            sha256=spooled.sha256,
            size_bytes=spooled.size_bytes,
            token_id=bearer.token_id,
        )
    )
    tx.serialize()
    tokens.look_again(tx, bearer.token_id, bearer.scope)
    if project.organization_id is not None:
        # Who leaves an organization does not wait for its projects: whatever came first counts.
        _check_right(tx.sql, project, wanted, bearer)
    if made:
        look_again(project, bearer.actor, tx)
    sweep_marks.check_unchanged(tx.sql, command.seen_marks)
    return Accepted(project.normalized, name.filename, spooled.sha256, new=True)


def _claim_or_find(command: PublishFile, wanted: ProjectName, tx: Tx) -> tuple[Project, bool]:
    """Claim a free name; if a rival has just claimed it, the project is his and there to be found. Whether we did."""
    try:
        return claim_project(Claim(wanted, command.bearer.actor, command.resembled), tx), True
    except Refused:
        project = queries.find_project(tx.sql, wanted.normalized, lock=True)
        if project is None:
            raise
        return project, False


def _check_names(form: UploadForm, name: WheelName | SdistName) -> ProjectName:
    """The form's project, the file's name and type must say the same."""
    kind = "bdist_wheel" if isinstance(name, WheelName) else "sdist"
    if form.filetype != kind:
        raise Rejected(
            "filetype-mismatch", "filetype", f"{form.filetype!r}, but {name.filename!r} is a {kind}", f"filetype {kind}"
        )
    wanted = ProjectName.parse(form.name)
    if wanted.normalized != normalize(name.name):
        raise Rejected(
            "name-mismatch", "name", f"{form.name!r}, but the file is named for {name.name!r}", "one name in both"
        )
    if (rejection := name_refusal(wanted)) is not None:
        raise rejection
    return wanted


def _check_digests(form: UploadForm, spooled: Spooled) -> None:
    """Every digest that the form gives must be that of the bytes received."""
    found = {"md5_digest": spooled.md5, "sha256_digest": spooled.sha256, "blake2_256_digest": spooled.blake2b_256}
    for field, claimed in form.digests.items():
        if claimed != found[field]:
            raise Rejected(
                "digest-mismatch", field, f"the form says {claimed}, the bytes received have {found[field]}",
                "the digest of the file; send it again",
            )  # fmt: skip


def _check_permission(sql: Connection, wanted: ProjectName, bearer: Bearer) -> Project | None:
    """A first look before the expensive checks; the deed looks again. None if there is no such project yet."""
    project = queries.find_project(sql, wanted.normalized)
    if project is None:
        refuse_taken(sql, wanted, bearer.actor)
        return None
    _check_right(sql, project, wanted, bearer)
    return project


def _check_right(sql: Connection, project: Project, wanted: ProjectName, bearer: Bearer) -> None:
    """Whether the bearer may upload there. Strangers to a hidden project hear what they would hear of a free name."""
    role = rights.role_of(sql, project.id, bearer.user.id)
    if role is None and not project.public:
        refuse_new(sql, wanted, bearer.actor)
        raise name_reserved(wanted)
    _refuse_if(may_upload(project, role))


def _check_open(sql: Connection, project: Project, version: str, open_for: timedelta, now: datetime) -> None:
    """A first look whether the release still takes files; the deed looks again."""
    found = queries.find_release(sql, project.id, version)
    if found is not None:
        _refuse_if(may_add_file(found, open_for, now))


def _check_room(sql: Connection, project: Project | None, wanted: ProjectName, upload: Upload, limits: Limits) -> None:
    """A first look whether the file is small enough and the project has room; the deed looks again."""
    size_bytes = upload.spooled.size_bytes if upload.spooled is not None else 0
    if project is not None:
        usage = quotas.usage_of(sql, project.id, limits)
    else:
        usage = quotas.usage_of_new(sql, refuse_reserved(sql, wanted, upload.bearer.actor), limits)
    _refuse_if(may_store(size_bytes, usage, project.display if project is not None else wanted.display))


def _earlier_upload(sql: Connection, name: WheelName | SdistName, spooled: Spooled) -> Accepted | None:
    """The acknowledgement again if exactly this file is here; a refusal if its name or its bytes are taken."""
    rows = sql.execute(_EARLIER, {"key": name.key, "filename": name.filename, "digest": spooled.sha256}).all()
    present = {row.filename for row in rows if row.table == "file"}
    hidden = {row.filename for row in rows if row.table == "hidden"}
    bound = next((row for row in rows if row.table == "name"), None)
    if bound is None:
        if present or hidden:
            raise _same_bytes(name, min(present | hidden))
        return None
    if bound.digest != spooled.sha256:
        raise _exists(f"{bound.filename!r} is here with other contents; a released file never changes")
    if name.filename in hidden:
        raise _exists(f"{bound.filename!r} was deleted or is held back; an owner can restore what was deleted")
    if name.filename not in present:
        raise _exists(f"{bound.filename!r} has been used before, and a name is never used again")
    return Accepted(normalize(name.name), name.filename, spooled.sha256, new=False)


def _same_bytes(name: WheelName | SdistName, other: str) -> Refused:
    """The bytes are here under another name; which one is said only within one project, because others are private."""
    if normalize(parse_filename(other).name) == normalize(name.name):
        return _exists(f"the same bytes are here as {other!r}")
    return _exists("the same bytes are here under another name")


def _release(tx: Tx, project_id: int, version: str, open_for: timedelta) -> tuple[int, bool]:
    """The release's id, and whether this call made it; raises `Refused` if it takes no more files."""
    made = insert_new(tx.sql, release, project_id=project_id, version=version, created_at=tx.now())
    if made is not None:
        return made[0], True
    found = queries.find_release(tx.sql, project_id, version)
    if found is None:
        raise Broken(f"The release {version!r} of project {project_id} is neither new nor there.")
    _refuse_if(may_add_file(found, open_for, tx.now()))
    return found.id, False


def _file_row(command: PublishFile, project: Project, release_id: int, tx: Tx) -> dict[str, Any]:
    spooled, examination = command.spooled, command.examination
    return {
        "project_id": project.id,
        "release_id": release_id,
        "filename": command.name.filename,
        "kind": examination.kind,
        "digest": spooled.sha256,
        "md5": spooled.md5,
        "blake2b_256": spooled.blake2b_256,
        "size_bytes": spooled.size_bytes,
        "uploaded_at": tx.now(),
        "uploader_id": command.bearer.user.id,
        "requires_python": examination.metadata.requires_python or None,
        "metadata_digest": command.metadata.sha256,
        "metadata_size_bytes": command.metadata.size_bytes,
        "metadata_served": examination.metadata_served,
        "metadata": command.packed_metadata,
        "signals": [
            {"code": signal.code, "where": signal.where, "detail": signal.detail} for signal in examination.signals
        ],
    }


def _refuse_if(refusal: Refused | None) -> None:
    if refusal is not None:
        raise refusal


def _exists(why: str) -> Refused:
    # twine --skip-existing and others recognise this beginning of a 400.
    return Refused("file-exists", f"File already exists: {why}.", "Release a new version instead.", status=400)


def _with_trace(error: CustomhouseError, upload: Upload) -> Refused:
    """The refusal's event; the name of the project only if it is one."""
    names = [value for field, value in upload.fields if field == "name"]
    try:
        project: str | None = ProjectName.parse(names[0]).normalized if names else None
    except Rejected:
        project = None
    event: Event = UploadRefused(
        upload.bearer.user.identity,
        project,
        filename=redact(upload.spooled.filename if upload.spooled else "")[:500],
        code=error.code,
        sentence=redact(str(error))[:1000],
        token_id=upload.bearer.token_id,
    )
    return Refused(error.code, str(error), records=(event,))
