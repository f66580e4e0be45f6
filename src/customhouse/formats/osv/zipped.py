"""The files of a ZIP of advisories, as OSV publishes them (``all.zip``), read one after the other within limits.

This is no package: nobody installs what is in it, and the archives of GitHub and of Go's writer are welcome. So it is
read by its directory alone, but neither a bomb nor a member of its own size can fill memory or disk.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from customhouse.formats.osv.documents import MAX_BYTES, Damaged, records_among
from customhouse.terms.errors import Rejected

MAX_MEMBERS = 500_000
MAX_DIRECTORY_BYTES = 128 * 2**20
MAX_EXPANDED_BYTES = 8 * 2**30
_END = b"PK\x05\x06"
_END_BYTES, _TAIL_BYTES = 22, 22 + 0xFFFF


def open_zip(file: IO[bytes], where: str) -> zipfile.ZipFile:
    """The archive's directory, if it is not too large; raises `Rejected`."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise Rejected("bad-zip", where, "it has no end record", "a ZIP archive")
    # Of zip64 this says 0xFFFFFFFF: then the file's size bounds the directory.
    announced = int.from_bytes(tail[at + 12 : at + 16], "little")
    if min(announced, size) > MAX_DIRECTORY_BYTES:
        raise Rejected("bad-zip", where, f"its directory has {min(announced, size)} bytes",
                       f"at most {MAX_DIRECTORY_BYTES}")  # fmt: skip
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise Rejected("bad-zip", where, f"it cannot be read: {str(error)[:200]}", "a ZIP archive") from error
    if len(archive.filelist) > MAX_MEMBERS:
        raise Rejected("bad-zip", where, f"it has {len(archive.filelist)} members", f"at most {MAX_MEMBERS}")
    return archive


def names_in(archive: zipfile.ZipFile) -> list[str]:
    """The members that hold records, in the archive's order, each once."""
    return records_among(list(dict.fromkeys(one.filename for one in archive.filelist if not one.is_dir())))


def files_in(archive: zipfile.ZipFile, names: list[str], where: str) -> Iterator[tuple[str, bytes] | Damaged]:
    """Name and content of each of these members; a damaged one does not stop the others.

    Raises `Rejected` when all together expand to more than anybody has: then the archive is a bomb.
    """
    expanded = 0
    for name in names:
        # LZMA takes as much memory as the archive says; nobody packs advisories with it.
        if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            yield Damaged(name, f"{name}: it is not packed with deflate")
            continue
        try:
            with archive.open(name) as member:
                content = member.read(MAX_BYTES + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
            OSError,
        ) as error:
            yield Damaged(name, f"{name}: it cannot be unpacked: {str(error)[:200]}")
            continue
        expanded += len(content)
        if expanded > MAX_EXPANDED_BYTES:
            raise Rejected("bad-zip", where, f"it expands to more than {MAX_EXPANDED_BYTES} bytes", "less")
        if len(content) > MAX_BYTES:
            yield Damaged(name, f"{name}: it has more than {MAX_BYTES} bytes")
            continue
        yield name, content
