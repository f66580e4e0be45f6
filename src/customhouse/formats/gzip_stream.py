"""One gzip member, read strictly and bounded: nothing before it, nothing behind it, nothing wrong inside.

RFC 1952 allows several members in a row; some readers go on with the second, others stop after the first, and so one
file has two contents. Python's `gzip` also forgives zeros behind the end and any flags.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from customhouse.formats.inspection import Limits
from customhouse.terms.errors import Rejected

CHUNK_BYTES = 2**18

_MAGIC = b"\x1f\x8b"
_DEFLATE = 8
_HEADER_BYTES = 10
_TRAILER_BYTES = 8
# RFC 1952 2.3.1. Bit 0 (FTEXT) changes nothing.
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT, _RESERVED = 2, 4, 8, 16, 0xE0


class GzipStream:
    """The content of one gzip member, read forward.

    Raises `Rejected` with offsets in bytes into the gzip file. Holds at most two chunks in memory.
    """

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        """``file`` must be seekable and hold nothing but the gzip member."""
        self._file = file
        self._limits = limits
        self._file_bytes = file.seek(0, os.SEEK_END)
        file.seek(0)
        _skip_header(file, limits)
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._packed = b""
        self._buffer = b""
        self._at = 0
        self._ended = False
        self._crc = 0
        self._produced = 0
        self.position = 0
        """Bytes of content handed out so far."""

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes, or fewer at the end. Meant for small pieces."""
        if len(self._buffer) - self._at < size:
            return b"".join(self.chunks(size))
        piece = self._buffer[self._at : self._at + size]
        self._at += size
        self.position += size
        return piece

    def chunks(self, size: int) -> Iterator[bytes]:
        """The next ``size`` bytes in pieces of at most 256 KiB; fewer bytes at the end."""
        while size:
            if self._at == len(self._buffer) and not self._fill():
                return
            piece = self._buffer[self._at : self._at + size]
            self._at += len(piece)
            self.position += len(piece)
            size -= len(piece)
            yield piece

    def _fill(self) -> bool:
        """Unpack the next chunk; False once the member has ended, which is when its trailer is checked."""
        inflate = self._inflate
        while not self._ended:
            if not self._packed:
                self._packed = self._file.read(CHUNK_BYTES)
            starved = not self._packed
            try:
                self._buffer = inflate.decompress(self._packed, CHUNK_BYTES)
            except zlib.error as error:
                raise _rejected("gzip-damaged", f"the deflate stream is damaged ({error})", self._file.tell()) from None
            self._packed = inflate.unconsumed_tail
            self._at = 0
            self._count()
            self._ended = inflate.eof
            if self._ended:
                self._check_trailer()
            if self._buffer:
                return True
            if starved and not self._ended:
                raise _rejected("gzip-truncated", "the file ends inside the gzip member", self._file_bytes)
        return False

    def _count(self) -> None:
        """Keep the checksum, and refuse a bomb as soon as it goes off."""
        self._crc = zlib.crc32(self._buffer, self._crc)
        self._produced += len(self._buffer)
        limits = self._limits
        if self._produced > limits.expanded_bytes:
            raise Rejected(
                "too-large", "archive", f"the archive unpacks to more than {limits.expanded_bytes} bytes",
                f"at most {limits.expanded_bytes}", offset=self._file.tell(),
            )  # fmt: skip
        if self._produced > limits.bomb_floor_bytes and self._produced > limits.bomb_ratio * self._file_bytes:
            raise Rejected(
                "bomb", "archive", f"{self._file_bytes} bytes unpack to more than {self._produced}",
                f"at most {limits.bomb_ratio} times the size of the file", offset=self._file.tell(),
            )  # fmt: skip

    def _check_trailer(self) -> None:
        """CRC-32 and size of the content, then the end of the file."""
        behind = self._inflate.unused_data
        offset = self._file.tell() - len(behind)
        behind += self._file.read(_TRAILER_BYTES + len(_MAGIC))
        trailer, more = behind[:_TRAILER_BYTES], behind[_TRAILER_BYTES:]
        if len(trailer) < _TRAILER_BYTES:
            raise _rejected("gzip-truncated", "the gzip trailer is cut short", offset)
        if int.from_bytes(trailer[:4], "little") != self._crc:
            raise _rejected("gzip-crc", "the CRC of the content is not that of the trailer", offset)
        if int.from_bytes(trailer[4:], "little") != self._produced & 0xFFFFFFFF:
            raise _rejected("gzip-size", "the size of the content is not that of the trailer", offset + 4)
        if more.startswith(_MAGIC):
            raise _rejected("gzip-second-member", "a second gzip member follows", offset + _TRAILER_BYTES)
        if more:
            raise _rejected("gzip-trailing-data", "data follows the gzip member", offset + _TRAILER_BYTES)


def _skip_header(file: BinaryIO, limits: Limits) -> None:
    """Check the member's header (RFC 1952 2.3) and leave ``file`` at the deflate stream."""
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise _rejected("not-a-gzip", "the file does not begin with a gzip header", 0)
    if header[2] != _DEFLATE:
        raise _rejected("gzip-method", f"the compression method is {header[2]}", 2)
    flags = header[3]
    if flags & _RESERVED:
        raise _rejected("gzip-flags", f"reserved flags are set ({flags:#04x})", 3)
    crc = zlib.crc32(header)
    if flags & _FEXTRA:
        length = _exactly(file, 2)
        extra = _exactly(file, int.from_bytes(length, "little"))
        crc = zlib.crc32(extra, zlib.crc32(length, crc))
    for flag in (_FNAME, _FCOMMENT):
        if flags & flag:
            crc = zlib.crc32(_text(file, limits.name_bytes), crc)
    if flags & _FHCRC and int.from_bytes(_exactly(file, 2), "little") != crc & 0xFFFF:
        raise _rejected("gzip-header-crc", "the CRC of the header is wrong", file.tell() - 2)


def _exactly(file: BinaryIO, size: int) -> bytes:
    piece = file.read(size)
    if len(piece) != size:
        raise _rejected("gzip-truncated", "the file ends inside the gzip header", file.tell())
    return piece


def _text(file: BinaryIO, longest_bytes: int) -> bytes:
    """A zero-terminated text of the header, with its zero."""
    start = file.tell()
    window = file.read(longest_bytes + 1)
    end = window.find(b"\0")
    if end < 0:
        raise _rejected("gzip-header", f"a text of the header is longer than {longest_bytes} bytes", start)
    file.seek(start + end + 1)
    return window[: end + 1]


def _rejected(code: str, why: str, offset: int) -> Rejected:
    return Rejected(code, "archive", why, "one whole gzip member and nothing else (RFC 1952)", offset=offset)
