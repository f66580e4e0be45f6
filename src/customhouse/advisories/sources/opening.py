"""Opening a source: whatever kind it is, what comes out are files with their places."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from customhouse.advisories.sources.address import MAX_DOWNLOAD_BYTES, Known, fetch, open_address
from customhouse.advisories.sources.files import open_file, open_folder, open_zip_file
from customhouse.advisories.sources.git import open_repository
from customhouse.advisories.sources.model import Mark, Reading, Source
from customhouse.infra.fetch import Outbound
from customhouse.infra.targets import Target
from customhouse.terms.errors import Rejected


def open_source(
    source: Source, outbound: Outbound, known: Known, *, again: bool = False
) -> AbstractContextManager[Reading | None]:
    """What a source offers: all, or what has changed since its mark; None if nothing has.

    ``again`` reads all of it, whatever the mark says. Raises `Rejected` or `Unavailable` if it cannot be opened; a
    damaged file inside comes out as `Damaged`.
    """
    match source.kind:
        case "zip":
            return open_zip_file(source, again=again)
        case "folder":
            return open_folder(source, again=again)
        case "file":
            return open_file(source, again=again)
        case "git":
            return open_repository(source, again=again)
        case "url":
            return open_address(source, outbound, known, again=again)


def fetch_content(place: str, outbound: Outbound) -> tuple[bytes, str]:
    """What a file or an address holds, and what to call it; raises `Rejected` or `Unavailable`."""
    if "://" in place:
        return fetch(outbound, Target.parse(place, where="place"), Mark()).body, place
    path = Path(place)
    try:
        if path.stat().st_size > MAX_DOWNLOAD_BYTES:
            raise Rejected("bad-file", place, f"{path.stat().st_size} bytes", f"at most {MAX_DOWNLOAD_BYTES}")
        return path.read_bytes(), path.name
    except OSError as error:
        raise Rejected("no-such-file", place, error.strerror or "it cannot be read", "a file or an address") from error
