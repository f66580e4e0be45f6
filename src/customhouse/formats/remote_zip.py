"""One member of a ZIP archive that lies elsewhere, read by ranges: the metadata of a wheel without the wheel.

The end record and the directory are read as strictly as the whole walk reads them (`zip_walk`), the member by what the
directory says of it: its local header must name it, its size and CRC must be true. That the rest of the archive agrees
is only known when all of it is here; whoever serves what is found here compares it then.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from io import RawIOBase
from typing import BinaryIO, cast

from customhouse.formats.inspection import Limits
from customhouse.formats.zip_walk import Entry, read_directory
from customhouse.terms.errors import Rejected

ReadRange = Callable[[int, int], bytes]
"""The bytes from one offset to before another, exactly as many as that; raises whatever it likes."""

AHEAD_BYTES = 16 * 1024
"""What is read at least: local headers are short, and each request costs a way there and back."""
MOST_DIRECTORY_BYTES = 8 * 2**20
MOST_METADATA_BYTES = 5 * 2**20
_METADATA = re.compile(rb"[^/]+\.dist-info/METADATA")
_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_STORED, _DEFLATED, _ENCRYPTED = 0, 8, 0x2041
_LIMITS = Limits(directory_bytes=MOST_DIRECTORY_BYTES)


def remote_metadata(read: ReadRange, size_bytes: int) -> bytes:
    """METADATA of a wheel of so many bytes. Memory holds the directory, the member, and what was read ahead.

    Raises `Rejected` for an archive that cannot be read so; the whole one may still be fetched and examined.
    """
    window = _Window(read, size_bytes)
    entries = read_directory(cast("BinaryIO", window), size_bytes, _LIMITS)
    found = [entry for entry in entries if _METADATA.fullmatch(entry.raw_name)]
    if len(found) != 1:
        raise Rejected("wheel-metadata", "archive", f"holds {len(found)} files *.dist-info/METADATA", "exactly one")
    return _content(window, found[0])


def _content(window: _Window, entry: Entry) -> bytes:
    name = entry.raw_name.decode(errors="replace")[:200]
    if entry.size_bytes > MOST_METADATA_BYTES or entry.compressed_bytes > MOST_METADATA_BYTES:
        raise Rejected("metadata-too-large", name, f"{entry.size_bytes} bytes", f"at most {MOST_METADATA_BYTES}")
    if entry.flags & _ENCRYPTED or entry.method not in (_STORED, _DEFLATED):
        raise Rejected("zip-method", name, "is encrypted, or packed in a way nobody here reads", "stored or deflated")
    window.seek(entry.offset)
    header = window.read(_LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(_LOCAL_SIGNATURE):
        raise Rejected("zip-local-header", name, "has no local header", "one at its offset", offset=entry.offset)
    *_rest, name_bytes, extra_bytes = _LOCAL.unpack(header)
    if window.read(name_bytes) != entry.raw_name:
        raise Rejected("zip-local-header", name, "is named otherwise in its local header", "one name",
                       offset=entry.offset)  # fmt: skip
    window.seek(entry.offset + _LOCAL.size + name_bytes + extra_bytes)
    packed = window.read(entry.compressed_bytes)
    content = packed if entry.method == _STORED else _inflated(packed, entry.size_bytes, name)
    if len(content) != entry.size_bytes or zlib.crc32(content) != entry.crc:
        raise Rejected("zip-crc", name, "is not what the directory says", "a true size and CRC", offset=entry.offset)
    return content


def _inflated(packed: bytes, size_bytes: int, name: str) -> bytes:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflate.decompress(packed, size_bytes + 1)
    except zlib.error as error:
        raise Rejected("zip-deflate", name, f"cannot be unpacked ({error})", "a whole deflate stream") from None
    if not inflate.eof or inflate.unused_data:
        raise Rejected("zip-deflate", name, "is not one whole deflate stream", "one that fills the member")
    return content


class _Window(RawIOBase):
    """A file that is read by ranges. What was read last is remembered, and a little more than was asked for."""

    def __init__(self, read: ReadRange, size_bytes: int) -> None:
        self._read = read
        self._size_bytes = size_bytes
        self._position = 0
        self._pieces: list[tuple[int, bytes]] = []

    def seek(self, offset: int, whence: int = 0) -> int:
        """Only from the beginning, or to the end."""
        self._position = self._size_bytes if whence == 2 else offset  # noqa: PLR2004 - os.SEEK_END
        return self._position

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer only at the end."""
        start = self._position
        stop = self._size_bytes if size < 0 else min(self._size_bytes, start + size)
        self._position = max(start, stop)
        if stop <= start:
            return b""
        for at, piece in self._pieces:
            if at <= start and stop <= at + len(piece):
                return piece[start - at : stop - at]
        end = min(self._size_bytes, max(stop, start + AHEAD_BYTES))
        piece = self._read(start, end)
        self._pieces.append((start, piece))
        return piece[: stop - start]
