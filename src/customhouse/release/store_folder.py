"""Files in a folder, by their SHA-256: written aside, made durable, then named; hashed again whenever one comes out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from customhouse.infra.sync_folder import sync_folder
from customhouse.release.actions import Tampered
from customhouse.release.things import Thing

_CHUNK = 2**20


class FolderStore:
    """Files as ``sha256/ab/cdef…`` below the folder. Several processes may put and fetch at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, path: Path, name: str = "") -> Thing:
        """Keep a file, durably; ``name`` is the file's own where nothing is given. Twice is harmless."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self._aside() as (temporary, out):
            digest, size = hashlib.sha256(), 0
            with path.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    out.write(chunk)
                    size += len(chunk)
            out.flush()
            os.fsync(out.fileno())
            self._name(temporary, digest.hexdigest())
        return Thing(name or path.name, "sha256", digest.hexdigest(), size)

    def fetch(self, thing: Thing, into: Path) -> Path:
        """Write the file to ``into / thing.name``; raises `Tampered` if it is missing or another."""
        target = into / thing.name
        if not target.resolve().is_relative_to(into.resolve()):
            raise Tampered("bad-name", f"a file is called {thing.name!r}", "a name inside its folder", place="store")
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        try:
            with self._where(thing.digest).open("rb") as source, target.open("wb") as out:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    out.write(chunk)
        except FileNotFoundError as error:
            raise Tampered(
                "file-missing", "the file is not in the store", f"SHA-256 {thing.digest}", place=thing.name
            ) from error
        if digest.hexdigest() != thing.digest:
            target.unlink()
            raise Tampered("digest", f"SHA-256 {digest.hexdigest()}", f"SHA-256 {thing.digest}", place=thing.name)
        return target

    def has(self, digest: str) -> bool:
        """Whether it is here."""
        return self._where(digest).is_file()

    def _where(self, digest: str) -> Path:
        return self.path / "sha256" / digest[:2] / digest[2:]

    @contextmanager
    def _aside(self) -> Iterator[tuple[Path, BinaryIO]]:
        """A file of our own in the same file system, gone afterwards."""
        temporary = self.path / f".{os.getpid()}.{os.urandom(8).hex()}"
        try:
            with temporary.open("xb") as out:
                yield temporary, out
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()

    def _name(self, temporary: Path, digest: str) -> None:
        target = self._where(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        # What lies there may be damaged: the fresh bytes replace it, atomically, and are the same if it is not.
        temporary.chmod(0o444)
        temporary.replace(target)
        for folder in (target.parent, target.parent.parent, self.path):
            sync_folder(folder)


def keep_durably(path: Path, text: str) -> None:
    """Write a note that is whole and durable when this returns, or was not written at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)
