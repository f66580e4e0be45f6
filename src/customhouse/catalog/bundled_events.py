"""What happens about libraries that files bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class LibraryAffected(Event):
    """The owners of a project are told that files of theirs bundle a library which an advisory is on."""

    kind: ClassVar[str] = "library-affected"
    advisory: str
    library: str
    mends: str
    """In words: which versions are affected."""
    held: str
    """Versions of the project with the versions of the library: ``10.0.0 with libwebp 1.3.1``."""
    wheels: tuple[str, ...]
    """File names."""


@dataclass(frozen=True, slots=True)
class LibraryRangeSaid(Event):
    """An operator has said which versions of a library an advisory affects, or has taken that back."""

    kind: ClassVar[str] = "library-range-said"
    advisory: str
    library: str
    range: str
    taken_back: bool = False
