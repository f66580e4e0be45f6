"""Finds the records of a folder, a file or an archive, within bounds, in an order that is always the same."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from customhouse.formats.cve.model import CveRecord, Damage
from customhouse.formats.cve.read import RECORD_BYTES, records_in
from customhouse.terms.errors import Rejected

MOST_FILES = 1_000_000
UNPACKED_BYTES = 8 * 1024**3
"""Of one packed file: a feed of all years has 1.4 GB."""
_NO_RECORDS = ("delta", "deltaLog")
_PACKED: Mapping[str, Callable[[Path], Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


def files_below(paths: Sequence[Path]) -> list[Path]:
    """The files that may hold records: those that are named, and those of folders; raises `Rejected`."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(_walk(path))
        elif path.is_file():
            found.append(path)
        else:
            raise Rejected("no-file", str(path), "there is no such file or folder", "a folder, .json, .json.gz, .zip")
        if len(found) > MOST_FILES:
            raise Rejected("too-many", str(path), f"more than {MOST_FILES:,} files", "fewer at once")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    # Links are not followed: what is meant lies in the folder.
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(names):
            if name.endswith((".json", ".json.gz", ".json.xz", ".zip")) and not name.startswith(_NO_RECORDS):
                yield Path(place) / name


def records_of(path: Path) -> Iterator[CveRecord | Damage]:
    """The records of one file, packed or not; what cannot be read is handed out as damage with its place."""
    try:
        if path.suffix == ".zip":
            yield from _in_zip(path)
        elif path.suffix in _PACKED:
            with _PACKED[path.suffix](path) as file:
                yield from records_in(cast("BinaryIO", _Bounded(file, UNPACKED_BYTES)), str(path))
        else:
            with path.open("rb") as file:
                yield from records_in(file, str(path))
    except (OSError, EOFError, ValueError, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
        yield Damage(str(path), f"{path}: {str(error) or type(error).__name__}")


def _in_zip(path: Path) -> Iterator[CveRecord | Damage]:
    with zipfile.ZipFile(path) as archive:
        members = [one for one in archive.infolist() if one.filename.endswith((".json", ".zip")) and not one.is_dir()]
        if len(members) > MOST_FILES:
            yield Damage(str(path), f"{path}: {len(members):,} members; at most {MOST_FILES:,} are read")
            return
        for member in members:
            place = f"{path}!{member.filename}"
            if member.filename.endswith(".zip"):
                yield Damage(place, f"{place}: an archive in an archive; unpack it and import that")
                continue
            if member.filename.rpartition("/")[2].startswith(_NO_RECORDS):
                continue
            with archive.open(member) as file:
                most = UNPACKED_BYTES if len(members) == 1 else RECORD_BYTES + 1
                yield from records_in(cast("BinaryIO", _Bounded(cast("BinaryIO", file), most)), place)


class _Bounded:
    """A file that ends after so many bytes, however small its packed form is."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file = file
        self._left = most

    def read(self, count: int = -1) -> bytes:
        """As files do; raises `ValueError` beyond the bound."""
        if self._left <= 0:
            raise ValueError("it unpacks to more than is read")
        piece = self._file.read(min(count, self._left) if count >= 0 else self._left)
        self._left -= len(piece)
        return piece
