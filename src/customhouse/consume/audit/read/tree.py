"""A tree of files to look into: a folder of this machine, or the layers of an image. Nothing is ever written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

_NOT_ON_A_DISK = frozenset({"proc", "sys", "dev"})


class Tree(Protocol):
    """Files by paths with ``/`` between their parts, from the tree's root, without a slash at either end."""

    is_whole: bool
    """Whether each file can be read, or only those that an audit needs."""

    def names(self, folder: str) -> tuple[str, ...] | None:
        """What stands in a folder, sorted; None if there is no such folder or it cannot be read."""
        ...

    def read(self, path: str, most_bytes: int) -> bytes | None:
        """A file's first bytes; None if there is no such file, or it may not be read."""
        ...

    def shown(self, path: str) -> str:
        """The path as people know it."""
        ...

    def folders(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Every folder with what stands in it, the root first; links are not followed."""
        ...

    def inside(self, target: str) -> str | None:
        """The path of what a file of the tree names absolutely; None if that is not in the tree."""
        ...

    def real(self, path: str) -> object:
        """The same for two paths of one folder."""
        ...


class DiskTree:
    """A folder of this machine.

    ``confined``: it is somebody else's file system (a container's), whose links must lead nowhere outside of it.
    """

    is_whole = True

    def __init__(self, root: Path, *, confined: bool = False) -> None:
        self._root = os.fspath(root)
        self._real = os.path.realpath(root) if confined else ""

    def names(self, folder: str) -> tuple[str, ...] | None:
        """See `Tree`."""
        place = self._place(folder)
        if place is None:
            return None
        try:
            return tuple(sorted(os.listdir(place)))  # noqa: PTH208  # the quickest there is, in the hottest place
        except OSError:
            return None

    def read(self, path: str, most_bytes: int) -> bytes | None:
        """See `Tree`."""
        place = self._place(path)
        if place is None:
            return None
        try:
            # Not blocking, so that a pipe that is called METADATA holds nobody up.
            descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError):
            return None
        try:
            pieces, left = [], most_bytes
            while left > 0 and (piece := os.read(descriptor, left)):
                pieces.append(piece)
                left -= len(piece)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return b"".join(pieces)

    def shown(self, path: str) -> str:
        """See `Tree`."""
        return f"{self._root.rstrip('/')}/{path}" if path else self._root

    def folders(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """See `Tree`."""
        for place, folders, files in os.walk(self._root, followlinks=False):
            path = os.path.relpath(place, self._root)
            if path == ".":
                path = ""
                folders[:] = [one for one in folders if one not in _NOT_ON_A_DISK]
            yield path, (*sorted(folders), *files)

    def inside(self, target: str) -> str | None:
        """See `Tree`. A confined tree's absolute paths begin at its own root."""
        if not target.startswith("/") or "\0" in target:
            return None
        if self._real:
            return os.path.normpath(target).strip("/")
        # Joined to the root and read from there, it is the same file.
        return os.path.relpath(target, self._root)

    def real(self, path: str) -> str:
        """See `Tree`."""
        return os.path.realpath(f"{self._root}/{path}")

    def _place(self, path: str) -> str | None:
        place = f"{self._root}/{path}" if path else self._root
        if self._real and not f"{os.path.realpath(place)}/".startswith(self._real.rstrip("/") + "/"):
            return None
        return place
