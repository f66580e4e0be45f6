"""Importing a front end's access log: each byte of it counts once, however often the file is imported.

A log is known by the SHA-256 of its unpacked content. So a rotated or packed copy is the same log, a killed import goes
on where it was, and a log that has grown since is imported from where it ended then.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import IO, Protocol, cast

import sqlalchemy as sa

from customhouse.catalog.downloads.events import DownloadLogImported
from customhouse.catalog.downloads.fold import Pace, Source, first_kept, fold
from customhouse.catalog.downloads.tables import download_source
from customhouse.formats.access_log import MAX_LINE_BYTES, read_log_line
from customhouse.formats.count_line import Noted
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.db import Database
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import OPERATOR, Identity

PIECE_BYTES = 2**20
LINES_AT_ONCE = 20_000
FUTURE = timedelta(days=1)
_GZIP = b"\x1f\x8b"
_IMPORTED = sa.select(download_source.c.id, download_source.c.size_bytes, download_source.c.position).where(
    download_source.c.counted_by == "log"
)


class LogFile(Protocol):
    """A log on disk, plain or gzip, that can be opened more than once."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def open(self, purpose: str) -> AbstractContextManager[IO[bytes]]:
        """Open it at its beginning; ``purpose`` tells people what it is read for."""
        ...


@dataclass(slots=True)
class Imported:
    """What an import did. A log that is known already has no lines left."""

    lines: int = 0
    downloads: int = 0
    unknown_files: int = 0
    """Downloads of files that are not, or no longer, known here."""
    bad_lines: int = 0
    first_bad_line: int = 0
    first_bad_reason: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    end: int
    text: bytes


@dataclass(slots=True)
class _Batch:
    """What has been read and not yet written."""

    taken: Counter[tuple[date, str, bytes]] = field(default_factory=Counter)
    lines: int = 0


def import_log(
    deeds: Deeds, hashes: ClientHashes, log: LogFile, *, by: Identity = OPERATOR, fetched_days: int = 0
) -> Imported:
    """Import one log. Raises `Rejected` if it cannot be unpacked, before anything is counted."""
    try:
        source, start = _identify(deeds.database, log)
        done = _Import(deeds.database, hashes, source, deeds.clock.now(), fetched_days).run(log, start)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise Rejected("bad-log", log.name, f"it cannot be unpacked: {error}", "a whole log, plain or gzip") from error
    if done.lines:
        deeds.do(
            _tell,
            DownloadLogImported(
                by, None, log=source.id, lines=done.lines, downloads=done.downloads,
                unknown_files=done.unknown_files, bad_lines=done.bad_lines,
            ),
        )  # fmt: skip
    return done


def _tell(event: DownloadLogImported, tx: Tx) -> None:
    tx.record(event)


def _identify(database: Database, log: LogFile) -> tuple[Source, int]:
    """Which source a log is, and up to where it is imported: itself, or the log that it was before it grew."""
    with database.read() as sql:
        rows = sql.execute(_IMPORTED).all()
    positions = {row.id: row.position for row in rows}
    ends = sorted({row.size_bytes for row in rows}, reverse=True)
    content, size, start = hashlib.sha256(), 0, 0
    with _unpacked(log, "reading") as stream:
        while piece := stream.read(PIECE_BYTES):
            while ends and ends[-1] <= size + len(piece):
                until = ends.pop() - size
                content.update(piece[:until])
                piece = piece[until:]
                size += until
                start = positions.get(_id(content.hexdigest()), start)
            content.update(piece)
            size += len(piece)
    return Source(_id(content.hexdigest()), "log", size), start


def _id(digest: str) -> str:
    return f"log-{digest}"


@contextmanager
def _unpacked(log: LogFile, purpose: str) -> Iterator[io.BufferedReader]:
    with log.open(purpose) as packed:
        is_gzip = packed.read(2) == _GZIP
        packed.seek(0)
        if is_gzip:
            with gzip.GzipFile(fileobj=packed, mode="rb") as unpacked:
                yield io.BufferedReader(unpacked, PIECE_BYTES)
        else:
            yield io.BufferedReader(cast("io.RawIOBase", packed), PIECE_BYTES)


def _lines(stream: io.BufferedReader) -> Iterator[_Line]:
    """Numbered lines. Of one that is too long only the beginning is kept: it is bad, whatever it says."""
    number = end = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        end += len(line)
        rest = line
        while not rest.endswith(b"\n") and (rest := stream.readline(PIECE_BYTES)):
            end += len(rest)
        yield _Line(number, end, line)


class _Import:
    """One run over one log."""

    def __init__(
        self, database: Database, hashes: ClientHashes, source: Source, now: datetime, fetched_days: int
    ) -> None:
        self._database = database
        self._hashes = hashes
        self._source = source
        self._now = now
        self._keep_since = first_kept(now, fetched_days)
        self._pace = Pace()
        self._done = Imported()

    def run(self, log: LogFile, start: int) -> Imported:
        """Count what lies behind ``start``."""
        batch, written, position = _Batch(), start, start
        with _unpacked(log, "counting") as stream:
            for line in _lines(stream):
                if line.end <= start:
                    continue
                if not self._take(line, batch) and line.end == self._source.size_bytes and line.text[-1:] != b"\n":
                    break  # its end was not written yet: left for the next import
                position = line.end
                batch.lines += 1
                if len(batch.taken) >= self._pace.lines or batch.lines >= LINES_AT_ONCE:
                    self._write(batch, written, position)
                    batch, written = _Batch(), position
        if position > written or start == 0:
            self._write(batch, written, position)
        return self._done

    def _take(self, line: _Line, batch: _Batch) -> bool:
        """Note the download that a line tells of, if any; False for a bad line."""
        self._done.lines += 1
        try:
            found = read_log_line(line.text)
            if found is not None and found.at > self._now + FUTURE:
                raise Rejected("bad-log-line", "log line", f"{found.at:%Y-%m-%d} is in the future")  # noqa: TRY301
        except Rejected as error:
            self._done.bad_lines += 1
            if not self._done.first_bad_line:
                self._done.first_bad_line, self._done.first_bad_reason = line.number, str(error)
            return False
        if found is not None:
            day = found.at.date()
            batch.taken[day, found.filename, self._hashes.of(found.client, day)] += 1
        return True

    def _write(self, batch: _Batch, start: int, end: int) -> None:
        noted = [Noted(*key, times) for key, times in batch.taken.items()]
        added = fold(
            self._database, self._source, noted, start=start, end=end, now=self._now, pace=self._pace,
            keep_since=self._keep_since,
        )  # fmt: skip
        if added is None:
            raise Refused(
                "log-busy", "Somebody else is importing the same log at this moment.", "Try again later.", status=409
            )
        self._done.downloads += added
        self._done.unknown_files += batch.taken.total() - added
