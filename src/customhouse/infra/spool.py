"""The spool: where a body lies on local disk, hashed while it arrives, until it is stored or refused.

It stands in the data folder beside the local store, so that storing is a link and not a copy.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Spooled:
    """A body on local disk and what was computed while it was written; digests hexadecimal."""

    path: Path
    filename: str
    size_bytes: int
    md5: str
    sha256: str
    blake2b_256: str


class SpoolWriter:
    """Writes and hashes one body. Blocking: call it from a thread, with batches of about 1 MiB."""

    def __init__(self, folder: Path) -> None:
        descriptor, name = tempfile.mkstemp(prefix="body-", dir=folder)
        self.path = Path(name)
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._blake2b = hashlib.blake2b(digest_size=32)
        self.size_bytes = 0

    def write(self, batch: bytes | bytearray | memoryview) -> None:
        """Append a batch."""
        view = memoryview(batch)
        for digest in (self._md5, self._sha256, self._blake2b):
            digest.update(view)
        while view:
            view = view[self._file.write(view) :]
        self.size_bytes += len(batch)

    def finish(self, filename: str) -> Spooled:
        """Close the file and say what is in it."""
        self._file.close()
        return Spooled(
            self.path,
            filename,
            self.size_bytes,
            self._md5.hexdigest(),
            self._sha256.hexdigest(),
            self._blake2b.hexdigest(),
        )

    def discard(self) -> None:
        """Leave nothing behind; harmless after `finish` and when the file has gone."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def spool_bytes(folder: Path, body: bytes, filename: str) -> Spooled:
    """Put bytes that we have in memory into the spool."""
    writer = SpoolWriter(folder)
    try:
        writer.write(body)
    except BaseException:
        writer.discard()
        raise
    return writer.finish(filename)


def open_spool(data: Path) -> Path:
    """The spool of a data folder, made if need be."""
    folder = data / "spool"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def empty_spool(data: Path) -> int:
    """Remove what a killed server left behind; only for the holder of the data folder's lock. Returns how many."""
    left = [path for path in open_spool(data).iterdir() if path.name.startswith("body-")]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)
