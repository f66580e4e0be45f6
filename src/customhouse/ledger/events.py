"""What can happen. An event is a frozen value; its fields other than actor and project become its JSON body."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from customhouse.terms.identity import Identity


@dataclass(frozen=True, slots=True)
class Event:
    """One fact for the ledger: who did what to which project (normalised name, or None)."""

    kind: ClassVar[str]
    changes_pages: ClassVar[bool] = False
    """Whether the project's rendered pages and gates are void."""
    changes_views: ClassVar[bool] = False
    """Whether only what views show of the project is void. Mirrors of ours hear nothing of it."""
    changes_list: ClassVar[bool] = False
    """Whether the list of projects is void."""

    actor: Identity
    project: str | None

    def body(self) -> dict[str, Any]:
        """The event's own facts, as plain JSON values."""
        return {
            field.name: getattr(self, field.name) for field in fields(self) if field.name not in ("actor", "project")
        }


@dataclass(frozen=True, slots=True)
class UserAdded(Event):
    """An operator made an account."""

    kind: ClassVar[str] = "user-added"
    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class TokenCreated(Event):
    """An API token was made; ``project`` is set if it is for that one alone, ``limits`` says the rest in words."""

    kind: ClassVar[str] = "token-created"
    token_id: str
    user_id: str
    note: str
    limits: str = ""


@dataclass(frozen=True, slots=True)
class ProjectCreated(Event):
    """A free name was claimed by its first upload."""

    kind: ClassVar[str] = "project-created"
    changes_pages: ClassVar[bool] = True
    changes_list: ClassVar[bool] = True
    display_name: str
    owner_id: str


@dataclass(frozen=True, slots=True)
class FileUploaded(Event):
    """A distribution file was accepted and is listed from now on."""

    kind: ClassVar[str] = "file-uploaded"
    changes_pages: ClassVar[bool] = True
    version: str
    filename: str
    sha256: str
    size_bytes: int
    token_id: str


@dataclass(frozen=True, slots=True)
class UploadRefused(Event):
    """Somebody with a valid token sent a file that was not accepted."""

    kind: ClassVar[str] = "upload-refused"
    filename: str
    code: str
    sentence: str
    token_id: str
