"""Opening a source: whatever kind it is, what comes out are files with their places."""

from __future__ import annotations

from contextlib import AbstractContextManager

from customhouse.advisories.sources.address import open_address
from customhouse.advisories.sources.files import open_file, open_folder, open_zip_file
from customhouse.advisories.sources.git import open_repository
from customhouse.advisories.sources.model import Reading, Source
from customhouse.infra.fetch import Outbound


def open_source(source: Source, outbound: Outbound, *, again: bool = False) -> AbstractContextManager[Reading | None]:
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
            return open_address(source, outbound, again=again)
