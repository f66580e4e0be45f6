"""Publishing a session: the whole release appears at once, or nothing of it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.model import Project
from customhouse.catalog.staged import Session, StagedFile, files_of_session, find_session, manifest_digest_of
from customhouse.catalog.staged_events import ReleasePublished
from customhouse.catalog.staged_tables import upload_file, upload_session
from customhouse.index import names
from customhouse.index.approving.clearance import missing
from customhouse.index.approving.model import Missing
from customhouse.index.approving.note_waiting import note_waiting
from customhouse.index.approving.waits import reasons_to_wait
from customhouse.index.may_publish import refuse_unless_ready
from customhouse.index.names import Claim, claim_project
from customhouse.index.publication import StoredFile, add_files, check_right, earlier_upload, look_again, refuse_if
from customhouse.index.publisher import Publisher
from customhouse.index.publishing.first_use import claim_for_publisher
from customhouse.index.publishing.only import no_token_beside, note_token_beside
from customhouse.index.staging.add_file import refuse_unless_room
from customhouse.index.staging.end import forget_parts
from customhouse.index.staging.files import stored_of
from customhouse.index.staging.policy import Policy
from customhouse.index.staging.rights import no_session, refuse_unless_editable, subject
from customhouse.index.staging.senders import GONE, by_sender, files_of_stopped, files_of_strangers
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor
from customhouse.terms.names import ProjectName
from customhouse.trust import minted


class Unfinished(Refused):
    """Something of the session is in the way (409): which files, and why."""

    def __init__(self, code: str, sentence: str, accepted: str, faults: tuple[tuple[str, str], ...]) -> None:
        self.faults = faults
        """File name and sentence each."""
        super().__init__(code, sentence, accepted, status=409)


class NeedsApproval(Refused):
    """The release waits for people (409)."""

    def __init__(self, waits: Missing, session: Session) -> None:
        self.missing = waits
        self.session = session
        super().__init__("needs-approval", waits.sentence, status=409)


@dataclass(frozen=True, slots=True)
class Publish:
    """A wish that a session's files appear."""

    session_id: str
    by: Actor
    policy: Policy
    resembled: str | None = None
    """The popular name that a new project's could be mistaken for, found before the writers' turn."""
    embargo: str = ""
    """The disclosure case whose button was pressed, by its public id: nothing else publishes what is under embargo."""
    manifest: str = ""
    """The digest of the files that are meant (`formats.manifest`); where it is given, no others are published."""


def note_reasons(command: Publish, tx: Tx) -> None:
    """Note why the release waits, as it is now: a deed of its own, because the one that publishes may be refused."""
    session, project = subject(tx, command.session_id, command.by)
    if session.state in ("open", "error"):
        files = _completed(tx, session)
        for sender, theirs in by_sender(files):
            reasons = reasons_to_wait(tx.sql, sender, project, session.version, theirs, tx.now())
            found = find_session(tx.sql, session.id)
            note_waiting(tx, found or session, reasons, sender.identity)


def publish(command: Publish, tx: Tx) -> Session:
    """Publish all files of a session, or register the name of one without files; refuse and change nothing.

    File names are taken here and nowhere earlier, and in one place with the legacy upload. Every right and rule is
    looked at as it is now. The bytes are in the store since they came: the session's rows have named them ever since,
    so no sweep has taken them.
    """
    by, now = command.by, tx.now()
    session, project = subject(tx, command.session_id, by)
    refuse_unless_editable(session, now)
    _refuse_unless_by_its_case(session, command)
    listed = files_of_session(tx.sql, session.id)
    _refuse_unfinished(listed)
    _refuse_others(listed, command)
    files = _completed(tx, session)
    if (waits := missing(tx.sql, session, by, now)) is not None:
        raise NeedsApproval(waits, session)
    refuse_if(by.scope.refusal("upload", session.normalized, session.version))
    wanted = ProjectName.parse(session.display)
    made = project is None
    _refuse_gone(files_of_strangers(tx.sql, session, project, files, now))
    if project is None:
        project = _claim(tx, command, session, wanted)
    check_right(tx.sql, project, wanted, by)
    refuse_unless_ready(tx.sql, Publisher(by, project, now, command.policy.site))
    for sender, _theirs in by_sender(files):
        refuse_if(no_token_beside(tx.sql, Publisher(sender, project, now, command.policy.site)))
    if files:
        _refuse_conflicts(tx, files)
        _refuse_unless_room(tx, session, project, files, command.policy)
        add_files(tx, project, session.version, files, command.policy.open_for)
    tx.sql.execute(
        upload_session.update()
        .where(upload_session.c.id == session.id)
        .values(state="published", ended_at=now, project_id=project.id)
    )
    # What they say stands in the rows of the published files from now on.
    tx.sql.execute(
        upload_file.update()
        .where(upload_file.c.session_id == session.id)
        .values(metadata=None, attestations=None, bundled=sa.null())
    )
    forget_parts(tx, session.id)
    if files:
        published = ReleasePublished(
            by.identity, session.normalized, version=session.version, session=session.id, files=len(files)
        )
        tx.record(published)
    if by.publisher_id is not None:
        minted.use(tx, by.token_id)
    tx.serialize()
    look_again(tx, project, wanted, by)
    if made:
        names.look_again(project, by, tx)
    else:
        _refuse_gone(files_of_strangers(tx.sql, session, project, files, now))
    _refuse_gone(files_of_stopped(tx.sql, files))
    for sender, _theirs in by_sender(files):
        note_token_beside(tx, project, sender)
    found = find_session(tx.sql, session.id)
    if found is None:
        raise no_session()
    return found


def _claim(tx: Tx, command: Publish, session: Session, wanted: ProjectName) -> Project:
    """Make the project, for who publishes or for whom its publisher was registered."""
    by = command.by
    if by.publisher_id is not None:
        return claim_for_publisher(tx, wanted, by.publisher_id, resembled=command.resembled)
    return claim_project(Claim(wanted, by, command.resembled, organization_id=session.organization_id), tx)


def _refuse_unless_by_its_case(session: Session, command: Publish) -> None:
    """What is under embargo appears together with its advisory, by the button of its case and by nothing else."""
    if session.embargo != command.embargo:
        raise Refused(
            "under-embargo", "This release is under embargo: it appears together with its advisory.",
            "Publish it in its case.", status=409,
        )  # fmt: skip


def _refuse_others(files: list[StagedFile], command: Publish) -> None:
    """Who compares a stage with what was tested, and then publishes it, publishes what was compared or nothing."""
    if command.manifest and manifest_digest_of(files) != command.manifest:
        raise Refused(
            "stage-changed", "This release does not hold the files that were named.", "Look at it again.", status=409
        )


def name_of_new(sql: Connection, session_id: str) -> str | None:
    """The name of the project that publishing this session would make, normalised."""
    session = find_session(sql, session_id)
    return session.normalized if session is not None and session.project_id is None else None


def _completed(tx: Tx, session: Session) -> tuple[StoredFile, ...]:
    return tuple(stored_of(tx.sql, one) for one in files_of_session(tx.sql, session.id) if one.state == "completed")


def _refuse_gone(filenames: tuple[str, ...]) -> None:
    """Nobody publishes for those who could not do so themselves any more."""
    if filenames:
        raise Unfinished(
            "sender-gone", f"Who sent these files may not publish here any more: {', '.join(filenames[:10])}.",
            "Delete them from the session, and send them again.", tuple((one, GONE) for one in filenames),
        )  # fmt: skip


def _refuse_unfinished(files: list[StagedFile]) -> None:
    """Only completed files are published: one in any other state is in the way of all."""
    faults = tuple((one.filename, one.state) for one in files if one.state != "completed")
    if faults:
        named = ", ".join(f"{filename} is {state}" for filename, state in faults[:10])
        raise Unfinished(
            "files-not-complete", f"Not every file is completed: {named}.", "Complete or delete them first.", faults
        )


def _refuse_conflicts(tx: Tx, files: tuple[StoredFile, ...]) -> None:
    """The names of all files, and their bytes, must be free at this moment."""
    faults = []
    for one in files:
        try:
            if earlier_upload(tx.sql, one.name, one.digest) is not None:
                faults.append((one.name.filename, "File already exists, with the same contents."))
        except Refused as refusal:
            faults.append((one.name.filename, refusal.sentence))
    if faults:
        named = ", ".join(filename for filename, _ in faults[:10])
        raise Unfinished(
            "file-exists", f"Published already since they were staged: {named}.", "Delete them from the session.",
            tuple(faults),
        )  # fmt: skip


def _refuse_unless_room(
    tx: Tx, session: Session, project: Project, files: tuple[StoredFile, ...], policy: Policy
) -> None:
    here = sum(one.size_bytes for one in files)
    for one in files:
        refuse_unless_room(tx, session, project, one.size_bytes, policy, here_bytes=here)
    largest = max(one.size_bytes for one in files)
    # Together they are in the sum of what waits, but for the one that is asked about.
    refuse_unless_room(tx, session, project, largest, policy, here_bytes=largest)
