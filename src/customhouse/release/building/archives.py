"""Archives of any kind that builds make, read by the strict walkers; a ``.tar.xz`` is unpacked to that end."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from customhouse.formats.inspection import Limits
from customhouse.formats.tar_walk import walk_tar_gz
from customhouse.formats.zip_walk import Walk, Watch, walk_zip
from customhouse.terms.errors import Rejected

_GZIP = (".tar.gz", ".tgz")
_OTHERS: dict[str, Callable[[Path], object]] = {
    ".tar.xz": lzma.open, ".txz": lzma.open, ".tar.bz2": bz2.open, ".tar": lambda path: path.open("rb"),
}  # fmt: skip
_ZIP = (".whl", ".zip")
TARBALLS = (*_GZIP, *_OTHERS)
_COPY_BYTES = 2**20


def walk_archive(path: Path, keep: Callable[[str], int], folder: Path) -> Walk | None:
    """All members of an archive; None for a file that is none. ``keep`` as of `Watch`; ``folder`` is for a copy.

    Raises `Rejected` if readers could differ on it.
    """
    watch = Watch(keep=keep)
    if path.name.endswith(_ZIP):
        with path.open("rb") as file:
            return walk_zip(file, Limits(), watch)
    if path.name.endswith(_GZIP):
        with path.open("rb") as file:
            return walk_tar_gz(file, Limits(), watch)
    for ending, opened in _OTHERS.items():
        if path.name.endswith(ending):
            copy = folder / f".{path.name}.copy"
            try:
                _as_gzip(path, opened, copy)
                with copy.open("rb") as file:
                    return walk_tar_gz(file, Limits(), watch)
            finally:
                copy.unlink(missing_ok=True)
    return None


def _as_gzip(path: Path, opened: Callable[[Path], object], copy: Path) -> None:
    most = Limits().expanded_bytes
    try:
        # Level 0: what is inside decides, and not how well it could be packed.
        with cast("BinaryIO", opened(path)) as source, gzip.open(copy, "wb", compresslevel=0) as out:
            while chunk := source.read(_COPY_BYTES):
                most -= len(chunk)
                if most < 0:
                    raise Rejected("bomb", path.name, f"it holds more than {Limits().expanded_bytes:,} bytes")
                out.write(chunk)
    except (lzma.LZMAError, OSError, EOFError) as error:
        raise Rejected("damaged", path.name, f"it cannot be unpacked: {error}") from error


def programs(path: Path) -> dict[str, bool]:
    """Of each file of a tarball that a walk has passed, whether it may be executed."""
    with tarfile.open(path) as archive:
        return {member.name: bool(member.mode & 0o100) for member in archive if member.isreg()}
