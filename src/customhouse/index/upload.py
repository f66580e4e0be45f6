"""Taking in one distribution file by the legacy upload API: checks from the cheapest to the dearest, then one deed.

The order is that of PyPI's own index (see docs/architecture.md, "Publish"). What the form claims is only compared;
everything that we keep and serve comes from the artifact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy.engine import Connection

from customhouse.catalog import queries, quotas
from customhouse.catalog.model import Project, may_add_file, may_spell
from customhouse.catalog.quotas import may_store
from customhouse.formats.api_token import redact
from customhouse.formats.examination import Examination
from customhouse.formats.filenames import SdistName, WheelName, parse_filename
from customhouse.formats.look_alike import look_alike, popular_names
from customhouse.formats.prohibited_names import name_refusal
from customhouse.formats.upload_form import UploadForm, check_form, compare_form
from customhouse.index.approving.waits import reasons_to_wait
from customhouse.index.attesting import Attesting
from customhouse.index.embargo import is_under_embargo, refuse_beside_embargo
from customhouse.index.may_publish import refuse_unless_ready
from customhouse.index.names import Claim, claim_project, look_again, refuse_taken
from customhouse.index.publication import (
    Accepted,
    StoredFile,
    add_files,
    check_right,
    earlier_upload,
    refuse_if,
    stored_file,
)
from customhouse.index.publication import look_again as look_again_at_right
from customhouse.index.publisher import Publisher
from customhouse.index.publishing.first_use import claim_for_publisher
from customhouse.index.publishing.only import note_token_beside
from customhouse.index.staging.policy import Policy
from customhouse.index.staging.rights import as_stager, may_stage
from customhouse.index.staging.stage_upload import StageUpload, Waiting, stage_upload
from customhouse.infra import sweep_marks
from customhouse.infra.blobs import Blobs
from customhouse.infra.db import Database
from customhouse.infra.spool import Spooled, spool_bytes
from customhouse.ledger.events import Event, UploadRefused
from customhouse.ledger.storing import put_and_do
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import CustomhouseError, Refused, Rejected
from customhouse.terms.identity import Actor
from customhouse.terms.names import ProjectName, normalize
from customhouse.trust import minted
from customhouse.trust.verify import Verified


@dataclass(frozen=True, slots=True)
class Upload:
    """What a door has received: who sent it, the form's fields in order, and the spooled file."""

    by: Actor
    fields: tuple[tuple[str, str], ...]
    content_type: str
    spooled: Spooled | None


class Examine(Protocol):
    """Reads a distribution file in a process that can be killed."""

    def __call__(self, path: Path, filename: str) -> Examination:
        """Everything we want to know of the file; raises `Rejected` naming the fault and the offset."""
        ...


@dataclass(frozen=True, slots=True)
class PublishFile:
    """The deed's command: a file that has been checked and whose bytes lie in the store."""

    stored: StoredFile
    resembled: str | None
    """The popular name that a new project's could be mistaken for."""
    seen_marks: sweep_marks.Seen
    policy: Policy


class Reception:
    """The way of a file from the door to its row."""

    def __init__(
        self, deeds: Deeds, blobs: Blobs, examine: Examine, spool: Path, policy: Policy, attesting: Attesting
    ) -> None:
        self._deeds = deeds
        self._database: Database = deeds.database
        self._blobs = blobs
        self._examine = examine
        self._spool = spool
        self._policy = policy
        self._attesting = attesting

    def receive(self, upload: Upload) -> Accepted | Waiting:
        """Check, store and publish one file; durable and listed when it returns, or waiting with its release.

        A fault of the sender leaves an event behind; nothing else.
        """
        try:
            return self._receive(upload)
        except (Rejected, Refused) as error:
            if not (isinstance(error, Refused) and error.records):
                self._deeds.keep_records(_with_trace(error, upload, self._told_project(upload)))
            raise

    def _told_project(self, upload: Upload) -> str | None:
        """The project whose owners hear that an upload was refused: of a fix under embargo none, not all are in it."""
        form = dict(upload.fields)
        try:
            name = ProjectName.parse(form["name"]).normalized
        except (Rejected, KeyError):
            return None
        with self._database.read() as sql:
            return None if is_under_embargo(sql, name, form.get("version", ""), upload.by) else name

    def _receive(self, upload: Upload) -> Accepted | Waiting:
        form = check_form(upload.fields)
        spooled = upload.spooled
        if spooled is None or not spooled.filename:
            raise Rejected("no-content", "content", "the form has no file", "one file in the field 'content'")
        if upload.content_type.lower().startswith("image/"):
            raise Rejected("bad-content-type", "content", f"{upload.content_type} is an image", "a wheel or an sdist")
        name = parse_filename(spooled.filename, linux_tags=self._policy.linux_tags)
        wanted = _check_names(form, name)
        _check_digests(form, spooled)
        upload = replace(upload, by=upload.by.for_project(wanted.normalized))
        version, now = str(name.version), self._deeds.clock.now()
        refuse_if(may_stage(upload.by, wanted.normalized, version))
        with self._database.read() as sql:
            found, reserved_for = _check_permission(sql, wanted, as_stager(upload.by), now)
            earlier = earlier_upload(sql, name, spooled.sha256)
            if earlier is not None:
                return earlier
            if found is not None:
                refuse_unless_ready(sql, Publisher(upload.by, found, now, self._policy.site))
                _check_open(sql, found, version, self._policy.open_for, now)
            usage = (
                quotas.usage_of(sql, found.id, self._policy.limits)
                if found is not None
                else quotas.usage_of_new(sql, reserved_for, self._policy.limits)
            )
            refuse_if(may_store(spooled.size_bytes, usage, (found or wanted).display))
        examination = self._examine(spooled.path, spooled.filename)
        compare_form(form, examination.metadata)
        if not spooled.size_bytes:
            raise Rejected("empty-file", "content", "the file is empty", "a wheel or an sdist")
        attested = self._verify(form.texts.get("attestations"), spooled, upload.by)
        metadata = spool_bytes(self._spool, examination.metadata_text.encode(), spooled.filename + ".metadata")
        try:
            command = PublishFile(
                stored=replace(stored_file(name, spooled, metadata, examination, upload.by), attested=attested),
                resembled=look_alike(wanted.normalized, popular_names()) if found is None else None,
                seen_marks=sweep_marks.unmarked(()),
                policy=self._policy,
            )
            bodies = {spooled.sha256: spooled.path, metadata.sha256: metadata.path}
            needed = {digest: bodies[digest] for digest in command.stored.digests}
            return put_and_do(
                self._deeds, self._blobs, needed, lambda seen, tx: take_in(replace(command, seen_marks=seen), tx)
            )
        finally:
            metadata.path.unlink(missing_ok=True)

    def _verify(self, text: str | None, spooled: Spooled, by: Actor) -> tuple[Verified, ...]:
        """What was attested of the file, if anything was."""
        if text is None:
            return ()
        return self._attesting.verify(text, spooled.filename, spooled.sha256, by.publisher_id, by.token_id)


def take_in(command: PublishFile, tx: Tx) -> Accepted | Waiting:
    """Publish a stored file, or let it wait with its release where people are to decide first."""
    stored = command.stored
    normalized, version = normalize(stored.metadata.name), str(stored.name.version)
    project = queries.find_project(tx.sql, normalized, lock=True)
    if stored.by.publisher_id is not None:
        minted.use(tx, stored.by.token_id)
    if reasons_to_wait(tx.sql, stored.by, project, version, (stored,), tx.now()):
        return stage_upload(StageUpload(stored, command.policy, command.seen_marks), tx)
    return publish_file(command, project, tx)


def publish_file(command: PublishFile, project: Project | None, tx: Tx) -> Accepted:
    """Name a stored file by a row and list it; ``project`` is locked, or does not exist yet.

    The first upload of a free name claims the name. A file name keeps its first digest for ever: the same bytes again
    are no fault, other bytes are refused. A release has at most one sdist.
    """
    stored, by = command.stored, command.stored.by
    wanted, version = ProjectName.parse(stored.metadata.name), str(stored.name.version)
    refuse_if(by.scope.refusal("upload", wanted.normalized, version))
    made = False
    if project is None:
        project, made = _claim_or_find(command, wanted, tx)
    check_right(tx.sql, project, wanted, by)
    refuse_unless_ready(tx.sql, Publisher(by, project, tx.now(), command.policy.site))
    if not made:
        refuse_beside_embargo(tx.sql, project.normalized, version, by)
    if (earlier := earlier_upload(tx.sql, stored.name, stored.digest)) is not None:
        return earlier
    refuse_if(may_store(stored.size_bytes, quotas.usage_of(tx.sql, project.id, command.policy.limits), project.display))
    add_files(tx, project, version, (stored,), command.policy.open_for)
    tx.serialize()
    look_again_at_right(tx, project, wanted, by)
    if made:
        look_again(project, by, tx)
    beside = note_token_beside(tx, project, by)
    sweep_marks.check_unchanged(tx.sql, command.seen_marks)
    return Accepted(project.normalized, stored.name.filename, stored.digest, new=True, into=project, beside=beside)


def _claim_or_find(command: PublishFile, wanted: ProjectName, tx: Tx) -> tuple[Project, bool]:
    """Claim a free name; if a rival has just claimed it, the project is his and there to be found. Whether we did."""
    try:
        if command.stored.by.publisher_id is not None:
            publisher_id = command.stored.by.publisher_id
            return claim_for_publisher(tx, wanted, publisher_id, resembled=command.resembled), True
        return claim_project(Claim(wanted, command.stored.by, command.resembled), tx), True
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


def _check_permission(
    sql: Connection, wanted: ProjectName, by: Actor, now: datetime
) -> tuple[Project | None, int | None]:
    """A first look before the expensive checks; the deed looks again.

    Returns the project; or None, and the organization that would hold it because of its namespace.
    """
    project = queries.find_project(sql, wanted.normalized)
    if project is None:
        return None, refuse_taken(sql, wanted, by, now)
    check_right(sql, project, wanted, by)
    return project, None


def _check_open(sql: Connection, project: Project, version: str, open_for: timedelta, now: datetime) -> None:
    """A first look whether the release still takes files, and is spelled so; the deed looks again."""
    found = queries.find_equal_release(sql, project.id, version)
    if found is not None:
        refuse_if(may_spell(version, found.version, status=400) or may_add_file(found, open_for, now))


def _with_trace(error: CustomhouseError, upload: Upload, project: str | None) -> Refused:
    """The refusal's event."""
    event: Event = UploadRefused(
        upload.by.identity,
        project,
        filename=redact(upload.spooled.filename if upload.spooled else "")[:500],
        code=error.code,
        sentence=redact(str(error))[:1000],
        token_id=upload.by.token_id,
    )
    return Refused(error.code, str(error), records=(event,))
