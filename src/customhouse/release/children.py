"""Programs that steps run: arguments and never a shell, an end in time, bounded output, and their time counted."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

MOST_OUTPUT_BYTES = 4 * 2**20
"""Of each stream; what comes after is counted and dropped."""
_CHUNK = 65_536
_GRACE_SECONDS, _LOOK_SECONDS = 5.0, 0.1


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that has ended. ``code`` is negative for a signal, as in `subprocess`."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str
    seconds: float
    timed_out: bool = False
    stopped: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with 0."""
        return self.code == 0 and not self.timed_out and not self.stopped

    @property
    def tail(self) -> str:
        """Its last lines, for a person who asks why."""
        return "\n".join((self.err.strip() or self.out.strip()).splitlines()[-20:])


@dataclass
class Children:
    """Runs programs for one process, and knows how long they ran: the engine's own share is the rest."""

    stop: threading.Event = field(default_factory=threading.Event)
    """Once set, every program is ended."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: int = 0
    _since: float = 0.0
    _covered: float = 0.0

    @property
    def covered_seconds(self) -> float:
        """How long at least one program ran."""
        with self._lock:
            return self._covered + (time.monotonic() - self._since if self._running else 0.0)

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout: float = 3600.0,
        halt: Sequence[threading.Event] = (),
    ) -> Ran:
        """Run it to its end. ``env`` is all that it sees; without one it sees ours. Each ``halt`` ends this one alone.

        Its whole session is killed when time is up, when `stop` is set and when it has ended: nothing stays behind.
        Raises `FileNotFoundError` if there is no such program.
        """
        self._begin()
        began = time.monotonic()
        try:
            process = subprocess.Popen(  # noqa: S603 - arguments, no shell
                list(argv), cwd=cwd, env=None if env is None else dict(env), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
            streams = [_Stream(process.stdout), _Stream(process.stderr)]
            feeder = threading.Thread(target=_feed, args=(process, stdin), daemon=True)
            for thread in (*streams, feeder):
                thread.start()
            timed_out = stopped = False
            with _ending(process) as wait:
                while not wait(min(_LOOK_SECONDS, max(0.0, began + timeout - time.monotonic()))):
                    timed_out = time.monotonic() >= began + timeout
                    stopped = any(one.is_set() for one in (self.stop, *halt))
                    if timed_out or stopped:
                        _end(process)
                        break
            _kill_session(process.pid)
            for thread in streams:
                thread.join(_GRACE_SECONDS)
            out, err = (one.text() for one in streams)
            seconds = time.monotonic() - began
            return Ran(tuple(argv), process.returncode, out, err, seconds, timed_out, stopped)
        finally:
            self._end()

    def _begin(self) -> None:
        with self._lock:
            if not self._running:
                self._since = time.monotonic()
            self._running += 1

    def _end(self) -> None:
        with self._lock:
            self._running -= 1
            if not self._running:
                self._covered += time.monotonic() - self._since


class _Stream(threading.Thread):
    def __init__(self, stream: object) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._kept = bytearray()
        self._dropped = 0

    def run(self) -> None:
        with self._stream as stream:  # type: ignore[attr-defined]
            while chunk := stream.read1(_CHUNK):
                room = MOST_OUTPUT_BYTES - len(self._kept)
                self._kept += chunk[:room]
                self._dropped += max(0, len(chunk) - room)

    def text(self) -> str:
        said = self._kept.decode("utf-8", "replace")
        return f"{said}\n[{self._dropped:,} more bytes]" if self._dropped else said


@contextmanager
def _ending(process: subprocess.Popen[bytes]) -> Iterator[Callable[[float], bool]]:
    """Waits some seconds for the process to end; whether it has. Linux wakes us; elsewhere `subprocess` polls."""

    def polled(seconds: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
        return process.returncode is not None

    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        yield polled
        return
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    try:
        yield lambda seconds: bool(poll.poll(seconds * 1000)) and process.wait() is not None
    finally:
        os.close(handle)


def _feed(process: subprocess.Popen[bytes], stdin: bytes) -> None:
    if process.stdin is not None:
        with suppress(BrokenPipeError, OSError):
            process.stdin.write(stdin)
        with suppress(BrokenPipeError, OSError):
            process.stdin.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        _kill_session(process.pid)
        process.wait()


def _kill_session(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
