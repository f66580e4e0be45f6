"""One file on its way into a session: whatever the session has of it already is used, and the rest is sent."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Literal

from customhouse.client import mechanisms
from customhouse.client.dists import Dist, Release
from customhouse.client.mechanisms import PARTS, choose
from customhouse.client.news import FileState, Moved, State, Tell
from customhouse.client.problem import Declined
from customhouse.client.session import FileSession, Session
from customhouse.client.simple_page import published_digest
from customhouse.client.upload_2 import CONFLICT, NOT_FOUND, Upload2
from customhouse.terms.errors import CustomhouseError, Rejected, Unavailable

PART_BYTES = 8 * 2**20
"""A file that is no longer than this gains nothing by being sent in parts."""
UNKNOWN_MECHANISM = 422
LONGEST_PROCESSING_SECONDS = 3600.0
Ending = Literal["staged", "published", "already published", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file."""

    dist: Dist
    state: Ending
    error: CustomhouseError | None = None


@dataclass(frozen=True)
class Sending:
    """Sends the files of one session."""

    door: Upload2
    release: Release
    session: Session
    attestations: Mapping[str, str]
    """JSON lists (PEP 740) by file name."""
    lanes: Executor
    """Where parts are sent."""
    tell: Tell
    refused: set[str] = field(default_factory=set)
    """Names of files that the index would not take beside others (PEP 694 lets it refuse uploads in parallel)."""

    def send(self, dist: Dist) -> Outcome:
        """Send one file; every error is kept beside it, so that the others go on."""
        try:
            ending = self._send(dist)
        except Declined as declined:
            if declined.status == CONFLICT and dist.filename not in self.refused:
                self.refused.add(dist.filename)
                return Outcome(dist, "failed", declined)
            return self._failed(dist, declined)
        except CustomhouseError as error:
            return self._failed(dist, error)
        self.tell(FileState(dist.filename, ending))
        return Outcome(dist, ending)

    def _failed(self, dist: Dist, error: CustomhouseError) -> Outcome:
        self.tell(FileState(dist.filename, "failed", str(error)))
        return Outcome(dist, "failed", error)

    def _send(self, dist: Dist) -> Ending:
        there = self._there(dist)
        if there is not None and there.status == "completed":
            self.tell(Moved(dist.filename, dist.size_bytes, dist.size_bytes))
            return "staged"
        file = there
        if file is None or file.status == "pending":
            if file is None:
                try:
                    file = self._announce(dist)
                except Declined as declined:
                    if declined.status == CONFLICT and self._is_published(dist):
                        return "already published"
                    raise
            self._say(dist, "sending")
            self._bytes(dist, file)
            if dist.filename in self.attestations:
                self.door.attest(file, self.attestations[dist.filename])
            file = self.door.complete(file)
        file = self._processed(dist, file)
        if file.status != "completed":
            raise Rejected(
                "not-taken", dist.filename, " ".join(file.notices) or f"the index says {file.status!r} of it",
                "the file with this mended; send it again by the same command",
            )  # fmt: skip
        return "staged"

    def _there(self, dist: Dist) -> FileSession | None:
        """What the session has of this very file; anything else under its name is taken out first."""
        entry = self.session.files.get(dist.filename)
        if entry is None:
            return None
        try:
            file = self.door.file(entry.link)
        except Declined as declined:
            if declined.status == NOT_FOUND:
                return None
            raise
        if file.status == "processing":
            file = self._processed(dist, file)
        same = file.sha256 == dist.sha256
        # Sending it once more for its attestations would take away every approval that it has.
        if file.status == "completed" and same and (file.attested or dist.filename not in self.attestations):
            return file
        if file.status == "pending" and same and file.mechanism == PARTS:
            return file
        if file.status != "canceled":
            self.door.delete(file.url)
        return None

    def _announce(self, dist: Dist) -> FileSession:
        wanted = choose(self.session.mechanisms, dist.size_bytes, PART_BYTES)
        try:
            return self.door.announce(self.session, dist, wanted)
        except Declined as declined:
            if declined.status == UNKNOWN_MECHANISM and wanted != mechanisms.POST_BYTES:
                return self.door.announce(self.session, dist, mechanisms.POST_BYTES)
            if declined.status == CONFLICT and self.door.wire.lost_answers:
                # The file may have been announced by an attempt whose answer got lost.
                entry = self.door.session(self.session.url).files.get(dist.filename)
                if entry is not None and entry.status == "pending":
                    return self.door.file(entry.link)
            raise

    def _bytes(self, dist: Dist, file: FileSession) -> None:
        def sent(size_bytes: int) -> None:
            self.tell(Moved(dist.filename, size_bytes, dist.size_bytes))

        if file.mechanism == PARTS:
            mechanisms.send_parts(self.door.wire, file, dist, sent, self.lanes)
        elif file.mechanism == mechanisms.POST_BYTES:
            mechanisms.post_bytes(self.door.wire, file, dist, sent)
        else:
            raise Unavailable(
                self.door.wire.index.host, f"it wants files in a way that we do not know: {file.mechanism[:60]!r}"
            )

    def _processed(self, dist: Dist, file: FileSession) -> FileSession:
        """Ask until the index has made up its mind about a file, as often as it wants to be asked."""
        waited = 0.0
        if file.status == "processing":
            self._say(dist, "checking")
        while file.status == "processing":
            if waited > LONGEST_PROCESSING_SECONDS:
                raise Unavailable(self.door.wire.index.host, f"it still checks {dist.filename} after an hour")
            self.door.wire.patience.pause(file.poll_seconds)
            waited += file.poll_seconds
            file = self.door.file(file.url)
        return file

    def _is_published(self, dist: Dist) -> bool:
        """Whether the index shows this very file already."""
        return published_digest(self.door.wire, self.release.normalized, dist.filename) == dist.sha256

    def _say(self, dist: Dist, state: State) -> None:
        self.tell(FileState(dist.filename, state))
