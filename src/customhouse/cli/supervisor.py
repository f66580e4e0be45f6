"""One process over the others: starts them, starts them again when they die, and takes them along when it goes.

The children ask the kernel to be killed with their parent (`infra.lifeline`), so that a killed supervisor leaves nobody
behind who answers on the port.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType

log = logging.getLogger("customhouse.supervisor")

GRACE_SECONDS = 10.0
BACK_OFF_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
CALM_SECONDS = 30.0
"""A child that has lived this long starts its back-off anew."""


@dataclass
class Child:
    """One process to keep alive."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    due_at: float = field(default=0.0)


class Supervisor:
    """Keeps children alive until it is told to stop. Run it in the main thread: the kernel ties children to it."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = list(children)
        self._stop = threading.Event()

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End the run; also a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Start all and watch until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        # A child's death wakes the wait below.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            while not self._stop.is_set():
                self._look_after()
                self._stop.wait(0.1)
        finally:
            self._end()

    def _look_after(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.due_at:
                    child.process = subprocess.Popen(list(child.command))  # noqa: S603 - our own commands
                    child.started_at = now
            elif (code := child.process.poll()) is not None:
                child.process = None
                child.deaths = 1 if now - child.started_at > CALM_SECONDS else child.deaths + 1
                delay = BACK_OFF_SECONDS[min(child.deaths, len(BACK_OFF_SECONDS)) - 1]
                child.due_at = now + delay
                log.warning("%s ended with code %d; it starts again in %.1f s", child.name, code, delay)

    def _end(self) -> None:
        alive = [child.process for child in self._children if child.process is not None]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in alive:
            try:
                process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
