"""Objects under their digest: one small interface, two stores (`blobs_local`, `blobs_s3`), one contract test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from customhouse.terms.digest import Digest


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as a store lists it."""

    digest: Digest
    size_bytes: int
    stored_at: datetime


class Blobs(Protocol):
    """Objects that never change. Every method may raise `Unavailable` when the store is away."""

    remote: bool
    """Whether `locate` asks another machine, so that it must be called from a thread."""

    def put(self, digest: Digest, source: Path) -> None:
        """Store the file's bytes; durable when it returns. Putting a present digest again is harmless.

        The caller has already computed the digest. The source file is left alone (a local store may link it).
        """
        ...

    def locate(self, digest: Digest) -> Path | str | None:
        """Where a reader gets the bytes: a local path, a URL that is good for at most 60 s, or None if absent."""
        ...

    def delete(self, digest: Digest) -> None:
        """Remove the object; removing an absent one is harmless."""
        ...

    def list(self) -> Iterator[Stored]:
        """Every object, in no particular order."""
        ...
