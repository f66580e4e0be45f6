"""What is wrong with a lock, by package. The order is that of how bad it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from customhouse.formats.inventory.model import Gap

Kind = Literal[
    "differs", "quarantined", "refused", "erased", "removed", "contradicted", "unhashed", "past", "yanked", "archived",
    "deprecated",
]  # fmt: skip
HEADINGS: Mapping[Kind, str] = {
    "differs": "OTHER BYTES than were locked: do not install this",
    "quarantined": "Held back, as something harmful",
    "refused": "Not let in any more",
    "erased": "Erased: the bytes are gone",
    "removed": "Removed: listed no more",
    "contradicted": "Contradicted by an amendment",
    "unhashed": "Not verified: the lock has no hash",
    "past": "Fetched past the index that was asked",
    "yanked": "Yanked (installers that lock exactly take it all the same)",
    "archived": "Archived: it gets no fixes",
    "deprecated": "Deprecated",
}
FAILING: frozenset[Kind] = frozenset({"differs", "quarantined", "refused", "erased", "removed", "contradicted"})
UNSURE: frozenset[Kind] = frozenset({"unhashed"})
"""What could not be verified: exit code 3, if nothing is worse."""


class Fault(NamedTuple):
    """Something about one package at one version."""

    kind: Kind
    name: str
    version: str
    why: str
    """A sentence, not plain yet: it may be of strangers."""
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verified:
    """All that was looked at."""

    packages: int
    files: int
    """How many files or digests the lock holds."""
    same: int
    """How many of them are listed with exactly that digest."""
    faults: Sequence[Fault] = ()
    gaps: Sequence[Gap] = ()
