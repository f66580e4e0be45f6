"""Objects in an S3 bucket, under their digest: writing again is harmless, and S3 acknowledges what is durable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from customhouse.infra.blobs import Stored
from customhouse.infra.settings import Settings
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Unavailable

if TYPE_CHECKING:
    from obstore.store import S3Config  # a type that exists for type checkers alone

LINK_LIFE = timedelta(seconds=30)
PART_BYTES = 8 * 2**20
_HEX_LENGTH = 64


class S3Blobs:
    """A `Blobs` in an object store that speaks S3."""

    remote = True

    def __init__(self, store: S3Store, prefix: str = "") -> None:
        self._store = store
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def put(self, digest: Digest, source: Path) -> None:
        """Store the file's bytes, in parts of 8 MiB if it is large. See `Blobs.put`."""
        with _translated():
            obstore.put(self._store, self._key(digest), source, chunk_size=PART_BYTES, max_concurrency=4)

    def locate(self, digest: Digest) -> str | None:
        """A signed link to the object that is good for a minute, or None."""
        with _translated():
            try:
                obstore.head(self._store, self._key(digest))
            except FileNotFoundError:
                return None
            return obstore.sign(self._store, "GET", self._key(digest), LINK_LIFE)

    def delete(self, digest: Digest) -> None:
        """Remove the object; an absent one is no fault."""
        with _translated():
            try:
                obstore.delete(self._store, self._key(digest))
            except FileNotFoundError:
                return

    def list(self) -> Iterator[Stored]:
        """Every object, page by page."""
        with _translated():
            for page in obstore.list(self._store, self._prefix or None):
                for entry in page:
                    name = entry["path"].rpartition("/")[2]
                    if len(name) == _HEX_LENGTH:
                        yield Stored(Digest(name), entry["size"], entry["last_modified"])

    def _key(self, digest: Digest) -> str:
        return f"{self._prefix}{digest.hex[:2]}/{digest.hex}"


def open_s3(settings: Settings) -> S3Blobs:
    """The store that ``blobs = "s3://bucket/prefix"`` and the ``s3_*`` settings describe."""
    place = urlsplit(settings.blobs)
    secret = settings.s3_secret_key.get_secret_value()
    endpoint = settings.s3_endpoint
    config: S3Config = {"region": settings.s3_region, "virtual_hosted_style_request": False}
    if endpoint:
        config["endpoint"] = endpoint
    if settings.s3_access_key:
        config["access_key_id"] = settings.s3_access_key
        config["secret_access_key"] = secret
    store = S3Store(
        place.netloc,
        config=config,
        client_options={"allow_http": endpoint.startswith("http://"), "timeout": "120s", "connect_timeout": "5s"},
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=10)},
    )
    return S3Blobs(store, place.path)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise Unavailable("The object store", type(error).__name__, retry_after_seconds=10) from error
