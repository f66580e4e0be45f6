"""Joining the parts of a file. They must lie side by side, from the first byte to the last. Pure, but for `joined`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from customhouse.catalog.staged import Part
from customhouse.infra.blob_files import local_file
from customhouse.infra.blobs import Blobs
from customhouse.infra.spool import Spooled, SpoolWriter
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Rejected

_READ_BYTES = 2**20
_SHOWN = 3


def check_parts(parts: Sequence[Part], size_bytes: int) -> None:
    """Raise `Rejected` saying what is missing, or what is there twice. ``parts`` are ordered by their offset."""
    reached, faults = 0, []
    for part in parts:
        if part.offset != reached:
            what = "are missing" if part.offset > reached else "are there twice"
            faults.append(f"bytes {min(reached, part.offset)} to {max(reached, part.offset)} {what}")
        reached = max(reached, part.offset + part.size_bytes)
    if reached != size_bytes:
        faults.append(f"bytes {reached} to {size_bytes} are missing")
    if faults:
        shown = "; ".join(faults[:_SHOWN])
        raise Rejected("parts-missing", "parts", shown, "parts that lie side by side and make up the whole file")


@contextmanager
def joined(blobs: Blobs, parts: Sequence[Part], spool: Path, filename: str) -> Iterator[Spooled]:
    """The whole file in the spool, where it is removed at the end."""
    writer = SpoolWriter(spool)
    try:
        for part in parts:
            with local_file(blobs, Digest(part.digest), spool) as path, path.open("rb") as body:
                while batch := body.read(_READ_BYTES):
                    writer.write(batch)
        yield writer.finish(filename)
    finally:
        writer.discard()
