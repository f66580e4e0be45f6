"""What is found in a file of an upstream when all of it is here: by the same strict reader that uploads meet.

Nothing is refused here: what was found is written down, and policies decide.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from customhouse.formats.bundled.model import BundledScan
from customhouse.formats.examination import Examination
from customhouse.formats.metadata import CoreMetadata
from customhouse.infra.blobs import Blobs
from customhouse.infra.spool import spool_bytes
from customhouse.infra.sweep_marks import Seen, check_unchanged
from customhouse.ledger.storing import put_and_do
from customhouse.ledger.tx import Deeds, Tx
from customhouse.mirror.object_events import UpstreamFileLied, UpstreamFileTaken
from customhouse.mirror.object_rows import Kept, find_kept, note_examined
from customhouse.terms.errors import Rejected
from customhouse.terms.identity import SYSTEM

log = logging.getLogger("customhouse.mirror")

METADATA_DIFFERS = "metadata-differs"

Examine = Callable[[Path, str], Examination]
"""Reads a file in a process that can be killed; raises `Rejected`."""


@dataclass(frozen=True, slots=True)
class _Found:
    row: Kept
    scan: BundledScan


def examine_kept(deeds: Deeds, blobs: Blobs, examine: Examine, spool: Path, row: Kept, path: Path) -> Kept:
    """Read a whole, checked file at ``path`` and write down what was found; doing it again writes the same.

    Its metadata becomes an object of its own. If other metadata was served beside it before, the file is refused as
    lying, and operators hear of it.
    """
    try:
        seen = examine(path, row.filename)
    except Rejected as fault:
        log.info("%s of %s is refused by the strict reader: %s", row.filename, row.upstream, fault)
        found = _Found(replace(row, refusal=str(fault), refusal_code=fault.code), BundledScan())
        return deeds.do(_write, found)
    return _keep(deeds, blobs, spool, _judged(row, seen), seen)


def _judged(row: Kept, seen: Examination) -> Kept:
    """The row with what the reader has found."""
    row = replace(
        row,
        refusal="",
        refusal_code="",
        signals=tuple(asdict(one) for one in seen.signals),
        requires=tuple(seen.metadata.requires_dist),
        licence=licence_of(seen.metadata),
    )
    if not seen.metadata_served:
        return row
    text = seen.metadata_text.encode()
    digest = hashlib.sha256(text).hexdigest()
    if row.metadata_digest and row.metadata_digest != digest:
        why = f"METADATA: is not what was served beside it (sha256 {row.metadata_digest}), but {digest}"
        return replace(row, refusal=why, refusal_code=METADATA_DIFFERS)
    return replace(
        row, metadata_digest=digest, metadata_size_bytes=len(text), metadata_from=row.metadata_from or "file"
    )


def licence_of(metadata: CoreMetadata) -> str:
    """The SPDX expression; the old field and the classifiers are words that nobody can compare."""
    return metadata.license_expression


def _keep(deeds: Deeds, blobs: Blobs, spool: Path, row: Kept, seen: Examination) -> Kept:
    found = _Found(row, seen.bundled)
    if not seen.metadata_served or row.refusal_code == METADATA_DIFFERS:
        return deeds.do(_write, found)
    spooled = spool_bytes(spool, seen.metadata_text.encode(), row.filename)
    try:

        def deed(marks: Seen, tx: Tx) -> Kept:
            written = _write(found, tx)
            check_unchanged(tx.sql, marks)
            return written

        return put_and_do(deeds, blobs, {spooled.sha256: spooled.path}, deed)
    finally:
        spooled.path.unlink(missing_ok=True)


def _write(found: _Found, tx: Tx) -> Kept:
    tx.serialize()
    row = found.row
    before = find_kept(tx.sql, row.upstream, row.filename)
    told = before is not None and before.refusal_code == METADATA_DIFFERS
    if row.refusal_code == METADATA_DIFFERS and not told:
        tx.record(UpstreamFileLied(SYSTEM, row.project, row.upstream, row.filename, row.refusal))
    if before is None or before.examined_at is None or before.refusal_code != row.refusal_code:
        tx.record(UpstreamFileTaken(SYSTEM, row.project, row.upstream, row.filename, row.digest, row.refusal_code))
        # Policies may see the file otherwise now.
        tx.void_names([row.project])
    return note_examined(tx.sql, row, found.scan, tx.now())
