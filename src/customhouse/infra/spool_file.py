"""Files to which a process appends lines, and from which a worker folds them into the database.

Each process writes files of its own, ``FOLDER/PID-RANDOM.ENDING``, and holds a lock (flock) on the one that it is
writing; the kernel lets go when it dies. So whoever gets the lock knows that nothing more will come.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from customhouse.infra.sync_folder import sync_folder
from customhouse.terms.errors import Rejected

L = TypeVar("L")

log = logging.getLogger("customhouse.counts")

ROTATE_BYTES = 4 * 2**20
ROTATE_SECONDS = 3600.0
MOST_UNWRITTEN_BYTES = 16 * 2**20
FLUSH_SECONDS = 1.0
CHUNK_BYTES = 256 * 1024


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


class Flushing:
    """A thread that calls ``flush`` every `FLUSH_SECONDS`, and once more when it is closed."""

    def __init__(self, flush: Callable[[], None], what: str) -> None:
        """``what`` is written, in the plural, for the log."""
        self._flush = flush
        self._what = what
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._go_on, name=self._what, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End, with what is left."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._flush()

    def _go_on(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            try:
                self._flush()
            except Exception:
                log.exception("%s were lost", self._what)


@dataclass(frozen=True, slots=True)
class Lines(Generic[L]):
    """Some whole lines of a spool file, how many there were besides that are none of ours, and the offset behind."""

    noted: list[L]
    damaged: int
    end: int


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

    def lines(self, position: int, decode: Callable[[bytes], L], most: int) -> Lines[L]:
        """The next lines from an offset; ``decode`` raises `Rejected` for what is none of ours.

        A line without an end is still being written, unless it is longer than any line of ours.
        """
        chunk = self.read(position, CHUNK_BYTES)
        whole = chunk[: chunk.rfind(b"\n") + 1]
        if not whole:
            return Lines([], 1, position + len(chunk)) if len(chunk) == CHUNK_BYTES else Lines([], 0, position)
        noted: list[L] = []
        damaged, end = 0, position
        for line in whole[:-1].split(b"\n")[:most]:
            end += len(line) + 1
            try:
                noted.append(decode(line))
            except Rejected:
                damaged += 1
        if damaged:
            log.warning("%s: %d damaged lines before byte %d are left out", self.id, damaged, end)
        return Lines(noted, damaged, end)

    def remove(self, position: int) -> None:
        """Remove a file that is folded up to this offset, for good.

        One that a power cut brought back would have to find its offset again.
        """
        if self.read(position, 1):
            log.warning("%s ends in a torn line, which is left out", self.id)
        self.path.unlink(missing_ok=True)
        sync_folder(self.path.parent)


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


def fold_each(folder: Path, ending: str, deadline: float, fold: Callable[[SpoolReader], int]) -> int:
    """Fold each spool file of a folder until a deadline (monotonic); returns the sum of what ``fold`` returns."""
    added = 0
    for path in sorted(folder.glob(f"*{ending}")):
        if time.monotonic() > deadline:
            break
        try:
            with open_spool_file(path) as spool:
                added += fold(spool)
        except FileNotFoundError:
            continue  # another worker has removed it
        except OSError as error:
            log.warning("the spool %s cannot be folded: %s", path.name, error)
    return added
