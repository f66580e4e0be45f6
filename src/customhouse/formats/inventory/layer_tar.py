"""The members of a tar stream, one after the other: for layers of images, which hold devices, links and odd names.

The strict reader of uploads refuses what a file system needs; this one reads it, and nothing is ever unpacked. Headers
are bounded, checksums must hold, and a name is what its segments mean below the root, never above it.

Sources: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Header Block"; GNU tar's manual, "Basic Tar Format".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from customhouse.terms.errors import Rejected

CODE = "bad-tar"
BLOCK = 512
MOST_HEADER_BYTES = 1 * 2**20
MOST_MEMBERS = 3_000_000
_CHUNK = 1 * 2**20
_ZEROS = bytes(BLOCK)

Kind = Literal["file", "folder", "link", "other"]
_KINDS: dict[bytes, Kind] = {b"0": "file", b"\0": "file", b"7": "file", b"5": "folder", b"1": "link", b"2": "link"}


class Source(Protocol):
    """Bytes in their order."""

    def read(self, size: int, /) -> bytes:
        """As many, or fewer at the end."""
        ...


@dataclass(slots=True)
class LayerMember:
    """One member. Its bytes can be read until the next one is asked for."""

    path: str
    """Normalised: no leading slash, no ``.`` and ``..``; empty for the root."""
    kind: Kind
    size_bytes: int
    target: str
    """Where a link leads, as written."""
    is_hard: bool
    offset: int
    """Of its bytes in the stream."""
    _source: _Counting
    _left: int

    def read(self, most_bytes: int) -> bytes:
        """The first bytes of a file."""
        body = self._source.exactly(min(most_bytes, self._left))
        self._left -= len(body)
        return body


class _Counting:
    """A source that knows where it is."""

    def __init__(self, source: Source, seek: Callable[[int], object] | None) -> None:
        self._source = source
        self._seek = seek
        self.position = 0

    def exactly(self, size: int) -> bytes:
        pieces, left = [], size
        while left > 0:
            piece = self._source.read(min(left, _CHUNK))
            if not piece:
                raise Rejected(CODE, "tar", "it ends inside a member", "a whole tar", offset=self.position)
            pieces.append(piece)
            left -= len(piece)
            self.position += len(piece)
        return b"".join(pieces)

    def skip(self, size: int) -> None:
        if self._seek is not None and size > _CHUNK:
            # The last bytes are read, so that a tar that ends too early is found out.
            self.position += size - BLOCK
            self._seek(self.position)
            size = BLOCK
        while size > 0:
            size -= len(self.exactly(min(size, _CHUNK)))

    def block(self) -> bytes:
        """One block; empty at the very end."""
        first = self._source.read(BLOCK)
        self.position += len(first)
        return first + self.exactly(BLOCK - len(first)) if 0 < len(first) < BLOCK else first


def members_of(source: Source, seek: Callable[[int], object] | None = None) -> Iterator[LayerMember]:
    """The members in their order. Raises `Rejected` with the offset at the first damage.

    ``seek`` goes to a place in the source, counted from where it is now, so that large members cost nothing.
    """
    stream = _Counting(source, seek)
    said: dict[str, str] = {}
    everywhere: dict[str, str] = {}
    count = 0
    while (block := stream.block()) and block != _ZEROS:
        start = stream.position - BLOCK
        _check(block, start)
        count += 1
        if count > MOST_MEMBERS:
            raise Rejected(CODE, "tar", f"more than {MOST_MEMBERS} members", "a smaller image", offset=start)
        kind = block[156:157]
        size = int(said.get("size", "") or _number(block[124:136], start))
        if kind in b"xgLK":
            _extend(stream, kind, size, said, everywhere, start)
            continue
        told = {**everywhere, **said}
        said = {}
        name = told.get("path") or _name(block)
        what = _KINDS.get(kind, "other")
        if what == "file" and name.endswith("/"):
            # Before POSIX a folder was a file whose name ends so.
            what = "folder"
        has_bytes = what in ("file", "other") and kind not in b"346"
        own = size if has_bytes else 0
        target = told.get("linkpath") or _text(block[157:257])
        member = LayerMember(
            plain_path(name), what, own, target, kind == b"1", stream.position, stream, own
        )  # fmt: skip
        yield member
        stream.skip(member._left + -own % BLOCK)  # noqa: SLF001  # of this module


def plain_path(name: str) -> str:
    """What a name means below the root: ``..`` leads nowhere above it, and a backslash is a character as any other."""
    parts: list[str] = []
    for part in name[:8192].split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _check(block: bytes, start: int) -> None:
    if len(block) < BLOCK:
        raise Rejected(CODE, "tar", "it ends inside a header", "a whole tar", offset=start)
    total = sum(block) - sum(block[148:156]) + 8 * 0x20
    if total != _number(block[148:156], start):
        raise Rejected(CODE, "tar", "the checksum of a header is wrong", "a tar that is whole", offset=start)


def _number(raw: bytes, start: int) -> int:
    if raw[:1] == b"\x80":
        return int.from_bytes(raw[1:], "big")
    try:
        return int(raw.strip(b" \0") or b"0", 8)
    except ValueError:
        raise Rejected(CODE, "tar", f"{raw[:12]!r} is no number", "octal digits", offset=start) from None


def _name(block: bytes) -> str:
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    name = _text(block[:100])
    return f"{prefix}/{name}" if prefix else name


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace")


def _extend(
    stream: _Counting, kind: bytes, size: int, said: dict[str, str], everywhere: dict[str, str], start: int
) -> None:
    """A header that speaks of the next member, or of all that follow."""
    if size > MOST_HEADER_BYTES:
        raise Rejected(
            CODE, "tar", f"an extended header has {size} bytes", f"at most {MOST_HEADER_BYTES}", offset=start
        )  # fmt: skip
    body = stream.exactly(size)
    stream.skip(-size % BLOCK)
    if kind in b"LK":
        said["path" if kind == b"L" else "linkpath"] = _text(body)
        return
    (said if kind == b"x" else everywhere).update(_records(body, start))


def _records(body: bytes, start: int) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(body):
        length, space, _ = body[at : at + 20].partition(b" ")
        if not space or not length.isdigit() or not (whole := int(length)) or at + whole > len(body):
            raise Rejected(CODE, "tar", "an extended header is damaged", "a tar that is whole", offset=start)
        key, _, value = body[at + len(length) + 1 : at + whole - 1].partition(b"=")
        if key in (b"path", b"linkpath", b"size"):
            found[key.decode()] = value.decode("utf-8", "replace")
        at += whole
    if not found.get("size", "0").isdigit():
        raise Rejected(CODE, "tar", "a size is no number", "a tar that is whole", offset=start)
    return found
