r"""A journal in a file beside the run: JSON lines, each durable before anybody acts on it.

A writer holds ``flock`` on the file while it looks at the end, compares and appends. Lines that belong together end
with a tab and a line feed, the last of them with the line feed alone (both are white space to JSON). So a crash in the
middle of a write leaves an end that is seen to be torn: it was never acknowledged, readers do not see it, and the next
writer cuts it off.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from customhouse.infra.sync_folder import sync_folder
from customhouse.release.codec import read_line, write_line
from customhouse.release.journal import Head
from customhouse.release.sealed import GENESIS, Sealed
from customhouse.terms.errors import Refused, Rejected

_MORE = b"\t\n"
"""After a line that has others of the same append behind it."""


class FileJournal:
    """The lines of one run in one file; safe for threads and processes of one machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._lines: list[Sealed] = []
        self._read_bytes = 0

    def head(self) -> Head:
        """The end."""
        lines = self.read()
        return Head(lines[-1].seq, lines[-1].hash) if lines else Head(-1, GENESIS)

    def read(self, after: int = -1) -> Sequence[Sealed]:
        """The lines after this one, in order; raises `Rejected` naming the line that is none."""
        with self._lock:
            try:
                descriptor = os.open(self.path, os.O_RDONLY)
            except FileNotFoundError:
                return ()
            try:
                self._take_in(descriptor)
            finally:
                os.close(descriptor)
            return tuple(self._lines[after + 1 :])

    def append(self, lines: Sequence[Sealed], expected: Head) -> None:
        """Add all lines or none, and return when they are durable.

        Raises `Refused` ("journal-moved") if somebody else has written: read, think again, try again.
        """
        with self._lock, self._locked() as descriptor:
            self._take_in(descriptor)
            last = self._lines[-1] if self._lines else None
            head = Head(last.seq, last.hash) if last else Head(-1, GENESIS)
            if head != expected:
                raise Refused(
                    "journal-moved", f"Somebody else has written to the journal (line {head.seq}).", "Read it again.",
                    status=409,
                )  # fmt: skip
            os.ftruncate(descriptor, self._read_bytes)
            try:
                _write_all(descriptor, _MORE.join(write_line(line).encode() for line in lines) + b"\n")
                os.fsync(descriptor)
            except OSError:
                # A full disk: nothing of it counts, whether or not a part has reached the file.
                os.ftruncate(descriptor, self._read_bytes)
                raise
            if last is None:
                sync_folder(self.path.parent)
            self._take_in(descriptor)

    def _take_in(self, descriptor: int) -> None:
        """Read what came since the last time, up to the end of the last whole append."""
        size = os.fstat(descriptor).st_size
        if size < self._read_bytes:
            raise Rejected("journal-broken", str(self.path), "lines that were there are gone")
        text = _read_from(descriptor, self._read_bytes)
        whole = text[: _end_of_whole(text)]
        for raw in whole.split(b"\n")[:-1]:
            number = len(self._lines)
            where = f"{self.path.name}, line {number}"
            line = read_line(raw.removesuffix(b"\t"), where=where)
            if line.seq != number:
                raise Rejected("journal-broken", where, f"it says that it is line {line.seq}")
            self._lines.append(line)
        self._read_bytes += len(whole)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


def _end_of_whole(text: bytes) -> int:
    """Where the last append that came to its end ends."""
    end = text.rfind(b"\n") + 1
    while end and text[:end].endswith(_MORE):
        end = text.rfind(b"\n", 0, end - 1) + 1
    return end


def _read_from(descriptor: int, offset: int) -> bytes:
    found = bytearray()
    while chunk := os.pread(descriptor, 2**20, offset + len(found)):
        found += chunk
    return bytes(found)


def _write_all(descriptor: int, text: bytes) -> None:
    left = memoryview(text)
    while left:
        left = left[os.write(descriptor, left) :]
