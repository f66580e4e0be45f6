"""Archives written once more, so that the same content is the same bytes.

Backends write what they find: times, owners, the order of a folder, the name of a temporary file. Here an archive that
the strict reader has passed is written anew. Members are sorted, times are the commit's, owners are nobody, modes are
644 or 755, and compressors are called in one way. The contents are not touched: RECORD stays as true as it was.

Sources: PEP 517 and PEP 625 (sdists), PEP 427 (wheels; ``.dist-info`` stands last, RECORD at its end), POSIX pax,
APPNOTE.TXT 4.4.6 (a ZIP's time begins in 1980), RFC 1952.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, BinaryIO, cast

LEVEL = 9
_FIRST_ZIP_TIME = datetime(1980, 1, 1, tzinfo=UTC)
_COPY_BYTES = 2**20
_LARGEST_LEVEL_XZ = 6
_MAGICS: Mapping[bytes, Callable[[Path], object]] = {
    b"\x1f\x8b": gzip.open, b"\xfd7zXZ\x00": lzma.open, b"BZh": bz2.open,
}  # fmt: skip
_LONGEST_MAGIC = max(map(len, _MAGICS))


def repack_sdist(source: Path, target: Path, epoch: int) -> None:
    """Write a ``.tar.gz`` anew. The caller has had it read by `formats.sdist`: only then do all readers agree on it."""
    with target.open("wb") as out, gzip.GzipFile("", "wb", LEVEL, out, mtime=0) as packed:
        _retar(source, packed, epoch)


def repack_tar(source: Path, target: Path, epoch: int) -> None:
    """Write a tarball anew, compressed as its name says: ``.tar.gz``, ``.tgz``, ``.tar.xz``, ``.tar.bz2``, ``.tar``."""
    with target.open("wb") as out:
        if target.name.endswith((".tar.gz", ".tgz")):
            with gzip.GzipFile("", "wb", LEVEL, out, mtime=0) as packed:
                _retar(source, packed, epoch)
        elif target.name.endswith((".tar.xz", ".txz")):
            # One thread and one block: xz writes other bytes with another number of threads.
            with lzma.LZMAFile(out, "wb", check=lzma.CHECK_CRC64, preset=_LARGEST_LEVEL_XZ) as packed_xz:
                _retar(source, packed_xz, epoch)
        elif target.name.endswith(".tar.bz2"):
            with bz2.BZ2File(out, "wb", compresslevel=LEVEL) as packed_bz2:
                _retar(source, packed_bz2, epoch)
        else:
            _retar(source, out, epoch)


def _retar(source: Path, out: object, epoch: int) -> None:
    # Unpacked once, beside: each step back in what is compressed would unpack it from its beginning.
    with TemporaryFile(dir=source.parent) as unpacked:
        with _opened(source) as packed:
            shutil.copyfileobj(packed, unpacked, _COPY_BYTES)
        unpacked.seek(0)
        _write_sorted(unpacked, out, epoch)


def _opened(source: Path) -> IO[bytes]:
    """What is inside of the compression, whatever the file is called."""
    with source.open("rb") as file:
        first = file.read(_LONGEST_MAGIC)
    for magic, opened in _MAGICS.items():
        if first.startswith(magic):
            return cast("IO[bytes]", opened(source))
    return source.open("rb")


def _write_sorted(plain_tar: IO[bytes], out: object, epoch: int) -> None:
    with (
        tarfile.open(fileobj=plain_tar, mode="r:") as old,
        tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as new,  # type: ignore[call-overload]
    ):
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            plain = tarfile.TarInfo(member.name)
            plain.type, plain.linkname = member.type, member.linkname
            plain.mtime = epoch
            plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            content = None
            if member.isreg():
                plain.type, plain.size = tarfile.REGTYPE, member.size
                content = old.extractfile(member)
            new.addfile(plain, content)


def repack_wheel(source: Path, target: Path, epoch: int) -> None:
    """Write a wheel anew. The caller has had it read by `formats.wheel`."""
    at = max(datetime.fromtimestamp(epoch, UTC), _FIRST_ZIP_TIME)
    time = (at.year, at.month, at.day, at.hour, at.minute, at.second // 2 * 2)
    with zipfile.ZipFile(source) as old, target.open("wb") as file:
        out: BinaryIO = file
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as new:
            for member in sorted(old.infolist(), key=lambda one: _place(one.filename)):
                if member.is_dir():
                    continue
                plain = zipfile.ZipInfo(member.filename, time)
                plain.create_system = 3
                plain.external_attr = (0o100755 if member.external_attr >> 16 & 0o100 else 0o100644) << 16
                plain.compress_type = zipfile.ZIP_DEFLATED
                plain.file_size = member.file_size
                with old.open(member) as content, new.open(plain, "w") as written:
                    shutil.copyfileobj(content, written, _COPY_BYTES)


def _place(name: str) -> tuple[bool, bool, str]:
    """PEP 427: ``.dist-info`` physically at the end; RECORD there last."""
    folder = name.partition("/")[0]
    return folder.endswith(".dist-info"), name == f"{folder}/RECORD", name


def compressor() -> str:
    """Which compressor wrote: another one may write other bytes for the same content."""
    return f"zlib {zlib.ZLIB_RUNTIME_VERSION} -{LEVEL}"
