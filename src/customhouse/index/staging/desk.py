"""The way of a release from its first file to its publication: slow work around short deeds (PEP 694).

Bytes lie in the store before a row names them. Archives are read by killable children, those of large files when the
worker gets to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from customhouse.catalog.staged import Session, StagedFile, find_staged_file, parts_of, session_of_file
from customhouse.formats.examination import Examination
from customhouse.formats.filenames import parse_filename
from customhouse.formats.look_alike import look_alike, popular_names
from customhouse.index.publication import stored_file
from customhouse.index.staging import publish as publication
from customhouse.index.staging.attested import Verify
from customhouse.index.staging.complete import Completion, Failure, complete_file, defer, fail_file
from customhouse.index.staging.files import (
    look_at_file,
    refuse_other_sender,
    refuse_unless_pending,
    sender_of,
    unknown_file,
)
from customhouse.index.staging.hashes import check_bytes
from customhouse.index.staging.join import check_parts, joined
from customhouse.index.staging.open_session import OpenSession, open_session
from customhouse.index.staging.policy import BYTES, PARTS, Policy
from customhouse.index.staging.publish import Publish
from customhouse.index.staging.receive import Receive, receive, receive_part, refuse_beyond, refuse_other_mechanism
from customhouse.index.staging.rights import refuse_unless_editable
from customhouse.infra.blob_files import local_file
from customhouse.infra.blobs import Blobs
from customhouse.infra.spool import Spooled, spool_bytes
from customhouse.ledger.storing import put_and_do
from customhouse.ledger.tx import Deeds
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Actor
from customhouse.terms.names import ProjectName
from customhouse.terms.versions import parse_version
from customhouse.trust.attestations import from_json

Examine = Callable[[Path, str], Examination]


class Desk:
    """Where releases are made ready."""

    def __init__(
        self, deeds: Deeds, blobs: Blobs, examine: Examine, spool: Path, policy: Policy, *, verify: Verify
    ) -> None:
        self._deeds = deeds
        self._blobs = blobs
        self._examine = examine
        self._spool = spool
        self._verify = verify
        self.policy = policy

    def open(self, name: str, version: str, by: Actor, *, organization: str = "") -> Session:
        """Begin a release; raises `SessionExists` if it was begun already."""
        wanted = ProjectName.parse(name)
        acting = by.for_project(wanted.normalized)
        return self._deeds.do(
            open_session, OpenSession(wanted, canonical(version), acting, self.policy, organization=organization)
        )

    def expect(self, stage: str, file_id: str, by: Actor, mechanism: str) -> StagedFile:
        """A first look before bytes are taken in; the deed looks again."""
        with self._deeds.database.read() as sql:
            file, session = look_at_file(sql, stage, file_id, by, self._deeds.clock.now())
        refuse_unless_editable(session, self._deeds.clock.now())
        refuse_unless_pending(file)
        refuse_other_sender(file, by)
        refuse_other_mechanism(file.mechanism, mechanism)
        return file

    def take(self, file: StagedFile, spooled: Spooled, by: Actor) -> None:
        """Take all bytes of a file in; they must be what was announced."""
        check_bytes(spooled, file.size_bytes, file.hashes)
        command = Receive(file.id, spooled, by)
        put_and_do(self._deeds, self._blobs, {spooled.sha256: spooled.path}, partial(receive, command))

    def take_part(self, file: StagedFile, offset: int, sha256: str, spooled: Spooled, by: Actor) -> None:
        """Take a part in; its bytes must have the digest that was sent along."""
        refuse_beyond(offset, spooled.size_bytes, file.size_bytes)
        if spooled.sha256 != sha256:
            raise Rejected(
                "digest-mismatch", "Content-Digest", f"{sha256} was sent, the bytes received have {spooled.sha256}",
                "the digest of the part; send it again",
            )  # fmt: skip
        command = Receive(file.id, spooled, by, offset)
        put_and_do(self._deeds, self._blobs, {spooled.sha256: spooled.path}, partial(receive_part, command))

    def complete(self, stage: str, file_id: str, by: Actor) -> StagedFile:
        """Examine a file whose bytes are there, or leave it to the worker if it is large.

        Whatever is wrong with it, it is of no use then: it can only be deleted (PEP 694).
        """
        with self._deeds.database.read() as sql:
            file, session = look_at_file(sql, stage, file_id, by, self._deeds.clock.now())
        refuse_unless_editable(session, self._deeds.clock.now())
        refuse_unless_pending(file)
        command = Completion(file.id, by)
        if file.size_bytes > self.policy.deferred_bytes:
            with self._failing(file.id, by):
                self._refuse_incomplete(file)
            self._deeds.do(defer, command)
        else:
            with self._failing(file.id, by):
                self._settle(file, command)
        return self._file(file.session_id, file.id)

    def examine_later(self, file_id: str) -> None:
        """The worker's part for a large file. Doing it again finds it done."""
        with self._deeds.database.read() as sql:
            session_id = session_of_file(sql, file_id)
            file = find_staged_file(sql, session_id, file_id) if session_id is not None else None
        if file is None or file.state != "processing":
            return
        try:
            self._settle(file, Completion(file_id, None))
        except (Rejected, Refused) as fault:
            self._deeds.do(fail_file, Failure(file_id, fault.code, str(fault), None))

    def publish(self, session_id: str, by: Actor, *, manifest: str = "") -> Session:
        """Publish a release as a whole, or refuse and change nothing but why it waits.

        ``manifest`` says which files are meant; the release is refused if it holds others.
        """
        with self._deeds.database.read() as sql:
            name = publication.name_of_new(sql, session_id)
        resembled = look_alike(name, popular_names()) if name is not None else None
        command = Publish(session_id, by, self.policy, resembled, manifest=manifest)
        self._deeds.do(publication.note_reasons, command)
        return self._deeds.do(publication.publish, command)

    def _settle(self, file: StagedFile, command: Completion) -> None:
        self._refuse_incomplete(file)
        with self._deeds.database.read() as sql:
            by = command.by or sender_of(sql, file)
        with self._whole(file) as spooled:
            name = parse_filename(file.filename)
            examination = self._examine(spooled.path, file.filename)
            attested = self._verify(file, spooled.sha256)
            metadata = spool_bytes(self._spool, examination.metadata_text.encode(), f"{file.filename}.metadata")
            try:
                shown = from_json(attested or ())
                stored = replace(stored_file(name, spooled, metadata, examination, by), attested=shown)
                bodies = {metadata.sha256: metadata.path} if stored.metadata_served else {}
                if file.mechanism == PARTS:
                    # Whole bytes lie in the store since they came, and their row has kept the sweep from them.
                    bodies[spooled.sha256] = spooled.path
                put_and_do(self._deeds, self._blobs, bodies, partial(complete_file, command, stored, attested))
            finally:
                metadata.path.unlink(missing_ok=True)

    def _refuse_incomplete(self, file: StagedFile) -> None:
        """Nothing is examined before all bytes are there."""
        if file.mechanism == PARTS:
            with self._deeds.database.read() as sql:
                check_parts(parts_of(sql, file.id), file.size_bytes)
        elif file.digest is None:
            raise Rejected("no-bytes", "file", "its bytes have not come yet", f"bytes by {BYTES} before completion")

    @contextmanager
    def _whole(self, file: StagedFile) -> Iterator[Spooled]:
        """All bytes of a file on local disk, with their digests."""
        if file.mechanism == PARTS:
            with self._deeds.database.read() as sql:
                parts = parts_of(sql, file.id)
            with joined(self._blobs, parts, self._spool, file.filename) as spooled:
                check_bytes(spooled, file.size_bytes, file.hashes)
                yield spooled
            return
        if file.digest is None or file.md5 is None or file.blake2b_256 is None:
            raise Rejected("no-bytes", "file", "its bytes have not come yet", f"bytes by {BYTES} before completion")
        with local_file(self._blobs, Digest(file.digest), self._spool) as path:
            yield Spooled(path, file.filename, file.size_bytes, file.md5, file.digest, file.blake2b_256)

    @contextmanager
    def _failing(self, file_id: str, by: Actor) -> Iterator[None]:
        """What is wrong with the file itself ends its upload; that somebody may not, or not now, does not."""
        try:
            yield
        except Rejected as fault:
            self._deeds.do(fail_file, Failure(file_id, fault.code, str(fault), by))
            raise

    def _file(self, session_id: str, file_id: str) -> StagedFile:
        with self._deeds.database.read() as sql:
            found = find_staged_file(sql, session_id, file_id)
        if found is None:
            raise unknown_file()
        return found


def canonical(text: str) -> str:
    """The one spelling of a version (PEP 440); raises `Rejected`. Local versions are of no public release."""
    version = parse_version(text, "version")
    if version.local is not None:
        raise Rejected("bad-version", "version", f"{text[:80]!r} is a local version", "a public version (PEP 440)")
    return str(version)
