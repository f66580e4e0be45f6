"""What happens to names and projects of upstreams. For operators alone: what is installed here is nobody's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class UpstreamEvent(Event):
    """Which upstream it is about."""

    changes_views: ClassVar[bool] = True
    upstream: str


@dataclass(frozen=True, slots=True)
class UpstreamNameTaken(UpstreamEvent):
    """A project was asked for that nobody has here, and this upstream was the first that has it."""

    kind: ClassVar[str] = "upstream-name-taken"
    files: int


@dataclass(frozen=True, slots=True)
class UpstreamChanged(UpstreamEvent):
    """An upstream lists other files than before, or says something else of them."""

    kind: ClassVar[str] = "upstream-changed"
    added: int
    removed: int
    returned: int
    changed: int
    status: str
    """The project's, if it is another one than before; else empty."""


@dataclass(frozen=True, slots=True)
class UpstreamProjectRemoved(UpstreamEvent):
    """An upstream no longer has a project (404)."""

    kind: ClassVar[str] = "upstream-project-removed"


@dataclass(frozen=True, slots=True)
class UpstreamProjectReturned(UpstreamEvent):
    """An upstream has a project again."""

    kind: ClassVar[str] = "upstream-project-returned"


@dataclass(frozen=True, slots=True)
class UpstreamDigestChanged(UpstreamEvent):
    """An upstream gives another digest for a file name that had one. The first one stays."""

    kind: ClassVar[str] = "upstream-digest-changed"
    filename: str
    kept: str
    refused: str


@dataclass(frozen=True, slots=True)
class UpstreamNameForgotten(UpstreamEvent):
    """An operator had everything forgotten that is known of a name of an upstream, so that it is free again."""

    kind: ClassVar[str] = "upstream-name-forgotten"
    reason: str
