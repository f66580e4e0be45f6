"""Where a run's lines are kept: three methods. A file beside the run, or a release room over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from customhouse.release.sealed import Sealed


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a journal: the last line's number and hash; -1 and `GENESIS` where there is none."""

    seq: int
    hash: str


class Journal(Protocol):
    """Lines that are only ever added, durably, one writer at a time."""

    def head(self) -> Head:
        """The end."""
        ...

    def read(self, after: int = -1) -> Sequence[Sealed]:
        """The lines after this one, in order."""
        ...

    def append(self, lines: Sequence[Sealed], expected: Head) -> None:
        """Add all lines or none, and return when they are durable.

        Raises `Refused` ("journal-moved") if somebody else has written: read, think again, try again.
        """
        ...
