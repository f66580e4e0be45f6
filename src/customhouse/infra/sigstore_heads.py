"""What the logs of the private Sigstore have said of themselves last: a file beside their keys, outside the database.

A database that comes back from a backup knows nothing of what was signed since then; this file does. It holds for each
log, by its origin, the size and the root of the newest checkpoint that was given out. All processes that serve one
database share it: they change it one after the other (`flock`), and a whole file is written before anybody is told.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from customhouse.infra.settings import Settings
from customhouse.infra.sigstore_keys import sigstore_keys_path
from customhouse.terms.errors import Unavailable

WHO = "What the logs of the private Sigstore have said last"
ROOT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Head:
    """The newest checkpoint of a log that was given out."""

    origin: str
    size: int
    root: bytes


Heads = Mapping[str, Head]
"""By origin."""


class HeadFile:
    """The file, read again when somebody has changed it. Its methods raise `Unavailable` if that cannot be done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[tuple[int, int], Heads] | None = None

    def newest(self, origin: str) -> Head | None:
        """What was said last of a log; None if nothing was."""
        return self._now().get(origin)

    def advance(self, head: Head, since: Head | None) -> bool:
        """Write down what is about to be said; false if somebody has written since ``since`` was the newest."""
        with self._alone() as heads:
            if heads.get(head.origin) != since:
                # Two may write within one tick of the clock that stamps files: then the stamp tells nothing.
                self._known = None
                return False
            self._write({**heads, head.origin: head})
            return True

    def replace(self, head: Head) -> None:
        """Write down that a log has this head now, whatever was said before."""
        with self._alone() as heads:
            self._write({**heads, head.origin: head})

    def _now(self) -> Heads:
        known = self._known
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unreadable(error) from error
        stamp = found.st_mtime_ns, found.st_ino
        if known is None or known[0] != stamp:
            # Stamp first: what is written meanwhile is read again next time.
            known = self._known = stamp, self._read()
        return known[1]

    @contextmanager
    def _alone(self) -> Iterator[Heads]:
        lock = self.path.with_name(f"{self.path.name}.lock")
        with ExitStack() as closes:
            try:
                file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                closes.callback(os.close, file)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                raise self._unwritable(error) from error
            yield self._read() if self.path.exists() else {}

    def _read(self) -> Heads:
        try:
            listed = json.loads(self.path.read_text())["heads"]
            heads = [_head(one) for one in listed]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._unreadable(error) from error
        return {one.origin: one for one in heads}

    def _write(self, heads: Heads) -> None:
        listed = [
            {"origin": one.origin, "size": one.size, "root": base64.b64encode(one.root).decode()}
            for one in heads.values()
        ]
        temporary = self.path.with_name(f"{self.path.name}.new")
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as new:
                new.write(json.dumps({"heads": listed}, indent=1) + "\n")
                new.flush()
                os.fsync(new.fileno())
            # The folder is not synchronized: after a crash an older head may stand here, which the database continues.
            temporary.replace(self.path)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unreadable(self, error: Exception) -> Unavailable:
        why = f"{self.path} cannot be read ({type(error).__name__}: {error}). Bring it back from a backup"
        return Unavailable(WHO, why)

    def _unwritable(self, error: OSError) -> Unavailable:
        why = (
            f"{self.path} cannot be written ({error.strerror}). Let the server write there, or set sigstore_heads_file"
        )
        return Unavailable(WHO, why)


def _head(told: Mapping[str, Any]) -> Head:
    head = Head(str(told["origin"]), int(told["size"]), base64.b64decode(told["root"], validate=True))
    if head.size < 0 or len(head.root) != ROOT_BYTES:
        raise ValueError(f"it says {head.size} entries and a root of {len(head.root)} bytes")
    return head


def sigstore_heads_path(settings: Settings) -> Path:
    """Where the file lies."""
    return settings.sigstore_heads_file or sigstore_keys_path(settings).with_name("sigstore-heads.json")
