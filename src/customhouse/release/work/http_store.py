"""The files of a run at a release room, with a folder of this machine in front: fetched once, and always hashed."""

from __future__ import annotations

import os
from pathlib import Path

from customhouse.release.actions import Tampered
from customhouse.release.store_folder import FolderStore
from customhouse.release.things import Thing
from customhouse.release.work.room_door import RoomDoor
from customhouse.terms.errors import Refused


class HttpStore:
    """Files by SHA-256. What comes from the room is hashed here: the room is believed in nothing."""

    def __init__(self, door: RoomDoor, folder: Path) -> None:
        self._door = door
        self._here = FolderStore(folder)
        self._handed_over: set[str] = set()

    def put(self, path: Path, name: str = "") -> Thing:
        """Keep a file here and there, durably. Twice is harmless."""
        thing = self._here.put(path, name)
        if thing.digest not in self._handed_over:
            if not self._door.has(thing.digest):
                self._door.put(thing.digest, path)
            self._handed_over.add(thing.digest)
        return thing

    def fetch(self, thing: Thing, into: Path) -> Path:
        """Write the file to ``into / thing.name``; raises `Tampered` if its bytes are others, or missing."""
        if not self._here.has(thing.digest):
            self._bring(thing)
        return self._here.fetch(thing, into)

    def has(self, digest: str) -> bool:
        """Whether it is at the room."""
        return digest in self._handed_over or self._door.has(digest)

    def _bring(self, thing: Thing) -> None:
        self._here.path.mkdir(parents=True, exist_ok=True)
        temporary = self._here.path / f".came-{os.getpid()}-{os.urandom(8).hex()}"
        try:
            digest = self._door.fetch(thing.digest, temporary)
            if digest != thing.digest:
                raise Tampered("digest", f"SHA-256 {digest}", f"SHA-256 {thing.digest}", place=thing.name)
            self._here.put(temporary, thing.name)
        except Refused as refusal:
            if refusal.code != "unknown-object":
                raise
            raise Tampered(
                "file-missing", "the room does not have the file", f"SHA-256 {thing.digest}", place=thing.name
            ) from refusal
        finally:
            temporary.unlink(missing_ok=True)
