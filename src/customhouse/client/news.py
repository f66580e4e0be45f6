"""What happens while a release is sent, told as it happens. Whoever listens decides how it looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["sending", "checking", "staged", "published", "already published", "failed"]


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence for people."""

    text: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A sentence that people should not overlook."""

    text: str


@dataclass(frozen=True, slots=True)
class Begun:
    """What is going to be sent: file names and sizes in bytes."""

    files: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """A session is there: a new one, or one that somebody had begun before."""

    name: str
    version: str
    session: str
    stage: str | None
    expires_at: str
    joined: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """So many bytes of a file have arrived at the index, or are on their way."""

    filename: str
    sent_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FileState:
    """A file has come to another state."""

    filename: str
    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A release waits for people: why, how many have approved, who may, and on which page."""

    name: str
    version: str
    reasons: tuple[str, ...]
    given: int | None
    wanted: int | None
    approvers: tuple[str, ...]
    not_before: str | None
    page: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A release has come as far as it does in this run."""

    name: str
    version: str
    state: Literal["published", "already published", "staged", "waiting", "failed", "canceled"]
    page: str | None
    stage: str | None
    session: str | None


News = Note | Warned | Begun | Opened | Moved | FileState | Waiting | Ended
Tell = Callable[[News], None]
