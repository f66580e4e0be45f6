"""What is attested of files of upstreams: fetched when somebody asks, verified here, kept, and served again.

What upstream calls verified counts for nothing: signature, certificate, log and digest are verified against our own
roots of trust. What does not hold is kept as failed, with the reason, and never served.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.formats.provenance import INTEGRITY, provenance_object
from customhouse.infra.db import put_rows
from customhouse.infra.fetch import Order
from customhouse.infra.stream import Pace
from customhouse.infra.targets import Target
from customhouse.ledger.tx import Deeds, Tx
from customhouse.mirror.leading import Leading
from customhouse.mirror.model import MirroredFile, MirroredProject
from customhouse.mirror.object_rows import find_kept
from customhouse.mirror.object_tables import mirrored_attestation
from customhouse.mirror.upstream import UpstreamIndex
from customhouse.terms.errors import Refused, Rejected, Unavailable
from customhouse.terms.identity import SYSTEM
from customhouse.trust.attestations import to_json
from customhouse.trust.roots import Root
from customhouse.trust.verify import Verified, verify_attestations
from customhouse.views.provenance.events import UpstreamAttestationSeen
from customhouse.views.provenance.read import read_provenance

log = logging.getLogger("customhouse.mirror")

MOST_BYTES = 2 * 2**20
PACE = Pace(in_all_seconds=60.0)
AGAIN_AFTER = timedelta(hours=1)
"""What nobody could find out, or did not hold, is looked at again after this; an upstream may have mended it."""

Outcome = Literal["verified", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a look at a file's attestations."""

    outcome: Outcome
    why: str = ""
    publishers: Sequence[Mapping[str, Any]] = ()
    """Of each attestation that holds: publisher, predicate_type, summary, trust_root, signed_at."""
    body: str = ""
    """The provenance object of those, as JSON."""


@dataclass(frozen=True)
class Provenances:
    """Who looks at the attestations of files of upstreams. Call it from threads: it fetches and verifies."""

    deeds: Deeds
    streams: Leading
    indexes: Mapping[str, UpstreamIndex]
    roots: Sequence[Root]
    offline: bool = False
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)

    def see(self, file: MirroredFile, project: MirroredProject) -> Seen | None:
        """What is attested of a file, as it was found once and for all, or now; None if upstream names nothing.

        Never raises for what upstream does: what could not be found out is ``unknown``, and is looked at again.
        """
        if not file.provenance_url:
            return None
        with self._guard:
            lock = self._locks.setdefault(file.filename, threading.Lock())
        with lock:
            try:
                return self._known(file, project) or self._look(file, project)
            finally:
                with self._guard:
                    self._locks.pop(file.filename, None)

    def provenance(self, file: MirroredFile, project: MirroredProject) -> bytes:
        """The provenance object to serve (PEP 740): only what was verified here.

        Raises `Refused` (404) if there is nothing that holds, `Unavailable` if it cannot be found out now.
        """
        seen = self.see(file, project)
        if seen is not None and seen.outcome == "unknown":
            raise Unavailable(project.upstream, f"the attestations of {file.filename} cannot be looked at: {seen.why}")
        if seen is None or not seen.body:
            why = f" What its upstream serves does not hold: {seen.why}" if seen is not None else ""
            raise Refused("no-provenance", f"There is no provenance here of {file.filename}.{why}", status=404)
        return seen.body.encode()

    def _known(self, file: MirroredFile, project: MirroredProject) -> Seen | None:
        with self.deeds.database.read() as sql:
            row = _row(sql, project.upstream, file.filename)
        if row is None:
            return None
        old = self.deeds.clock.now() - row.checked_at > AGAIN_AFTER
        if row.outcome != "verified" and old and not self.offline:
            return None
        return Seen(row.outcome, row.why, row.publishers, row.body)

    def _look(self, file: MirroredFile, project: MirroredProject) -> Seen:
        digest = file.sha256 or self._digest_here(file, project)
        if not digest:
            return Seen("unknown", "nobody knows the file's digest before it was fetched")
        if self.offline:
            return Seen("unknown", "this index works offline")
        try:
            body = self._fetch(file, project)
        except (Unavailable, Refused, Rejected) as fault:
            seen = Seen("unknown", str(fault))
        else:
            seen = self._verified(body, file, digest)
        if seen.outcome != "verified":
            log.warning("the attestations of %s at %s: %s", file.filename, project.upstream, seen.why)
        self.deeds.do(_write, _Found(file, project, digest, seen))
        return seen

    def _digest_here(self, file: MirroredFile, project: MirroredProject) -> str:
        with self.deeds.database.read() as sql:
            row = find_kept(sql, project.upstream, file.filename)
        return row.digest if row is not None else ""

    def _fetch(self, file: MirroredFile, project: MirroredProject) -> bytes:
        target = Target.parse(file.provenance_url)
        index = self.indexes.get(project.upstream)
        headers = {"Accept": f"{INTEGRITY}, application/json;q=0.5", **(index.headers_for(target) if index else {})}
        streams = self.streams.of(project.upstream)
        answer = streams.fetch(Order(target, headers=headers), follow=2, pace=PACE, limit_bytes=MOST_BYTES)
        if answer.status != HTTPStatus.OK:
            raise Unavailable(target.origin, f"it answers {answer.status} for the provenance")
        return answer.body

    def _verified(self, body: bytes, file: MirroredFile, digest: str) -> Seen:
        try:
            bundles = read_provenance(body)
            found: list[Verified] = []
            for one in bundles:
                found += verify_attestations(
                    one.text, file.filename, digest, one.identity, self.roots, self.deeds.clock.now()
                )
        except Rejected as fault:
            return Seen("failed", str(fault)[:1000])
        publishers = [{key: text for key, text in one.items() if key != "body"} for one in to_json(found)]
        served = provenance_object((one.publisher, json.loads(one.body)) for one in found)
        return Seen("verified", "", publishers, json.dumps(served, separators=(",", ":")))


@dataclass(frozen=True, slots=True)
class _Found:
    file: MirroredFile
    project: MirroredProject
    digest: str
    seen: Seen


def _write(found: _Found, tx: Tx) -> None:
    """Keep what was found. What was verified stays verified, whatever upstream serves later."""
    tx.serialize()
    file, project, seen = found.file, found.project, found.seen
    before = _row(tx.sql, project.upstream, file.filename)
    if before is not None and before.outcome == "verified" and before.digest == found.digest:
        return
    put_rows(
        tx.sql, mirrored_attestation,
        [{
            "upstream": project.upstream, "filename": file.filename, "project": project.name, "digest": found.digest,
            "outcome": seen.outcome, "why": seen.why[:1000], "publishers": list(seen.publishers), "body": seen.body,
            "url": file.provenance_url, "checked_at": tx.now(),
        }],
    )  # fmt: skip
    if seen.outcome != "unknown" and (before is None or before.outcome != seen.outcome):
        event = UpstreamAttestationSeen(SYSTEM, project.name, project.upstream, file.filename, seen.outcome, seen.why)
        tx.record(event)
        # Policies may see the file otherwise now.
        tx.void_names([project.name])


def _row(sql: Connection, upstream: str, filename: str) -> Any:
    c = mirrored_attestation.c
    return sql.execute(
        sa.select(mirrored_attestation).where(c.upstream == upstream, c.filename == filename)
    ).one_or_none()
