"""What an index says of projects at this moment, file by file: digests, yanks, statuses, and its own facts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from customhouse.consume.audit.index_pages import AT_ONCE, MEDIA_TYPE
from customhouse.consume.wire import NOT_FOUND, Wire, host_of
from customhouse.formats.inventory.file_version import version_in
from customhouse.formats.osv.matching import read_version
from customhouse.terms.errors import Unavailable


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file that is listed."""

    filename: str
    version: str
    """In normal form; as it stands there if it is none."""
    digest: str
    """``sha256:…``; empty if the index does not say."""
    url: str
    yanked: str | None = None
    """The reason; None if it is not yanked."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One project."""

    files: Mapping[str, ListedFile] = field(default_factory=dict)
    status: str = "active"
    reason: str = ""
    own: Mapping[str, Any] = field(default_factory=dict)
    """What a Customhouse says besides, under ``_customhouse``."""

    @property
    def digests(self) -> frozenset[str]:
        """Of every file."""
        return frozenset(one.digest for one in self.files.values() if one.digest)

    def versions(self) -> tuple[str, ...]:
        """Of which a file is listed that nobody has yanked."""
        return tuple(dict.fromkeys(one.version for one in self.files.values() if one.yanked is None))


class Listings:
    """Pages of one simple repository, each asked for once."""

    def __init__(self, wire: Wire, simple: str) -> None:
        self._wire = wire
        self._simple = simple
        self._found: dict[str, Listing | Unavailable | None] = {}

    def ask(self, names: Iterable[str], advance: Callable[[int, int], None] = lambda _done, _of: None) -> None:
        """Get these, several at once."""
        missing = sorted({name for name in names if name not in self._found})
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done, (name, one) in enumerate(zip(missing, pool.map(self._get, missing), strict=True), 1):
                self._found[name] = one
                advance(done, len(missing))

    def of(self, name: str) -> Listing | Unavailable | None:
        """The project; None if the index does not have it; why it could not be asked."""
        if name not in self._found:
            self._found[name] = self._get(name)
        return self._found[name]

    def _get(self, name: str) -> Listing | Unavailable | None:
        page = f"{self._simple}{name}/"
        try:
            answer = self._wire.get(page, headers={"Accept": MEDIA_TYPE, "Cache-Control": "no-cache"})
            return None if answer.status == NOT_FOUND else read_listing(answer.body, page, name)
        except Unavailable as error:
            return error


def read_listing(body: bytes, page: str, name: str) -> Listing:
    """A page of the simple repository API in JSON; raises `Unavailable` for anything else."""
    try:
        document = json.loads(body)
        state = document.get("project-status") or document["meta"].get("project-status") or {}
        status, reason = (state, "") if isinstance(state, str) else (state.get("status"), state.get("reason"))
        files = {
            one.filename: one for entry in document["files"] if isinstance(entry, dict)
            if (one := _file(entry, page, name)) is not None
        }  # fmt: skip
        own = document.get("_customhouse")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unavailable(host_of(page), "its pages are not the JSON of PEP 691") from error
    return Listing(files, str(status or "active"), str(reason or ""), own if isinstance(own, dict) else {})


def _file(entry: Mapping[str, Any], page: str, name: str) -> ListedFile | None:
    filename, url = entry.get("filename"), entry.get("url")
    if not isinstance(filename, str) or not isinstance(url, str):
        return None
    hashes = entry.get("hashes")
    digest = hashes.get("sha256") if isinstance(hashes, dict) else None
    told = version_in(filename, name)
    yanked = entry.get("yanked")
    return ListedFile(
        filename, str(read_version(told) or told), f"sha256:{digest.lower()}" if isinstance(digest, str) else "",
        urljoin(page, url).partition("#")[0],
        None if yanked in (None, False) else yanked if isinstance(yanked, str) else "",
    )  # fmt: skip
