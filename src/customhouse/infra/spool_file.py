"""Files to which a process appends lines, and from which a worker folds them into the database.

Each process writes files of its own, ``FOLDER/PID-RANDOM.ENDING``, and holds a lock (flock) on the one that it is
writing; the kernel lets go when it dies. So whoever gets the lock knows that nothing more will come.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger("customhouse.counts")

ROTATE_BYTES = 4 * 2**20
ROTATE_SECONDS = 3600.0
MOST_UNWRITTEN_BYTES = 16 * 2**20


class SpoolFile:
    """The file that this process writes, made when there is something to write."""

    def __init__(self, folder: Path, ending: str, what: str) -> None:
        """``what`` is written, in the plural, for the log."""
        self._folder = folder
        self._ending = ending
        self._what = what
        self._descriptor: int | None = None
        self._size_bytes = 0
        self._opened_at = 0.0
        self._unwritten = b""
        self._ends_in_line = False

    def append(self, lines: bytes) -> None:
        """Append lines; what a full disk does not take is tried again with the next ones."""
        if len(self._unwritten) < MOST_UNWRITTEN_BYTES:
            self._unwritten += lines
        elif lines:
            log.warning("%s are lost: %s cannot be written", self._what, self._folder)
        try:
            self._write()
        except OSError as error:
            log.warning("%s wait in memory: %s", self._what, error)

    def _write(self) -> None:
        if self._descriptor is not None and (
            self._size_bytes > ROTATE_BYTES or time.monotonic() - self._opened_at > ROTATE_SECONDS
        ):
            self._let_go()
        while self._unwritten:
            if self._descriptor is None:
                self._open()
                continue
            written = os.write(self._descriptor, self._unwritten)
            self._size_bytes += written
            self._ends_in_line = self._unwritten[written - 1 : written] != b"\n"
            self._unwritten = self._unwritten[written:]

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{os.getpid()}-{secrets.token_hex(8)}{self._ending}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink == 0:
            # The worker was quicker: it found an empty file that nobody held, and removed it.
            os.close(descriptor)
            return
        self._descriptor, self._size_bytes, self._opened_at = descriptor, 0, time.monotonic()

    def _let_go(self) -> None:
        """End this file, but never inside a line: its rest would begin the next one."""
        if self._descriptor is not None and not self._ends_in_line:
            os.close(self._descriptor)
            self._descriptor = None

    def close(self) -> None:
        """Let go of the file."""
        self._let_go()


@dataclass(frozen=True, slots=True)
class SpoolReader:
    """A spool file, open for folding."""

    path: Path
    descriptor: int
    finished: bool
    """Nobody writes it any more; what is in it is all that will ever be."""

    @property
    def id(self) -> str:
        """Under which it is folded."""
        return self.path.name

    def read(self, position: int, size_bytes: int) -> bytes:
        """Bytes from an offset."""
        return os.pread(self.descriptor, size_bytes, position)

    def remove(self) -> None:
        """Remove the file for good: one that a power cut brought back would have to find its offset again."""
        self.path.unlink(missing_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def open_spool_file(path: Path) -> Iterator[SpoolReader]:
    """Open a spool file and hold it, if its writer is gone, so that it can be folded whole and removed."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finished = True
        except BlockingIOError:
            finished = False
        yield SpoolReader(path, descriptor, finished)
    finally:
        os.close(descriptor)
