"""What every forge can be asked for: lock refs, say whether they are locked, unlock them, and tell how refs moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Protection:
    """How a ref is protected now."""

    locked: bool
    """Whether pushes of everybody but the release are refused."""
    by: str = ""
    """The run that holds the lock, where the forge can say."""
    how: str = ""
    """In words, for people."""


@dataclass(frozen=True, slots=True)
class RefChange:
    """A ref was moved, made or deleted; ``refused`` if somebody tried and the forge said no."""

    ref: str
    old: str
    new: str
    """Object ids, "" for none. A forge may name a tag's commit instead of its object."""
    at: datetime
    who: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Log:
    """How refs moved since a cursor, and the cursor to ask with the next time."""

    cursor: str
    changes: tuple[RefChange, ...] = ()
    rewritten: bool = False
    """The log no longer holds what it held: somebody has cut or replaced it."""


class Forge(Protocol):
    """One forge. Methods raise `Problem`; each may be called again after a crash."""

    def before(self, refs: Sequence[str]) -> str:
        """The protection of these refs as it is, JSON: `unlock` restores exactly that. Changes nothing."""
        ...

    def lock(self, refs: Sequence[str], run: str, before: str) -> None:
        """Let nobody but this run push to these refs. A run that holds the lock already changes nothing.

        Raises `Problem` ("locked-by-another") if another run does.
        """
        ...

    def protection(self, ref: str) -> Protection:
        """Ask the forge itself, now."""
        ...

    def unlock(self, refs: Sequence[str], run: str, before: str) -> bool:
        """Take the lock away and put back what was before; False if there was nothing to take away."""
        ...

    def push_settings(self, refs: Sequence[str], run: str) -> Mapping[str, str]:
        """Settings of git by which a push of this run passes the lock."""
        ...

    def log(self, refs: Sequence[str], cursor: str) -> Log | None:
        """How these refs moved; None where the forge keeps no such log. Cursor "" asks only for the next one."""
        ...
