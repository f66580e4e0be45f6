"""PyPI's older JSON API, ``/pypi/NAME/json``: what HTML pages do not say, sizes, upload times and SHA-256."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from customhouse.formats.upstream import value
from customhouse.formats.upstream.model import MOST_FILES, ListedFile, Listing, refused
from customhouse.formats.upstream.page_json import read_object
from customhouse.terms.names import normalize


@dataclass(frozen=True, slots=True)
class Details:
    """What the API says of one file."""

    sha256: str
    size_bytes: int | None
    uploaded_at: datetime | None


def details_from_json(body: bytes, *, wanted: str) -> dict[str, Details]:
    """What the API says of the files of the project ``wanted``, by file name; raises `Rejected`."""
    whole = read_object(body)
    info = whole.get("info")
    name = info.get("name") if isinstance(info, Mapping) else None
    if not isinstance(name, str) or normalize(name[:200]) != wanted:
        raise refused(f"it is about {value.clean(name, 100)!r}, and {wanted!r} was asked for")
    found: dict[str, Details] = {}
    for entry in _entries(whole):
        filename, digests = entry.get("filename"), entry.get("digests")
        if not isinstance(filename, str) or filename in found:
            continue
        if len(found) >= MOST_FILES:
            raise refused(f"it lists more than {MOST_FILES} files")
        found[filename] = Details(
            value.digest("sha256", digests.get("sha256")) if isinstance(digests, Mapping) else "",
            value.size(entry.get("size")),
            value.moment(entry.get("upload_time_iso_8601")) or value.moment(entry.get("upload_time")),
        )
    return found


def with_details(listing: Listing, details: Mapping[str, Details]) -> Listing:
    """The page with what it lacks. Where the two speak of different bytes, the page alone is believed."""
    return replace(listing, files=tuple(_with(file, details.get(file.filename)) for file in listing.files))


def _with(file: ListedFile, said: Details | None) -> ListedFile:
    if said is None or (file.sha256 and said.sha256 and file.sha256 != said.sha256):
        return file
    return replace(
        file,
        sha256=file.sha256 or said.sha256,
        size_bytes=said.size_bytes if file.size_bytes is None else file.size_bytes,
        uploaded_at=file.uploaded_at or said.uploaded_at,
    )


def _entries(whole: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The files of all releases, then those of the newest, which stand twice where both are given."""
    releases = whole.get("releases")
    lists = [*releases.values()] if isinstance(releases, Mapping) else []
    for files in [*lists, whole.get("urls")]:
        if isinstance(files, list):
            yield from (entry for entry in files if isinstance(entry, Mapping))
