"""The programs of one step: counted with all others of this process, and ended without them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from customhouse.release.actions import Problem
from customhouse.release.children import Children, Ran


class StepChildren(Children):
    """What an attempt runs its programs with; `halt` ends them, and starts no other."""

    def __init__(self, all_of: Children) -> None:
        super().__init__(stop=threading.Event())
        self._all = all_of

    @property
    def covered_seconds(self) -> float:
        """How long at least one program of this process ran."""
        return self._all.covered_seconds

    def halt(self) -> None:
        """End them."""
        self.stop.set()

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
        """As `Children.run`; raises `Problem` once the step has been halted."""
        if self.stop.is_set():
            raise Problem("halted", "the step was ended from outside", place=argv[0])
        return self._all.run(argv, cwd=cwd, env=env, stdin=stdin, timeout=timeout, halt=(self.stop, *halt))
