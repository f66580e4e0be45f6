"""Files that are on their way in, shared by the processes of one machine.

``KEY.part`` grows while one process, which holds its lock (flock), writes what comes; all others read what is there.
``KEY.json`` says how large it will be, and in the end what became of it. ``KEY.wait`` is locked, shared, by those who
read along, so that the one who fetches knows that he is not alone. The kernel lets go of all locks of a process that
dies, and the next takes over where it was.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from customhouse.terms.errors import CustomhouseError, Refused, Unavailable

Outcome = Literal["", "good", "failed"]
OLD_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class State:
    """What the one who fetches tells the others."""

    size_bytes: int | None = None
    """How large the file will be."""
    validator: str = ""
    """A strong ETag, for who goes on after a break."""
    outcome: Outcome = ""
    digest: str = ""
    """SHA-256 of a good file."""
    fault: dict[str, Any] | None = None
    ended_at: float = 0.0
    """By the machine's monotonic clock."""


class Partial:
    """One file on its way. ``key`` is a file name without an ending."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._body = folder / f"{key}.part"
        self._said = folder / f"{key}.json"
        self._waiting = folder / f"{key}.wait"

    @property
    def path(self) -> Path:
        """Where the bytes are, as long as somebody fetches or examines them."""
        return self._body

    def open(self) -> int:
        """A descriptor of the growing file, which is made if need be."""
        return os.open(self._body, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def take(self, descriptor: int) -> bool:
        """Become the one who fetches; False while somebody else is."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_current(self, descriptor: int) -> bool:
        """Whether the descriptor is still the file that others would open."""
        try:
            there = self._body.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(descriptor)
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)

    def wait(self) -> int:
        """Be counted among those who read along, until the descriptor that is returned is closed."""
        descriptor = os.open(self._waiting, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return descriptor

    def somebody_waits(self) -> bool:
        """Whether another process reads along."""
        try:
            descriptor = os.open(self._waiting, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def state(self) -> State:
        """What was said last."""
        try:
            said = json.loads(self._said.read_bytes())
        except (FileNotFoundError, ValueError):
            return State()
        return State(**said)

    def say(self, state: State) -> None:
        """Tell the others, whole or not at all."""
        draft = self._said.with_suffix(f".{os.getpid()}.new")
        draft.write_text(json.dumps(asdict(state)))
        draft.replace(self._said)

    def remove(self, *, keep_word: bool = False) -> None:
        """Leave nothing behind; with ``keep_word`` what was said stays for those who ask again soon."""
        self._body.unlink(missing_ok=True)
        self._waiting.unlink(missing_ok=True)
        if not keep_word:
            self._said.unlink(missing_ok=True)


def key_of(*parts: str) -> str:
    """A file name for what is described by these texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def failed(error: CustomhouseError) -> State:
    """The word that something failed, for other processes."""
    if isinstance(error, Refused):
        fault: dict[str, Any] = {
            "code": error.code, "sentence": error.sentence, "accepted": error.accepted, "status": error.status,
        }  # fmt: skip
    elif isinstance(error, Unavailable):
        fault = {"who": error.who, "why": error.why, "retry_after_seconds": error.retry_after_seconds}
    else:
        fault = {"who": "The upstream's file", "why": "it could not be read", "retry_after_seconds": 5}
    return State(outcome="failed", fault=fault, ended_at=time.monotonic())


def error_of(state: State) -> CustomhouseError:
    """The inverse of `failed`."""
    fault = state.fault or {"who": "The upstream's file", "why": "it could not be read"}
    return Refused(**fault) if "code" in fault else Unavailable(**fault)


def partials_folder(data: Path) -> Path:
    """Where files on their way lie, in a data folder; made if need be."""
    folder = data / "mirror"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def empty_partials(data: Path) -> int:
    """Remove what killed processes have left; only for the holder of the data folder's lock. Returns how many."""
    left = [path for path in partials_folder(data).iterdir() if path.suffix in (".part", ".json", ".wait", ".new")]
    for path in left:
        path.unlink(missing_ok=True)
    return sum(path.suffix == ".part" for path in left)


def tidy_partials(data: Path) -> int:
    """Remove what nobody has touched for an hour and nobody holds; safe beside running processes. Returns how many."""
    removed, now = 0, time.time()
    for path in partials_folder(data).iterdir():
        try:
            if now - path.stat().st_mtime < OLD_SECONDS:
                continue
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            removed += 1
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
    return removed
