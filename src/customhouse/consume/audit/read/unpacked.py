"""Layers of images as they come: plain, gzip or zstd, within bounds whatever they claim."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from typing import BinaryIO, Protocol, cast

from customhouse.terms.errors import Rejected

CODE = "bad-image"
MOST_BYTES = 64 * 2**30
BOMB_FLOOR_BYTES = 2 * 2**30
BOMB_RATIO = 200
"""More than 2 GiB that expand more than two hundredfold are a bomb; real layers reach twenty."""
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Section:
    """A part of a file: one blob of an image."""

    def __init__(self, file: BinaryIO, offset: int, size: int, digest: str = "") -> None:
        """``digest`` is the SHA-256 in hexadecimal that it should have; empty if nobody says."""
        self._file = file
        self._at = offset
        self._left = size
        self._hash = hashlib.sha256() if digest else None
        self._digest = digest
        self.taken = 0

    def read(self, size: int = -1, /) -> bytes:
        """Bytes in their order."""
        wanted = self._left if size < 0 else min(size, self._left)
        self._file.seek(self._at)
        body = self._file.read(wanted)
        self._at += len(body)
        self._left -= len(body)
        self.taken += len(body)
        if self._hash is not None:
            self._hash.update(body)
        return body

    def is_as_promised(self) -> bool:
        """Whether its bytes have the digest; reads what is left."""
        while self._left and self.read(1 << 20):
            pass
        return self._hash is None or self._hash.hexdigest() == self._digest


class Unpacked:
    """The bytes behind a compression, bounded. Raises `Rejected` for what is damaged or a bomb."""

    def __init__(self, packed: Section, where: str, *, most_bytes: int = MOST_BYTES) -> None:
        self._packed = packed
        self._where = where
        self._most = most_bytes
        self._given = 0
        head = packed.read(4)
        whole = _Rejoined(head, packed)
        self._plain: _Readable = whole
        if head.startswith(_GZIP):
            self._plain = gzip.GzipFile(fileobj=cast("BinaryIO", whole), mode="rb")  # it needs read alone
        elif head == _ZSTD:
            self._plain = _zstd(whole, where)

    def read(self, size: int, /) -> bytes:
        """Bytes in their order."""
        try:
            body = self._plain.read(size)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise Rejected(CODE, self._where, f"it cannot be unpacked: {str(error)[:200]}", "a whole layer") from None
        except Exception as error:
            if type(error).__name__ != "ZstdError":
                raise
            raise Rejected(CODE, self._where, f"it cannot be unpacked: {str(error)[:200]}", "a whole layer") from None
        self._given += len(body)
        if self._given > self._most:
            raise Rejected(CODE, self._where, f"it unpacks to more than {self._most} bytes", "a smaller image")
        if self._given > BOMB_FLOOR_BYTES and self._given > BOMB_RATIO * self._packed.taken:
            raise Rejected(
                CODE, self._where, f"it expands more than {BOMB_RATIO}-fold", "an image that is no bomb"
            )  # fmt: skip
        return body


class _Rejoined:
    """A source with its first bytes put back."""

    def __init__(self, head: bytes, rest: Section) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        if not self._head:
            return self._rest.read(size)
        if 0 <= size < len(self._head):
            body, self._head = self._head[:size], self._head[size:]
            return body
        body, self._head = self._head, b""
        return body + self._rest.read(size - len(body) if size >= 0 else -1)


def _zstd(packed: _Rejoined, where: str) -> _Readable:
    """Zstandard is part of Python from 3.14 on; before that a package reads it, if somebody has installed one."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

        return zstd.ZstdFile(packed)  # type: ignore[no-any-return,unused-ignore]
    except ImportError:
        pass
    try:
        import zstandard  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

        reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
    except ImportError:
        raise Rejected(
            CODE, where, "it is packed with zstd, which this Python cannot read",
            "Python 3.14, the package `zstandard` beside Customhouse, or layers packed with gzip",
        ) from None  # fmt: skip
    return reader  # type: ignore[no-any-return,unused-ignore]
