"""Files of upstreams and their metadata: from the store if they are here, else from upstream, once for everybody.

Object before row, as for uploads; a file name has one digest for ever. Call everything here from threads, except what
is said to be async.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from customhouse.formats.examination import Examination
from customhouse.formats.remote_zip import remote_metadata
from customhouse.infra.blobs import Blobs
from customhouse.infra.fetch import Order
from customhouse.infra.spool import spool_bytes
from customhouse.infra.stream import Pace
from customhouse.infra.sweep_marks import Seen, check_unchanged
from customhouse.infra.targets import Target
from customhouse.ledger.storing import put_and_do
from customhouse.ledger.tx import Deeds, Tx
from customhouse.mirror.download import Received, Wanted
from customhouse.mirror.examine import Examine, examine_kept
from customhouse.mirror.fetching import Fetching, Judge
from customhouse.mirror.flight import REFUSED_SECONDS, Flight, Ground
from customhouse.mirror.leading import Leading
from customhouse.mirror.model import Inspected, MirroredFile, MirroredProject
from customhouse.mirror.object_rows import USED_EVERY, Kept, find_kept, note_metadata, note_used, note_whole
from customhouse.mirror.partial import Partial, key_of
from customhouse.mirror.ranges import NoRanges, RemoteFile
from customhouse.mirror.slots import Slots
from customhouse.mirror.upstream import UpstreamIndex
from customhouse.terms.digest import Digest
from customhouse.terms.errors import CustomhouseError, Refused, Rejected, Unavailable

log = logging.getLogger("customhouse.mirror")

PROVENANCE_JOB = "look-at-provenance"
MOST_METADATA_BYTES = 5 * 2**20
ENSURE_SECONDS = 3600.0
METADATA_PACE = Pace(in_all_seconds=60.0)
METADATA_SECONDS = 120.0
"""So long somebody waits for the metadata that another one is fetching."""
MOST_FLIGHTS = 200
"""So many files may be on their way in one process: each takes a thread and a descriptor, even while it waits."""


@dataclass(frozen=True)
class Objects:
    """Who fetches, keeps and finds the files of upstreams."""

    deeds: Deeds
    blobs: Blobs
    streams: Leading
    examine: Examine
    folder: Path
    """Where files on their way lie: the same for all processes of a machine."""
    spool: Path
    indexes: Mapping[str, UpstreamIndex]
    most_bytes: int
    """Of one file."""
    offline: bool = False
    pace: Pace = field(default_factory=Pace)
    slots: Slots = field(default_factory=Slots)
    readers: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(1))
    """How many files are examined at once, so that uploads find a free reader."""
    refused_seconds: float = REFUSED_SECONDS
    metadata_seconds: float = METADATA_SECONDS
    most_flights: int = MOST_FLIGHTS
    _flights: dict[str, Flight] = field(default_factory=dict)
    _metadata: dict[str, Future[tuple[str, int]]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def open(self, file: MirroredFile, project: MirroredProject, judge: Judge | None = None) -> Fetching:
        """The file for one client. With a ``judge`` its end is only given out if he agrees with what is found in it.

        Raises `Refused` for a name whose digest upstream has changed, or that is known to be lying.
        """
        row = self.find(file, project)
        digest = self._expected(file, project, row)
        if row is not None and row.stored:
            if judge is not None:
                refusal = judge(row.inspected or self._examine(row))
                if refusal is not None:
                    raise refusal
            self.use(row)
            place = self.blobs.locate(Digest(row.digest))
            if place is not None:
                return Fetching(file.filename, digest=row.digest, size_bytes=row.size_bytes, place=place)
            log.warning("%s has a row and is not in the store: it is fetched again", file.filename)
        return Fetching(
            file.filename,
            digest=digest,
            size_bytes=file.size_bytes if row is None or not row.digest else row.size_bytes,
            start=lambda: self._join(file, project, row),
            locate=lambda: self._place(file, project),
            judge=judge,
        )

    def ensure(self, file: MirroredFile, project: MirroredProject) -> Inspected:
        """Have the whole file here, and know what is in it. Blocks until then; raises as `open` does."""
        row = self.find(file, project)
        self._expected(file, project, row)
        if row is not None and row.stored and self.blobs.locate(Digest(row.digest)) is not None:
            return row.inspected or self._examine(row)
        flight = self._join(file, project, row)
        try:
            if not flight.wait(lambda: flight.inspected is not None or flight.error is not None, ENSURE_SECONDS):
                row = self.find(file, project)
                if row is None or not row.stored:
                    raise flight.error or Unavailable("The upstream's file", "it could not be fetched")
                return row.inspected or self._examine(row)
            if flight.inspected is not None:
                return flight.inspected
            raise flight.error or Unavailable("The upstream's file", "it could not be fetched")
        finally:
            flight.leave()

    def metadata(self, file: MirroredFile, project: MirroredProject) -> tuple[str, int]:
        """Digest and size of the file's metadata, which lies in the store then (PEP 658).

        Upstream's own if it has it, else out of the wheel by range requests, else out of the whole wheel. Whatever it
        was, the wheel is compared with it when it comes. Raises `Refused` (404) for a file that has none to serve.
        """
        row = self.find(file, project)
        self._expected(file, project, row)
        if row is not None and row.metadata_digest:
            return row.metadata_digest, row.metadata_size_bytes
        key = key_of(project.upstream, file.filename)
        with self._guard:
            running = self._metadata.get(key)
            mine: Future[tuple[str, int]] | None = None
            if running is None:
                running = mine = self._metadata[key] = Future()
        if mine is None:
            try:
                return running.result(self.metadata_seconds)
            except NotYet as error:
                raise Unavailable(project.upstream, f"the metadata of {file.filename} takes long to come") from error
        try:
            found = self._find_metadata(file, project, row)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(found)
            return found
        finally:
            with self._guard:
                del self._metadata[key]

    def find(self, file: MirroredFile, project: MirroredProject) -> Kept | None:
        """What is known of the file."""
        with self.deeds.database.read() as sql:
            return find_kept(sql, project.upstream, file.filename)

    def use(self, row: Kept) -> None:
        """Note that somebody is given the file; a write at most once a day."""
        now = self.deeds.clock.now()
        if row.used_at is None or now - row.used_at >= USED_EVERY:
            with self.deeds.database.write() as sql:
                note_used(sql, row.upstream, row.filename, now)

    def examine_row(self, row: Kept) -> Kept:
        """Look into a stored file that nobody has looked into. Doing it again writes the same."""
        from customhouse.infra.blob_files import local_file  # noqa: PLC0415 - urllib, for who has files elsewhere

        with self.readers, local_file(self.blobs, Digest(row.digest), self.spool) as path:
            return examine_kept(self.deeds, self.blobs, self.examine, self.spool, row, path)

    def close(self) -> None:
        """Let go of all connections."""
        self.streams.close()

    # --- one file

    def _expected(self, file: MirroredFile, project: MirroredProject, row: Kept | None) -> str:
        """The digest that the file must have; empty if nobody has ever said or seen one."""
        if row is None or not row.digest:
            return file.sha256
        if file.sha256 and not hmac.compare_digest(row.digest, file.sha256):
            raise Refused(
                "file-swapped",
                f"{project.upstream} lists {file.filename} with other bytes (SHA-256 {file.sha256}) than it gave "
                f"before ({row.digest}). A file name has one digest for ever.",
                "Choose another version, and tell the operator of this index.",
            )
        return row.digest

    def _place(self, file: MirroredFile, project: MirroredProject) -> Path | str | None:
        row = self.find(file, project)
        return self.blobs.locate(Digest(row.digest)) if row is not None and row.stored else None

    def _join(self, file: MirroredFile, project: MirroredProject, row: Kept | None) -> Flight:
        """The flight of this file, begun if there is none; the caller leaves it."""
        digest = self._expected(file, project, row)
        key = key_of(project.upstream, file.filename, digest, file.url)
        while True:
            with self._guard:
                flight = self._flights.get(key)
                if flight is None:
                    if self.offline:
                        raise Unavailable(project.upstream, "this index works offline, and the file is not here",
                                          retry_after_seconds=60)  # fmt: skip
                    if len(self._flights) >= self.most_flights:
                        raise Unavailable(project.upstream, "too many files are on their way already")
                    flight = self._flights[key] = self._flight(key, file, project, row, digest)
            if flight.join():
                return flight
            with self._guard:
                if self._flights.get(key) is flight:
                    del self._flights[key]

    def _flight(self, key: str, file: MirroredFile, project: MirroredProject, row: Kept | None, digest: str) -> Flight:
        wanted = Wanted(
            file.filename, file.url, digest,
            row.size_bytes if row is not None and row.digest else file.size_bytes,
            file.other_digests, self.most_bytes, self._headers(file, project),
        )  # fmt: skip
        blank = Kept(project.upstream, file.filename, project.name, file.version)

        def slot(seconds: float, wished: Callable[[], bool]) -> AbstractContextManager[bool]:
            return self.slots.take(project.upstream, seconds, wished)

        def kept() -> Kept | None:
            found = self.find(file, project)
            return found if found is not None and found.stored and (not digest or found.digest == digest) else None

        rows: list[Kept] = []
        readings: list[Future[Examination]] = []

        def keep(path: Path, received: Received) -> None:
            # It is read while it is made durable: some clients wait for both.
            readings.append(self._begin_reading(path, file.filename))
            rows.append(self._keep(blank, path, received, attested=bool(file.provenance_url)))

        def examine(path: Path, _received: Received) -> Inspected | None:
            return self._look_into(rows[-1], path, readings[-1])

        ground = Ground(
            partial(self.streams.of, project.upstream), self.pace, slot, kept, keep, examine,
            refused_seconds=self.refused_seconds,
        )  # fmt: skip
        return Flight(wanted, Partial(self.folder, key), ground, lambda flight: self._landed(key, flight))

    def _landed(self, key: str, flight: Flight) -> None:
        with self._guard:
            if self._flights.get(key) is flight:
                del self._flights[key]

    def _headers(self, file: MirroredFile, project: MirroredProject) -> dict[str, str]:
        index = self.indexes.get(project.upstream)
        return dict(index.headers_for(Target.parse(file.url))) if index is not None else {}

    def _keep(self, blank: Kept, path: Path, received: Received, *, attested: bool) -> Kept:
        """Object before row. The row's digest, once there, is compared and never changed.

        If something is said to be attested of the file, the worker looks at it.
        """
        row = Kept(
            blank.upstream, blank.filename, blank.project, blank.version, received.sha256, received.size_bytes,
            stored=True, pinned_by=received.pinned_by,
        )  # fmt: skip

        def deed(marks: Seen, tx: Tx) -> Kept:
            tx.serialize()
            before = find_kept(tx.sql, row.upstream, row.filename)
            if before is not None and before.digest and before.digest != row.digest:
                raise Refused(
                    "file-swapped", f"{row.filename} of {row.upstream} has other bytes than it had before.",
                    "Choose another version, and tell the operator of this index.",
                )  # fmt: skip
            written = note_whole(tx.sql, row, tx.now())
            if attested:
                tx.later(PROVENANCE_JOB, {"project": row.project, "filename": row.filename})
            check_unchanged(tx.sql, marks)
            return written

        return put_and_do(self.deeds, self.blobs, {row.digest: path}, deed)

    def _begin_reading(self, path: Path, filename: str) -> Future[Examination]:
        """Have a reader look into a file, in a thread of its own."""
        reading: Future[Examination] = Future()

        def read() -> None:
            try:
                with self.readers:
                    reading.set_result(self.examine(path, filename))
            except BaseException as fault:  # noqa: BLE001 - whoever waits for it is told
                reading.set_exception(fault)

        threading.Thread(target=read, name="mirror-examine", daemon=True).start()
        return reading

    def _look_into(self, row: Kept, path: Path, reading: Future[Examination]) -> Inspected | None:
        """What is in the file; if that cannot be found out now, the worker tries again."""
        try:
            return examine_kept(
                self.deeds, self.blobs, lambda _path, _name: reading.result(), self.spool, row, path
            ).inspected
        except (CustomhouseError, OSError):
            log.exception("%s of %s was not examined", row.filename, row.upstream)
            return None

    def _examine(self, row: Kept) -> Inspected:
        found = self.examine_row(row).inspected
        if found is None:
            raise Unavailable("The reader of archives", f"it has not read {row.filename}")
        return found

    # --- metadata

    def _find_metadata(self, file: MirroredFile, project: MirroredProject, row: Kept | None) -> tuple[str, int]:
        if row is not None and row.stored:
            return self._from_whole(file, project)
        if self.offline:
            raise Unavailable(project.upstream, "this index works offline, and the metadata is not here",
                              retry_after_seconds=60)  # fmt: skip
        content, source = self._beside(file, project), "upstream"
        if content is None and file.filename.endswith(".whl"):
            content, source = self._by_ranges(file, project), "range"
        if content is None:
            return self._from_whole(file, project)
        return self._keep_metadata(file, project, content, source)

    def _beside(self, file: MirroredFile, project: MirroredProject) -> bytes | None:
        """What upstream serves beside the file; None if it serves nothing, or not what it has announced."""
        if not file.has_metadata and not file.metadata_sha256:
            return None
        target = _metadata_target(file.url)
        if target is None:
            return None
        with self.slots.take(project.upstream, METADATA_PACE.in_all_seconds, lambda: True) as free:
            if not free:
                raise Unavailable(project.upstream, "too many of its files are being fetched")
            answer = self.streams.of(project.upstream).fetch(
                Order(target, headers={"Accept": "*/*", **self._headers(file, project)}),
                follow=3, pace=METADATA_PACE, limit_bytes=MOST_METADATA_BYTES,
            )  # fmt: skip
        if answer.status != 200 or answer.headers.get("content-encoding", "identity").lower() != "identity":  # noqa: PLR2004 - OK
            log.warning("%s says that it has the metadata of %s, and does not", project.upstream, file.filename)
            return None
        found = hashlib.sha256(answer.body).hexdigest()
        if file.metadata_sha256 and not hmac.compare_digest(found, file.metadata_sha256):
            log.warning("the metadata of %s at %s is not what was announced", file.filename, project.upstream)
            return None
        return answer.body

    def _by_ranges(self, file: MirroredFile, project: MirroredProject) -> bytes | None:
        """Out of the wheel, a few requests; None if upstream or the archive does not allow it."""
        remote = RemoteFile(self.streams.of(project.upstream), file.url, self._headers(file, project), METADATA_PACE)
        with self.slots.take(project.upstream, METADATA_PACE.in_all_seconds, lambda: True) as free:
            if not free:
                raise Unavailable(project.upstream, "too many of its files are being fetched")
            try:
                size_bytes = file.size_bytes if file.size_bytes is not None else remote.find_size()
                return remote_metadata(remote.read, size_bytes)
            except (NoRanges, Rejected) as fault:
                log.info("the metadata of %s is not read by ranges: %s", file.filename, str(fault) or "no ranges")
                return None

    def _from_whole(self, file: MirroredFile, project: MirroredProject) -> tuple[str, int]:
        found = self.ensure(file, project)
        if not found.metadata_digest:
            raise Refused("no-metadata", f"{file.filename} has no metadata that can be served.",
                          found.refusal or "Fetch the file itself.", status=404)  # fmt: skip
        return found.metadata_digest, found.metadata_size_bytes

    def _keep_metadata(
        self, file: MirroredFile, project: MirroredProject, content: bytes, source: str
    ) -> tuple[str, int]:
        spooled = spool_bytes(self.spool, content, file.filename)
        if file.metadata_sha256 and not hmac.compare_digest(spooled.sha256, file.metadata_sha256):
            spooled.path.unlink(missing_ok=True)
            raise Refused("upstream-wrong-bytes", f"The metadata of {file.filename} at {project.upstream} is not what "
                          "it announces.", "Choose another version.", status=502)  # fmt: skip
        row = Kept(
            project.upstream, file.filename, project.name, file.version, metadata_digest=spooled.sha256,
            metadata_size_bytes=len(content), metadata_from=source,
        )  # fmt: skip

        def deed(marks: Seen, tx: Tx) -> Kept:
            tx.serialize()
            note_metadata(tx.sql, row, tx.now())
            check_unchanged(tx.sql, marks)
            return find_kept(tx.sql, row.upstream, row.filename) or row

        try:
            written = put_and_do(self.deeds, self.blobs, {spooled.sha256: spooled.path}, deed)
        finally:
            spooled.path.unlink(missing_ok=True)
        return written.metadata_digest, written.metadata_size_bytes


def _metadata_target(url: str) -> Target | None:
    """Where the metadata beside a file is (PEP 658): the same address with ``.metadata`` behind the path."""
    path, question, query = url.partition("?")
    try:
        return Target.parse(f"{path}.metadata{question}{query}")
    except Rejected:
        return None
