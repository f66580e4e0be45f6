"""Counting downloads without slowing them down: noted in memory, written to a spool file by a thread of its own.

Each process writes files of its own, ``DATA/counts/PID-RANDOM.counts``, and holds a lock (flock) on the one that it is
writing; the kernel lets go when it dies. The worker folds them into the database and removes those that nobody writes
any more. A kill loses what was noted since the last flush, `FLUSH_SECONDS` at most. Nothing is synced to disk, so a
power cut may lose a little more: these are counts, not files.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from customhouse.formats.count_line import Noted, encode_count
from customhouse.infra.client_address import Network, client_address
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.spool_file import SpoolFile
from customhouse.terms.clock import Clock

log = logging.getLogger("customhouse.counts")

ENDING = ".counts"
FLUSH_SECONDS = 1.0
MOST_NOTED = 1_000_000
_LONGEST_FORWARDED = 1000
_LONGEST_CREDENTIALS = 8000
_REMEMBERED = 50_000
_MOST_CREDENTIALS = 1000
READER = "customhouse.reader"
"""In the scope of a request: the id of the account that was let in to what not everybody may read."""

Who = Callable[[bytes], str]
"""Whose credentials an Authorization header holds, as a count line says it; empty for none of ours. Slow is fine."""


def counts_folder(data: Path) -> Path:
    """Where the spool files of a data folder lie."""
    return data / "counts"


class CountSpool:
    """Counts the downloads of this process. `count` may be called from any thread; the rest has one caller."""

    def __init__(
        self, data: Path, clock: Clock, hashes: ClientHashes, trusted: Sequence[Network], who: Who | None = None
    ) -> None:
        """Without ``who`` nobody is told apart but by network."""
        self._clock = clock
        self._hashes = hashes
        self._trusted = tuple(trusted)
        self._file = SpoolFile(counts_folder(data), ENDING, "download counts")
        # If the disk stands still for long, the oldest go first: memory stays bounded.
        self._noted: deque[tuple[str, str, str | None, datetime, bytes | str]] = deque(maxlen=MOST_NOTED)
        self._day = date.min
        self._clients: dict[tuple[str, str | None], bytes] = {}
        self._who = who
        # One object for each header that is sent again and again, and a bound for who sends another one each time.
        self._headers: dict[bytes, bytes] = {}
        self._known: dict[bytes, str] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def count(self, filename: str, scope: Mapping[str, Any]) -> None:
        """Note one download. Touches neither disk nor database."""
        client = scope.get("client")
        forwarded = self._forwarded_for(scope) if self._trusted else None
        shown = self._shown(scope) if self._who is not None else b""
        self._noted.append((filename, client[0] if client else "", forwarded, self._clock.now(), shown))

    def start(self) -> None:
        """Start to write, every `FLUSH_SECONDS`."""
        self._thread = threading.Thread(target=self._write_on, name="counts", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is left and let go of the file."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()
        self._file.close()

    def flush(self) -> None:
        """Write what was noted since the last time."""
        taken: dict[tuple[date, str, bytes, str], int] = {}
        while self._noted:
            filename, peer, forwarded, at, shown = self._noted.popleft()
            if at.toordinal() != self._day.toordinal():
                self._day, self._clients = at.date(), {}
            client = self._clients.get((peer, forwarded)) or self._hash(peer, forwarded)
            key = (self._day, filename, client, self._identify(shown))
            taken[key] = taken.get(key, 0) + 1
        self._file.append(b"".join([encode_count(Noted(*key[:3], times, key[3])) for key, times in taken.items()]))

    def _write_on(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            try:
                self.flush()
            except Exception:
                log.exception("download counts were lost")

    def _hash(self, peer: str, forwarded: str | None) -> bytes:
        """The hash of a client that is not remembered from earlier on this day."""
        if len(self._clients) >= _REMEMBERED:
            self._clients.clear()
        client = self._hashes.of(client_address(peer, forwarded, self._trusted), self._day)
        self._clients[peer, forwarded] = client
        return client

    def _shown(self, scope: Mapping[str, Any]) -> bytes | str:
        """The Authorization header as it came, or whom the inner application has let in; looked at later."""
        for name, value in scope["headers"]:
            if name == b"authorization":
                if len(value) > _LONGEST_CREDENTIALS:
                    return b""
                if len(self._headers) < _MOST_CREDENTIALS:
                    return self._headers.setdefault(value, value)
                return self._headers.get(value, b"")
        reader = scope.get(READER)
        return f"account:{reader}" if reader is not None else b""

    def _identify(self, shown: bytes | str) -> str:
        if isinstance(shown, str) or not shown or self._who is None:
            return str(shown) if isinstance(shown, str) else ""
        known = self._known.get(shown)
        if known is None:
            if len(self._known) >= _MOST_CREDENTIALS:
                self._known.clear()
                self._headers.clear()
            known = self._known[shown] = self._who(shown)
        return known

    @staticmethod
    def _forwarded_for(scope: Mapping[str, Any]) -> str | None:
        found = [value for key, value in scope["headers"] if key == b"x-forwarded-for"]
        return b",".join(found)[-_LONGEST_FORWARDED:].decode("latin-1") if found else None
