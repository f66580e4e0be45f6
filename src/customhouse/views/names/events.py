"""How a name changes hands between this index and upstreams. For operators: what is taken in is nobody's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class NameAdopted(Event):
    """A name that an upstream supplied is hosted here from now on, and no upstream is asked for it any more."""

    kind: ClassVar[str] = "name-adopted"
    changes_views: ClassVar[bool] = True
    upstream: str
    owner_id: str
    owner: str
    reason: str
    files: int
    """How many files of the upstream were known, which nobody is offered any more."""


@dataclass(frozen=True, slots=True)
class NameHandedOver(Event):
    """A name that was hosted here is an upstream's from now on."""

    kind: ClassVar[str] = "name-handed-over"
    changes_views: ClassVar[bool] = True
    upstream: str
    reason: str
    files: int
    """How many files were ever published here under the name."""
