"""The documents of Upload 2.0 as a client reads them (PEP 694)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customhouse.client.address import Index
from customhouse.client.patience import retry_after
from customhouse.formats.plain import plain
from customhouse.terms.errors import Unavailable

MEDIA_TYPE = "application/vnd.pypi.upload.v2+json"
API_VERSION = "2.0"
MOST_NOTICES = 20
SHORTEST_POLL_SECONDS, LONGEST_POLL_SECONDS = 0.2, 60.0


def document(**members: object) -> dict[str, object]:
    """A request's body with the ``meta`` that every one has."""
    return {"meta": {"api-version": API_VERSION}, **members}


@dataclass(frozen=True, slots=True)
class StagedEntry:
    """A file as its session lists it."""

    status: str
    link: str
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """A publishing session: one release that is being made."""

    url: str
    upload: str
    publish: str
    extend: str | None
    stage: str | None
    page: str | None
    """Where people see it and approve it, if the index says so: a word of Customhouse's own."""
    mechanisms: tuple[str, ...]
    status: str
    expires_at: str
    files: Mapping[str, StagedEntry]
    notices: tuple[str, ...]
    poll_seconds: float

    def seconds_left(self, now: datetime) -> float | None:
        """Until it expires; None if its moment cannot be read."""
        try:
            moment = datetime.fromisoformat(self.expires_at)
        except ValueError:
            return None
        return (moment - now).total_seconds() if moment.tzinfo is not None else None


@dataclass(frozen=True, slots=True)
class FileSession:
    """A file upload session: one file that is on its way into a release."""

    url: str
    complete: str
    status: str
    mechanism: str
    details: Mapping[str, Any]
    """What the mechanism needs: addresses that were not looked at yet, sizes."""
    notices: tuple[str, ...]
    sha256: str | None
    """Of the file that was announced, if the index says so: a word of Customhouse's own."""
    attested: bool
    """Whether the index says that it has attestations of it; likewise."""
    poll_seconds: float


def read_session(value: Mapping[str, Any], headers: Mapping[str, str], index: Index) -> Session:
    """Read a session's document; raises `Unavailable` if it is none, `Refused` for an address on another host."""
    _check_version(value, index)
    links = _mapping(value, "links", index)
    files = {
        str(name): StagedEntry(
            str(entry.get("status", "")), index.checked(entry.get("link"), "file"), _notices(entry.get("notices"))
        )
        for name, entry in _mapping(value, "files", index).items()
        if isinstance(entry, dict)
    }
    mechanisms = value.get("mechanisms")
    if not isinstance(mechanisms, list) or not mechanisms:
        raise _odd(index, "mechanisms")
    return Session(
        index.checked(links.get("session"), "session"),
        index.checked(links.get("upload"), "place for files"),
        index.checked(links.get("publish"), "place to publish"),
        _optional(links, "extend", index),
        _optional(links, "stage", index),
        _optional(links, "page", index),
        tuple(str(one) for one in mechanisms),
        str(value.get("status", "")),
        plain(value.get("expires-at", ""), 30),
        files,
        _notices(value.get("notices")),
        _poll_seconds(headers),
    )


def read_file_session(value: Mapping[str, Any], headers: Mapping[str, str], index: Index) -> FileSession:
    """Read a file upload session's document, likewise."""
    _check_version(value, index)
    links, mechanism = _mapping(value, "links", index), _mapping(value, "mechanism", index)
    hashes = value.get("hashes")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    return FileSession(
        index.checked(links.get("file-upload-session"), "file"),
        index.checked(links.get("complete"), "place to complete a file"),
        str(value.get("status", "")),
        str(mechanism.get("identifier", "")),
        mechanism,
        _notices(value.get("notices")),
        str(sha256).lower() if isinstance(sha256, str) else None,
        value.get("attested") is True,
        _poll_seconds(headers),
    )


def _check_version(value: Mapping[str, Any], index: Index) -> None:
    meta = value.get("meta")
    if not isinstance(meta, dict) or not str(meta.get("api-version", "")).startswith("2."):
        raise _odd(index, "meta")


def _mapping(value: Mapping[str, Any], member: str, index: Index) -> Mapping[str, Any]:
    found = value.get(member)
    if not isinstance(found, dict):
        raise _odd(index, member)
    return found


def _optional(links: Mapping[str, Any], member: str, index: Index) -> str | None:
    return index.checked(links[member], member) if links.get(member) is not None else None


def _notices(value: object) -> tuple[str, ...]:
    return tuple(plain(one) for one in value[:MOST_NOTICES]) if isinstance(value, list) else ()


def _poll_seconds(headers: Mapping[str, str]) -> float:
    """When to ask again; a second if the index does not say."""
    asked = retry_after(headers)
    return min(max(SHORTEST_POLL_SECONDS, 1.0 if asked is None else asked), LONGEST_POLL_SECONDS)


def _odd(index: Index, member: str) -> Unavailable:
    return Unavailable(index.host, f"its answer is no Upload 2.0: {member} is not as PEP 694 says")
