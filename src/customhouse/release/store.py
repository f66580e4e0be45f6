"""Where files lie by their digest, so that a name can never mean two things."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from customhouse.release.things import Thing


class Store(Protocol):
    """Files by SHA-256. Whatever comes out has been hashed on the way."""

    def put(self, path: Path, name: str = "") -> Thing:
        """Keep a file, durably; ``name`` is the file's own where nothing is given. Twice is harmless."""
        ...

    def fetch(self, thing: Thing, into: Path) -> Path:
        """Write the file to ``into / thing.name``; raises `Tampered` if its bytes are not the named ones."""
        ...

    def has(self, digest: str) -> bool:
        """Whether it is here."""
        ...
