"""What happens to releases before they appear. It is for the owners of the project, until the release is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.catalog.staged import Session
from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class SessionOpened(Event):
    """Somebody has begun a release that is to appear as a whole."""

    kind: ClassVar[str] = "session-opened"
    version: str
    session: str
    protocol: str
    token_id: str


@dataclass(frozen=True, slots=True)
class SessionCanceled(Event):
    """A release that was being made is not going to appear: somebody canceled it, or its time was over."""

    kind: ClassVar[str] = "session-canceled"
    version: str
    session: str
    why: str
    """canceled | expired"""


@dataclass(frozen=True, slots=True)
class FileStaged(Event):
    """A file was examined and is part of a release that is being made. Nobody but its makers sees it yet."""

    kind: ClassVar[str] = "file-staged"
    version: str
    session: str
    filename: str
    sha256: str
    size_bytes: int
    token_id: str


@dataclass(frozen=True, slots=True)
class StagedFileRemoved(Event):
    """A file was taken out of a release that is being made."""

    kind: ClassVar[str] = "staged-file-removed"
    version: str
    session: str
    filename: str


@dataclass(frozen=True, slots=True)
class ReleasePublished(Event):
    """A release that was staged appeared as a whole; what its pages show now is told by the events of its files."""

    kind: ClassVar[str] = "release-published"
    version: str
    session: str
    files: int


@dataclass(frozen=True, slots=True)
class EmbargoedStep(Event):
    """Something was done with a release under embargo: what it was, by the kind of the event, and no name."""

    kind: ClassVar[str] = "embargoed-step"
    case: str
    step: str


def told(session: Session, event: Event) -> Event:
    """The event as the ledger tells it: of a release under embargo only that something was done, to operators."""
    return EmbargoedStep(event.actor, None, case=session.embargo, step=event.kind) if session.embargo else event
