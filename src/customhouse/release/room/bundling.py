"""The bundle of a run that has released something: made here once, out of the journal and the files of the run.

What a run's places name is opened by machines, never by the server: its trust root is one of those that this index
believes itself, the one that the signing step has noted by its digest. If it is none of them, the bundle holds none,
and whoever verifies brings his.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from customhouse.catalog.release_objects import add_object, object_of
from customhouse.infra import sweep_marks
from customhouse.infra.blob_files import local_file
from customhouse.infra.blobs import Blobs
from customhouse.infra.db import Database
from customhouse.infra.spool import Spooled, spool_bytes
from customhouse.ledger.tx import Tx
from customhouse.release.actions import Problem
from customhouse.release.evidence.archive import MOST_BYTES
from customhouse.release.evidence.collect import bundle_of, shown_by
from customhouse.release.evidence.growth import MOST_EARLIER, no_proof
from customhouse.release.room.journal import lines_after
from customhouse.release.room.runs import find_run, released_before
from customhouse.release.room.tables import release_run
from customhouse.release.state import State
from customhouse.release.things import Thing
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Broken, Refused, Rejected
from customhouse.trust.private_sigstore.logbook import Logbook
from customhouse.trust.private_sigstore.note import SignedCheckpoint
from customhouse.trust.private_sigstore.tree import ENTRIES
from customhouse.trust.roots import Root

MADE_BY = "the server"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that lies in the store, to be named in its run."""

    run: str
    spooled: Spooled


def make_bundle(
    database: Database, blobs: Blobs, spool: Path, roots: Sequence[Root], run_id: str, book: Logbook | None = None
) -> Spooled:  # fmt: skip
    """Put it together on the local disk. Raises `Broken` for a run of which none can be made.

    ``book`` is our own log: from it the bundle shows how the log has grown since the releases before.
    """
    with database.read() as sql:
        run = find_run(sql, run_id)
        lines = lines_after(sql, run.id)
        before = released_before(sql, run, MOST_EARLIER) if book is not None else []
    earlier = [note for one in before for note in _shown_by(database, blobs, spool, one)]
    try:
        name, data = bundle_of(
            lines, _files(database, blobs, spool, run_id), lambda state: _root(state, roots), earlier=earlier,
            prove=no_proof if book is None else partial(_between, book),
            tell=lambda fault: log.error("the bundle of the release run %s: %s", run_id, fault),
        )  # fmt: skip
    except Problem as problem:
        raise Broken(f"No bundle of the release run {run_id}: {problem}") from problem
    return spool_bytes(spool, data, name)


def note_bundle(command: Bundle, seen: sweep_marks.Seen, tx: Tx) -> None:
    """Name it in its run. One that is named there stays."""
    run = find_run(tx.sql, command.run, lock=True)
    if run.bundle is None:
        digest = command.spooled.sha256
        add_object(tx.sql, run.id, digest, command.spooled.size_bytes, MADE_BY, tx.now())
        tx.sql.execute(release_run.update().where(release_run.c.id == run.id).values(bundle=digest))
    tx.serialize()
    sweep_marks.check_unchanged(tx.sql, seen)


def _shown_by(database: Database, blobs: Blobs, spool: Path, run_id: str) -> list[SignedCheckpoint]:
    """What the bundle of an earlier run has shown of logs; nothing where it cannot be read any more."""
    with database.read() as sql:
        lines = lines_after(sql, run_id)
    try:
        return shown_by(lines, _files(database, blobs, spool, run_id))
    except (Problem, Rejected, Refused, Broken) as error:
        log.warning("what the release run %s has shown of the log is not known: %s", run_id, error)
        return []


def _between(book: Logbook, origin: str, old: int, new: int) -> list[bytes] | None:
    """The hashes between two sizes of our own log."""
    if origin != book.origin(ENTRIES):
        return None
    try:
        return book.consistency(ENTRIES, old, new)[2]
    except Refused as refusal:
        log.warning("no proof of the log's growth: %s", refusal)
        return None


def _files(database: Database, blobs: Blobs, spool: Path, run_id: str) -> Callable[[Thing], bytes]:
    """The run's files by digest, together no more than a bundle may have: what is larger is never read."""
    left = MOST_BYTES

    def body(thing: Thing) -> bytes:
        nonlocal left
        with database.read() as sql:
            size = object_of(sql, run_id, thing.digest)
        if size is None:
            raise Problem("file-missing", "the run does not have the file", f"SHA-256 {thing.digest}", place=thing.name)
        left -= size
        if left < 0:
            raise Problem("bundle-too-large", "its files are too large", f"at most {MOST_BYTES:,} bytes in all")
        with local_file(blobs, Digest(thing.digest), spool) as path:
            found = path.read_bytes()
        if hashlib.sha256(found).hexdigest() != thing.digest:
            raise Broken(f"The store holds other bytes under the name {thing.digest}")
        return found

    return body


def _root(state: State, roots: Sequence[Root]) -> bytes:
    """The root of ours that the signing step has used, spelled as it was then."""
    noted = {one.facts.get("trust_root_sha256", "") for one in state.steps.values()} - {""}
    for root in roots:
        text = json.dumps(json.loads(root.text), sort_keys=True, separators=(",", ":")).encode()
        if hashlib.sha256(text).hexdigest() in noted:
            return text
    return b""
