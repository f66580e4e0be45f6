"""What an index shows to strangers, asked without showing who we are: simple pages (JSON and HTML) and files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import httpx2

from customhouse.client.address import Index
from customhouse.formats.upstream.model import PAGE_BYTES, ListedFile, Listing
from customhouse.formats.upstream.read import read_page
from customhouse.infra.system_trust import system_trust
from customhouse.release.actions import Problem, Tampered
from customhouse.release.things import Thing
from customhouse.terms.errors import Rejected
from customhouse.terms.versions import version_of

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
_NOT_FOUND = frozenset({404, 410})
_MOST_REDIRECTS = 5
_SECONDS = 60.0
SMALL_BYTES = 8 * 2**20
"""Of metadata and provenance."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody who knows addresses and nothing else."""

    client: httpx2.Client

    def page(self, url: str, name: str, media_type: str) -> Listing | None:
        """A project's page; None if there is none. Raises `Problem`."""
        answer = self.get(url, PAGE_BYTES, accept=media_type)
        if answer is None:
            return None
        body, kind = answer
        try:
            return read_page(body, kind, wanted=name, base=url)
        except Rejected as rejected:
            raise Problem("bad-page", rejected.why, "a page of the simple API", place=url) from rejected

    def get(self, url: str, most_bytes: int, *, accept: str = "*/*") -> tuple[bytes, str] | None:
        """A body and its type; None if there is none. Raises `Problem`."""
        found = bytearray()
        with self._asked(url, accept) as answer:
            if answer.status_code in _NOT_FOUND:
                return None
            _refuse_unless_fine(answer, url)
            for piece in answer.iter_bytes():
                found += piece
                if len(found) > most_bytes:
                    raise Problem("too-long", f"it is longer than {most_bytes} bytes", place=url)
            return bytes(found), answer.headers.get("content-type", "")

    def download(self, url: str, into: Path, most_bytes: int) -> str | None:
        """A file, written; returns its SHA-256, or None if there is none. One byte more than ``most_bytes`` at most."""
        digest, size = hashlib.sha256(), 0
        with self._asked(url, "*/*") as answer:
            if answer.status_code in _NOT_FOUND:
                return None
            _refuse_unless_fine(answer, url)
            with into.open("wb") as file:
                for piece in answer.iter_bytes():
                    digest.update(piece)
                    file.write(piece)
                    size += len(piece)
                    if size > most_bytes:
                        break
        return digest.hexdigest()

    def fault(self, url: str, wanted: Thing, into: Path, most_bytes: int = 0) -> Problem | None:
        """Fetch a file that is published; `Tampered`, returned and not raised, if its bytes are not the wanted ones."""
        # A byte more than there should be is enough to see that it is another file.
        seen = self.download(url, into, max(wanted.size_bytes, most_bytes))
        if seen == wanted.digest:
            return None
        saw = f"SHA-256 {seen}" if seen is not None else "it is not there"
        return Tampered("digest", f"{wanted.name}: {saw}", f"SHA-256 {wanted.digest}", place=url)

    @contextmanager
    def _asked(self, url: str, accept: str) -> Iterator[httpx2.Response]:
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        try:
            with self.client.stream("GET", url, headers=headers) as answer:
                if url.startswith("https:") and urlsplit(str(answer.url)).scheme != "https":
                    raise Problem("insecure", f"it leads to {answer.url}", "https", place=url)
                yield answer
        except httpx2.HTTPError as error:
            raise Problem("unavailable", f"no answer: {error}", place=url, next_step="Try again later.") from error


@contextmanager
def stranger() -> Iterator[Stranger]:
    """Without cookies, credentials and caches."""
    client = httpx2.Client(
        verify=system_trust(), follow_redirects=True, max_redirects=_MOST_REDIRECTS, timeout=_SECONDS,
        headers={"User-Agent": "Customhouse"}, trust_env=False,
    )  # fmt: skip
    try:
        yield Stranger(client)
    finally:
        client.close()


def of_version(listing: Listing | None, version: str) -> dict[str, ListedFile]:
    """The files of one version, by name."""
    wanted = version_of(version)
    found = listing.files if listing is not None else ()
    return {one.filename: one for one in found if version_of(one.version) == wanted}


def published_digests(public: Stranger, index: Index, name: str, version: str) -> dict[str, str]:
    """SHA-256 by file name of what strangers see of a version; empty if it is not there."""
    listed = of_version(public.page(index.simple(name), name, JSON), version)
    return {filename: one.sha256 for filename, one in listed.items()}


def _refuse_unless_fine(answer: httpx2.Response, url: str) -> None:
    if not answer.is_success:
        _refuse(answer, url)


def _refuse(answer: httpx2.Response, url: str) -> NoReturn:
    raise Problem("unavailable", f"it answers {answer.status_code}", place=url, next_step="Try again later.")
