"""Killable processes that read archives: one per core, started beforehand, replaced when they had to be killed."""

from __future__ import annotations

import json
import logging
import os
import queue
import select
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from customhouse.formats.bundled.model import BundledScan
from customhouse.formats.examination import Examination
from customhouse.formats.release_diff import ReleaseDiff
from customhouse.terms.errors import Broken, Rejected

log = logging.getLogger("customhouse.walkers")

EXAMINE = "customhouse.formats.examination:examine"
COMPARE = "customhouse.formats.release_diff:compare"
SCAN = "customhouse.formats.bundled.scan:scan_file"
STDERR_BYTES = 4000


class ReadFile(NamedTuple):
    """A distribution file on the disk, and what it is called."""

    path: Path
    filename: str


class _Child:
    """One process and its pipes."""

    def __init__(self, functions: str, memory_bytes: int) -> None:
        # Neither our environment nor our secrets: only what Python needs to find itself.
        environment = {
            key: os.environ[key] for key in ("PATH", "LANG", "LD_LIBRARY_PATH", "PYTHONPATH") if key in os.environ
        }
        self._process = subprocess.Popen(  # noqa: S603 - our own module, with numbers for arguments
            [sys.executable, "-m", "customhouse.infra.walk_child", functions, str(memory_bytes), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment | _coverage(),
            bufsize=0,
        )

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """The answer, or None if it did not come in time; raises `EOFError` if the process has died."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise EOFError
        try:
            stdin.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError as error:
            raise EOFError from error
        received = bytearray()
        while not received.endswith(b"\n"):
            readable, _, _ = select.select([stdout], [], [], seconds)
            if not readable:
                return None
            piece = os.read(stdout.fileno(), 2**16)
            if not piece:
                raise EOFError
            received += piece
        answer: dict[str, Any] = json.loads(received)
        return answer

    def kill(self) -> str:
        """End the process; returns the last of what it said on standard error."""
        self._process.kill()
        self._process.wait()
        said = b""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None and not pipe.closed:
                said = pipe.read() or b"" if pipe is self._process.stderr else said
                pipe.close()
        return said[-STDERR_BYTES:].decode(errors="replace")

    def close(self) -> None:
        """Let the process end by itself, and make sure that it does."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            log.warning("a walker had to be killed")
        self.kill()


class Walkers:
    """A pool of children. Callers wait for a free one, first come, first served."""

    def __init__(self, count: int, seconds: float, memory_bytes: int, *, function: str = EXAMINE) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._examine = function
        self.count = count
        self._idle: queue.SimpleQueue[_Child | None] = queue.SimpleQueue()
        self._starter: threading.Thread | None = None
        self._start_guard = threading.Lock()
        self._requests: queue.SimpleQueue[queue.SimpleQueue[_Child] | None] = queue.SimpleQueue()
        for _ in range(count):
            self._idle.put(None)

    def start(self) -> None:
        """Start the children in the background, so that the first upload does not wait for them."""
        with self._start_guard:
            if self._starter is None:
                # The kernel ties a child's life to the thread that made it, so this thread stays.
                self._starter = threading.Thread(target=self._make_children, name="walkers", daemon=True)
                self._starter.start()
                children = [self._idle.get() for _ in range(self.count)]
                for _child in children:
                    self._idle.put(self._new_child())

    def _make_children(self) -> None:
        while (reply := self._requests.get()) is not None:
            reply.put(_Child(f"{self._examine},{COMPARE},{SCAN}", self._memory_bytes))

    def _new_child(self) -> _Child:
        reply: queue.SimpleQueue[_Child] = queue.SimpleQueue()
        self._requests.put(reply)
        return reply.get()

    def examine(self, path: Path, filename: str) -> Examination:
        """Read a file in a child; raises the `Rejected` that it found, or one for taking too much time or memory."""
        return Examination.from_dict(self._ask(self._examine, [ReadFile(path, filename)], {}, self._seconds))

    def scan(self, path: Path, filename: str) -> BundledScan:
        """Look in a child for the libraries that a wheel bundles; refuses as `examine` does."""
        return BundledScan.from_dict(self._ask(SCAN, [ReadFile(path, filename)], {}, self._seconds))

    def compare(self, old: ReadFile, new: ReadFile, *, only: str = "", seconds: float | None = None) -> ReleaseDiff:
        """Compare two files in a child (see `release_diff.compare`); refuses as `examine` does.

        ``seconds`` may be fewer than an upload has.
        """
        answer = self._ask(COMPARE, [old, new], {"only": only}, min(self._seconds, seconds or self._seconds))
        return ReleaseDiff.from_dict(answer)

    def _ask(
        self, function: str, files: Sequence[ReadFile], options: Mapping[str, str], seconds: float
    ) -> dict[str, Any]:
        """Have a free child call a function on files."""
        self.start()
        child = self._idle.get() or self._new_child()
        replacement: _Child | None = child
        question = {
            "function": function,
            "files": [(str(file.path), file.filename) for file in files],
            "options": options,
        }
        try:
            answer = child.ask(question, seconds)
            if answer is None:
                replacement = None
                child.kill()
                raise Rejected("archive-too-slow", "archive", f"could not be read within {seconds:g} s",
                               "an archive that unpacks in that time")  # fmt: skip
        except EOFError as error:
            replacement = None
            said = child.kill()
            names = " and ".join(file.filename for file in files)
            log.exception("a walker died while reading %s: %s", names, said)
            raise Broken(f"The reader of {names} died: {said[-300:]}") from error
        finally:
            self._idle.put(replacement)
        if "rejected" in answer:
            raise Rejected(**answer["rejected"])
        if "exhausted" in answer:
            raise Rejected("archive-too-big", "archive", f"needs more than {self._memory_bytes} bytes of memory",
                           "a smaller one")  # fmt: skip
        found: dict[str, Any] = answer["ok"]
        return found

    def close(self) -> None:
        """End all children."""
        if self._starter is None:
            return
        for _ in range(self.count):
            child = self._idle.get()
            if child is not None:
                child.close()
        self._requests.put(None)
        self._starter.join()


def _coverage() -> dict[str, str]:
    """Let a test run measure its children too."""
    return {key: value for key, value in os.environ.items() if key.startswith(("COVERAGE_", "COV_CORE_"))}
