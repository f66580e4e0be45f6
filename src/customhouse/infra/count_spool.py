"""Counting downloads without slowing them down: noted in memory, written to a spool file by a thread of its own.

Each process writes files of its own, ``DATA/counts/PID-RANDOM.counts``, and holds a lock (flock) on the one that it is
writing; the kernel lets go when it dies. The worker folds them into the database and removes those that nobody writes
any more. A kill loses what was noted since the last flush, a second at most. Nothing is synced to disk, so a
power cut may lose a little more: these are counts, not files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from customhouse.formats.count_line import Noted, encode_count
from customhouse.infra.client_address import Network
from customhouse.infra.client_hash import ClientHashes, ClientsOfDay
from customhouse.infra.spool_file import Flushing, SpoolFile
from customhouse.terms.clock import Clock

ENDING = ".counts"
WHAT = "download counts"
MOST_NOTED = 1_000_000
_LONGEST_FORWARDED = 1000
_LONGEST_CREDENTIALS = 8000
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
        self._trusted = bool(trusted)
        self._file = SpoolFile(counts_folder(data), ENDING, WHAT)
        self._flushing = Flushing(self.flush, WHAT)
        # If the disk stands still for long, the oldest go first: memory stays bounded.
        self._noted: deque[tuple[str, str, str | None, datetime, bytes | str]] = deque(maxlen=MOST_NOTED)
        self._clients = ClientsOfDay(hashes, trusted)
        self._who = who
        # One object for each header that is sent again and again, and a bound for who sends another one each time.
        self._headers: dict[bytes, bytes] = {}
        self._known: dict[bytes, str] = {}

    def count(self, filename: str, scope: Mapping[str, Any]) -> None:
        """Note one download. Touches neither disk nor database."""
        client = scope.get("client")
        forwarded = self._forwarded_for(scope) if self._trusted else None
        shown = self._shown(scope) if self._who is not None else b""
        self._noted.append((filename, client[0] if client else "", forwarded, self._clock.now(), shown))

    def start(self) -> None:
        """Start to write, every second."""
        self._flushing.start()

    def close(self) -> None:
        """Write what is left and let go of the file."""
        self._flushing.close()
        self._file.close()

    def flush(self) -> None:
        """Write what was noted since the last time."""
        taken: dict[tuple[date, str, bytes, str], int] = {}
        while self._noted:
            filename, peer, forwarded, at, shown = self._noted.popleft()
            day = at.date()
            key = (day, filename, self._clients.of(day, peer, forwarded), self._identify(shown))
            taken[key] = taken.get(key, 0) + 1
        self._file.append(b"".join([encode_count(Noted(*key[:3], times, key[3])) for key, times in taken.items()]))

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
