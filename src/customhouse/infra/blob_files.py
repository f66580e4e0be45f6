"""An object as a file on the local disk, whatever store it lies in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from customhouse.infra.blobs import Blobs
from customhouse.infra.spool import SpoolWriter
from customhouse.infra.system_trust import shared_system_trust
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Broken, Unavailable

CHUNK_BYTES = 2**20
SILENCE_SECONDS = 30


@contextmanager
def local_file(blobs: Blobs, digest: Digest, spool: Path) -> Iterator[Path]:
    """The object's own file, or a copy in the spool that is removed at the end. It is only to be read.

    Raises `Broken` if the store has lost the object or holds other bytes under its name, `Unavailable` if the store is
    away.
    """
    place = blobs.locate(digest)
    if place is None:
        raise Broken(f"The object {digest} is not in the store")
    if isinstance(place, Path):
        yield place
        return
    copy = SpoolWriter(spool)
    try:
        _fetch(place, copy)
        if copy.finish(digest.hex).sha256 != digest.hex:
            raise Broken(f"The store holds other bytes under the name {digest}")
        yield copy.path
    finally:
        copy.discard()


def _fetch(link: str, copy: SpoolWriter) -> None:
    """Write what the store's own link leads to into the spool."""
    try:
        # The link is signed by us, for the store in the settings.
        with urlopen(link, timeout=SILENCE_SECONDS, context=shared_system_trust()) as body:  # noqa: S310
            while chunk := body.read(CHUNK_BYTES):
                copy.write(chunk)
    except (OSError, HTTPException) as error:
        raise Unavailable("The object store", type(error).__name__, retry_after_seconds=10) from error
