"""The requests of Upload 2.0 (PEP 694), one function for each, repeated safely."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from customhouse.client.dists import Dist
from customhouse.client.problem import Declined
from customhouse.client.session import (
    API_VERSION,
    MEDIA_TYPE,
    FileSession,
    Session,
    document,
    read_file_session,
    read_session,
)
from customhouse.client.wire import Answer, Wire
from customhouse.terms.errors import Unavailable

ACCEPTED, CONFLICT, NOT_FOUND = 202, 409, 404
_NO_SUCH_DOOR = frozenset({404, 405, 410, 501})
_HEADERS = {"Content-Type": MEDIA_TYPE, "Accept": f"{MEDIA_TYPE}, application/problem+json;q=0.9"}


class NoUpload2(Exception):
    """This index has no Upload 2.0 at that address."""


@dataclass(frozen=True)
class Upload2:
    """The upload door of one index."""

    wire: Wire

    def open(self, name: str, version: str) -> tuple[Session, bool]:
        """The session of a release, and whether we have joined one that was there before.

        Raises `NoUpload2` if nobody speaks Upload 2.0 there.
        """
        url = self.wire.index.upload
        try:
            answer = self._post(url, name=name, version=version)
        except Declined as declined:
            if declined.status == CONFLICT and (there := declined.headers.get("location")):
                return self.session(there), True
            if declined.status in _NO_SUCH_DOOR and not declined.speaks_2_0:
                raise NoUpload2 from declined
            raise
        return self._session(answer), False

    def session(self, url: str) -> Session:
        """A session as it is now."""
        return self._session(self.wire.ask("GET", url, headers=_HEADERS, what="session"))

    def extend(self, session: Session, seconds: int) -> Session:
        """Ask for more time; an index that gives none answers with the session as it is."""
        if session.extend is None:
            return session
        return self._session(self._post(session.extend, **{"extend-for": seconds}))

    def cancel(self, session: Session) -> None:
        """Throw a session away, with everything in it."""
        self.wire.ask("DELETE", session.url, headers=_HEADERS, what="session")

    def publish(self, session: Session, *, manifest: str = "") -> Session:
        """Ask for a session to be published; returns it as it is then: published, or still processing.

        ``manifest`` is the digest of its files (`formats.manifest`): Customhouse publishes nothing if the session holds
        others by then. Another index does not read it.
        """
        meta = {"api-version": API_VERSION, "_customhouse": {"manifest": manifest}}
        try:
            answer = self._post(session.publish, **({"meta": meta} if manifest else {}))
        except Declined:
            # An earlier attempt whose answer got lost has done it, or somebody else in the same session was quicker.
            if (now := self.session(session.url)).status in ("published", "processing"):
                return now
            raise
        return replace(session, status="processing" if answer.status == ACCEPTED else "published")

    def announce(self, session: Session, dist: Dist, mechanism: str) -> FileSession:
        """Begin to send a file by that mechanism."""
        answer = self._post(
            session.upload, filename=dist.filename, size=dist.size_bytes, hashes={"sha256": dist.sha256},
            mechanism=mechanism,
        )  # fmt: skip
        return self._file(answer)

    def file(self, url: str) -> FileSession:
        """A file as it is now."""
        return self._file(self.wire.ask("GET", url, headers=_HEADERS, what="file"))

    def complete(self, file: FileSession) -> FileSession:
        """Say that all bytes of a file are there; returns it as it is then."""
        try:
            answer = self._post(file.complete)
        except Declined:
            if self.wire.lost_answers and (now := self.file(file.url)).status in ("completed", "processing"):
                return now
            raise
        return replace(file, status="processing" if answer.status == ACCEPTED else "completed")

    def delete(self, url: str) -> None:
        """Take a file out of its session. That it is gone already is fine."""
        try:
            self.wire.ask("DELETE", url, headers=_HEADERS, what="file")
        except Declined as declined:
            if declined.status != NOT_FOUND:
                raise

    def attest(self, file: FileSession, attestations: str) -> None:
        """Send a file's attestations (a JSON list, PEP 740), before it is complete."""
        where = file.details.get("attestations_url")
        if where is None:
            raise Unavailable(self.wire.index.host, "it takes no attestations", retry_after_seconds=0)
        headers = {"Content-Type": "application/json", "Accept": "application/problem+json"}
        self.wire.ask("POST", where, headers=headers, body=attestations.encode(), what="place for attestations")

    def _post(self, url: str, **members: object) -> Answer:
        body = json.dumps(document(**members)).encode()
        return self.wire.ask("POST", url, headers=_HEADERS, body=body, what="upload address")

    def _session(self, answer: Answer) -> Session:
        return read_session(self._json(answer), answer.headers, self.wire.index)

    def _file(self, answer: Answer) -> FileSession:
        return read_file_session(self._json(answer), answer.headers, self.wire.index)

    def _json(self, answer: Answer) -> Mapping[str, object]:
        return answer.json(self.wire.index.host)
