"""Objects as files of the data folder, one per digest: ``blobs/ab/abcd…``.

Small and ours, because the libraries that were tried do not sync. An object appears under its name by a link, whole and
on disk, or not at all; nothing ever writes into a file that has its final name.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from customhouse.infra.blobs import Stored
from customhouse.infra.sync_folder import sync_folder
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Broken, Unavailable

_HEX_LENGTH = 64


class LocalBlobs:
    """A `Blobs` on the local disk."""

    remote = False

    def __init__(self, root: Path) -> None:
        self._root = root
        self._temporary = root / "tmp"
        self._temporary.mkdir(parents=True, exist_ok=True)
        # All of them now: a folder made by one upload and used by another would be on disk only when the first is done.
        for number in range(256):
            (root / f"{number:02x}").mkdir(exist_ok=True)
        sync_folder(root)

    def put(self, digest: Digest, source: Path) -> None:
        """Store the file's bytes; durable when it returns. See `Blobs.put`."""
        final = self._path(digest)
        try:
            if self._present(final, source.stat().st_size):
                # Fresh again in the eyes of the sweeper, who removes old objects without a row.
                os.utime(final)
                return
            self._link_in(source, final)
        except OSError as error:
            raise Unavailable("The store", f"{error.strerror or error}") from error

    def locate(self, digest: Digest) -> Path | None:
        """The object's path, or None; a symbolic link under the name is none of ours."""
        path = self._path(digest)
        try:
            found = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return path if stat.S_ISREG(found.st_mode) else None

    def delete(self, digest: Digest) -> None:
        """Remove the object; an absent one is no fault."""
        path = self._path(digest)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)

    def list(self) -> Iterator[Stored]:
        """Every object."""
        for path in self._root.glob("??/*"):
            if len(path.name) != _HEX_LENGTH:
                continue
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue
            yield Stored(Digest(path.name), found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def sweep_temporaries(self, before: datetime) -> int:
        """Remove temporaries of killed processes that are older than a moment; returns how many."""
        removed = 0
        for path in self._temporary.iterdir():
            # Whoever wrote it may be alive, and done with it now.
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    removed += 1
        return removed

    def _path(self, digest: Digest) -> Path:
        return self._root / digest.hex[:2] / digest.hex

    def _present(self, final: Path, size_bytes: int) -> bool:
        try:
            found = final.lstat()
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(found.st_mode) or found.st_size != size_bytes:
            raise Broken(f"{final} is not the object that its name says; remove it by hand after a look")
        # Somebody else may have linked it and not synced the folder yet.
        sync_folder(final.parent)
        return True

    def _link_in(self, source: Path, final: Path) -> None:
        """Sync the bytes first, then give them their name, then sync the name."""
        if source.stat().st_dev == self._root.stat().st_dev:
            source.chmod(0o644)
            self._name(source, final)
            return
        descriptor, name = tempfile.mkstemp(dir=self._temporary)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as copy, source.open("rb") as original:
                shutil.copyfileobj(original, copy, 2**20)
            temporary.chmod(0o644)
            self._name(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)

    def _name(self, whole: Path, final: Path) -> None:
        _sync_file(whole)
        try:
            os.link(whole, final)
        except FileExistsError:
            self._present(final, whole.stat().st_size)
        sync_folder(final.parent)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
