"""A strict walk over every block of a gzipped tar archive.

Tar has grown by accident: three header dialects, two ways to write a long name, three to write a size. Readers pick
differently, and what one takes for a member's data another takes for the next header (CVE-2025-62518). Here every
field is read in one way only, and an archive that leaves a choice is refused. `tarfile` is not used: it forgives
damaged headers, and its own checks of links were wrong (CVE-2025-4517).

Offsets in refusals of this module count bytes into the unpacked tar stream; those of the gzip layer count bytes into
the file.

Sources: POSIX.1-2017 pax ("ustar Interchange Format", "pax Header Block"), the GNU tar manual ("Basic Tar Format"),
PEP 625 (sdists are pax archives; ustar and GNU are accepted because tools write them), PEP 721.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from customhouse.formats.gzip_stream import GzipStream
from customhouse.formats.inspection import Limits, Member
from customhouse.formats.member_names import Kind, check_name, decode_name
from customhouse.formats.tar_links import Link, check_links
from customhouse.formats.zip_walk import Walk, Watch
from customhouse.terms.errors import Rejected

BLOCK_BYTES = 512
_ZERO_BLOCK = bytes(BLOCK_BYTES)

_OCTAL = re.compile(rb" *([0-7]+)[ \0]*")
_BLANK = re.compile(rb"[ \0]*")
_PAX_LENGTH = re.compile(rb"[1-9][0-9]{0,8} ")
_LARGEST_OWNER = 2**32 - 1
_LARGEST_TIME = 10**12
_OTHER_NUMBERS = (
    (100, 108, "mode", 0o7777777),
    (108, 116, "uid", _LARGEST_OWNER),
    (116, 124, "gid", _LARGEST_OWNER),
    (136, 148, "mtime", _LARGEST_TIME),
    (329, 337, "devmajor", 0o7777777),
    (337, 345, "devminor", 0o7777777),
)
"""Fields that we do not use, but at which other readers stop: where, name, largest value."""

_HARD_LINK, _SYMBOLIC_LINK, _DIRECTORY = b"1", b"2", b"5"
_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK = b"x", b"g", b"L", b"K"
_REFUSED_TYPES = {
    b"3": ("device", "a character device"),
    b"4": ("device", "a block device"),
    b"6": ("device", "a named pipe"),
    b"S": ("sparse", "a sparse file"),
    b"D": ("tar-type", "a GNU directory listing"),
    b"M": ("tar-type", "the rest of a file from another volume"),
    b"V": ("tar-type", "a volume label"),
    b"X": ("tar-type", "a Solaris extended header"),
}
# What a pax header may say of a member without changing what is unpacked where.
_HARMLESS_KEYS = frozenset({"atime", "ctime", "mtime", "uid", "gid", "uname", "gname", "comment", "charset"})
_TIME_KEYS = frozenset({"atime", "ctime", "mtime"})
_OWNER_KEYS = frozenset({"uid", "gid"})
_PAX_TIME = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{0,40})?")
_PAX_OWNER = re.compile(r"[0-9]{1,10}")
_PAX_KEYS = _HARMLESS_KEYS | {"path", "linkpath", "size"}
# SCHILY.realsize and SCHILY.filetype say what the ustar fields say, otherwise.
_REFUSED_VENDOR_KEYS = ("GNU.", "SCHILY.realsize", "SCHILY.filetype", "SCHILY.dir", "SUN.")
_VENDOR_KEY = re.compile(r"[A-Z][A-Za-z0-9]*\.[^=\0\n]+")


class _Header(NamedTuple):
    """One header block, its fields as they stand."""

    offset: int
    name: bytes
    size_bytes: int
    type: bytes
    link: bytes


@dataclass(slots=True)
class _Pending:
    """What the headers before a member have said of it."""

    pax: dict[str, str] = field(default_factory=dict)
    gnu_name: bytes | None = None
    gnu_link: bytes | None = None
    offset: int = -1
    """Where the first of them begins; -1 if there is none."""


def walk_tar_gz(file: BinaryIO, limits: Limits, watch: Watch) -> Walk:
    """Read every byte of a ``.tar.gz`` once; the members in the order of the archive.

    ``file`` must be seekable. Needs memory for the members' names, for what ``watch`` keeps and for two chunks. Raises
    `Rejected` with the member (or "archive") and an offset.
    """
    stream = GzipStream(file, limits)
    walk = Walk()
    links: list[Link] = []
    pending = _Pending()
    headers = 0
    extended = -1
    while (header := _read_header(stream)) is not None:
        headers += 1
        if headers > 3 * limits.members or len(walk.members) >= limits.members:
            raise Rejected(
                "too-many-members", "archive", f"more than {limits.members} members", f"at most {limits.members}",
                offset=header.offset,
            )  # fmt: skip
        if header.type in (_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK):
            _read_extension(stream, header, pending, limits)
            extended = header.offset
            continue
        extended = -1
        member = _take(stream, header, pending, walk, watch=watch, limits=limits)
        if member.kind == "link":
            links.append(
                Link(member.name, member.target, header.type == _HARD_LINK, header.offset, len(walk.members) - 1)
            )
        pending = _Pending()
    if extended >= 0:
        # `tarfile` calls this damaged even if the header is a global one; others see nothing.
        raise Rejected(
            "tar-header", "archive", "the archive ends after a header that announces a member", "whole members",
            offset=extended,
        )  # fmt: skip
    _check_end(stream)
    if links:
        orders = {member.name: order for order, member in enumerate(walk.members)}
        check_links(links, walk.tree, orders, longest_bytes=limits.name_bytes)
    return walk


# --- blocks


def _read_header(stream: GzipStream) -> _Header | None:
    """The next header block, checked for itself; None at the first of the two zero blocks."""
    offset = stream.position
    block = stream.read(BLOCK_BYTES)
    if len(block) < BLOCK_BYTES:
        raise Rejected(
            "tar-truncated", "archive", "the archive ends without two blocks of zeros", "a whole tar archive",
            offset=offset + len(block),
        )  # fmt: skip
    if block == _ZERO_BLOCK:
        return None
    # The checksum counts its own field as blanks.
    if sum(block) - sum(block[148:156]) + 8 * 0x20 != _number(block[148:156], "checksum", offset):
        raise Rejected("tar-checksum", "archive", "the checksum of the header is wrong", "a true checksum",
                       offset=offset)  # fmt: skip
    prefix = _dialect(block, offset)
    name = _text(block[:100], "name", offset)
    size = _number(block[124:136], "size", offset)
    for start, stop, what, most in _OTHER_NUMBERS:
        if not _BLANK.fullmatch(block, start, stop) and _number(block[start:stop], what, offset) > most:
            raise _bad_header(f"the {what} is out of all bounds", offset)
    return _Header(
        offset, prefix + b"/" + name if prefix else name, size, block[156:157], _text(block[157:257], "link", offset)
    )


def _dialect(block: bytes, offset: int) -> bytes:
    """The name's prefix, which only POSIX headers have.

    `tarfile` reads a prefix from GNU headers as well, where the same bytes mean times and offsets: they must be zero.
    """
    magic = block[257:265]
    if magic == b"ustar\x0000":
        if block[500:512].strip(b"\0"):
            raise _bad_header("the last twelve bytes are not zero", offset)
        return _text(block[345:500], "prefix", offset)
    if magic != b"ustar  \0" and block[257:512].strip(b"\0"):
        raise _bad_header(f"the magic {magic!r} is not known", offset)
    if block[345:512].strip(b"\0"):
        raise _bad_header("a header that is not POSIX has data behind its device numbers", offset)
    return b""


def _text(raw: bytes, what: str, offset: int) -> bytes:
    """A field's text up to its first zero, behind which there must be only zeros."""
    text, _, rest = raw.partition(b"\0")
    if rest.strip(b"\0"):
        raise _bad_header(f"the {what} has data behind its end", offset)
    return text


def _number(raw: bytes, what: str, offset: int) -> int:
    """An octal number, or a base-256 one where octal cannot hold it.

    Strict because the readers are not: one takes a blank, a sign or an underscore for a part of the number, another
    stops there, and they go on reading at different places. Only a time may be negative.
    """
    if (octal := _OCTAL.fullmatch(raw)) is not None:
        return int(octal[1], 8)
    if raw[:1] == b"\x80":
        value = int.from_bytes(raw[1:], "big")
        if value >= 8 ** (len(raw) - 1):
            return value
    if raw[:1] == b"\xff" and what == "mtime":
        return -int.from_bytes(raw, "big", signed=True)
    raise _bad_header(f"the {what} {raw!r} is not an octal number", offset)


def _bad_header(why: str, offset: int) -> Rejected:
    return Rejected("tar-header", "archive", why, "a plain pax, ustar or GNU header", offset=offset)


def _check_end(stream: GzipStream) -> None:
    """The second zero block, and only zeros from there to the end."""
    offset = stream.position
    if stream.read(BLOCK_BYTES) != _ZERO_BLOCK:
        raise Rejected("tar-end", "archive", "only one block of zeros ends the archive", "two blocks of zeros",
                       offset=offset)  # fmt: skip
    while piece := stream.read(BLOCK_BYTES * 16):
        if piece.strip(b"\0"):
            raise Rejected(
                "tar-trailing-data", "archive", "there is data behind the end of the archive", "only zeros there",
                offset=stream.position - len(piece.lstrip(b"\0")),
            )  # fmt: skip
        if len(piece) % BLOCK_BYTES:
            raise Rejected("tar-end", "archive", "the archive does not fill its last block", "blocks of 512 bytes",
                           offset=stream.position)  # fmt: skip


def _data(stream: GzipStream, header: _Header, where: str) -> Iterator[bytes]:
    """A member's data in pieces, and behind it the padding, which must be zeros."""
    start = stream.position
    yield from stream.chunks(header.size_bytes)
    padding = stream.read(-header.size_bytes % BLOCK_BYTES)
    if stream.position - start != header.size_bytes + -header.size_bytes % BLOCK_BYTES:
        raise Rejected("tar-truncated", where, "the archive ends inside the member", "a whole tar archive",
                       offset=stream.position)  # fmt: skip
    if padding.strip(b"\0"):
        raise Rejected("tar-padding", where, "the member is padded with data", "zeros up to the end of the block",
                       offset=stream.position - len(padding))  # fmt: skip


# --- headers that speak of the next member


def _read_extension(stream: GzipStream, header: _Header, pending: _Pending, limits: Limits) -> None:
    """Read a pax header or a GNU long name into ``pending``."""
    if header.size_bytes > limits.header_bytes:
        raise Rejected(
            "tar-header-too-large", "archive", f"an extended header has {header.size_bytes} bytes",
            f"at most {limits.header_bytes} bytes", offset=header.offset,
        )  # fmt: skip
    body = b"".join(_data(stream, header, "archive"))
    if header.type == _PAX_GLOBAL:
        _check_global(_pax_records(body, header.offset), pending, header.offset)
        return
    if pending.offset < 0:
        pending.offset = header.offset
    if header.type == _PAX:
        if pending.pax or pending.gnu_name is not None or pending.gnu_link is not None:
            raise _bad_header("two extended headers speak of one member", header.offset)
        pending.pax = _pax_records(body, header.offset)
        _check_pax(pending.pax, header.offset)
        return
    name = body.removesuffix(b"\0")
    if b"\0" in name or not name:
        raise _bad_header("a GNU long name is empty or has data behind its end", header.offset)
    taken = pending.gnu_name if header.type == _GNU_NAME else pending.gnu_link
    if taken is not None or pending.pax:
        raise _bad_header("two extended headers speak of one member", header.offset)
    if header.type == _GNU_NAME:
        pending.gnu_name = name
    else:
        pending.gnu_link = name


def _pax_records(body: bytes, offset: int) -> dict[str, str]:
    """The records of a pax header (length, key, equals sign, value, newline), which they must fill; each key once."""
    records: dict[str, str] = {}
    at = 0
    while at < len(body):
        found = _PAX_LENGTH.match(body, at)
        stop = at + int(found[0]) if found else 0
        if found is None or stop > len(body) or stop <= found.end() or body[stop - 1 : stop] != b"\n":
            raise _bad_pax("a record's length does not fit", offset)
        raw_key, equals, raw_value = body[found.end() : stop - 1].partition(b"=")
        try:
            key, value = raw_key.decode(), raw_value.decode(errors="strict" if raw_key in _TEXT_KEYS else "replace")
        except UnicodeDecodeError:
            raise Rejected("name-not-utf8", "archive", f"the pax record {raw_key[:40]!r} is not UTF-8", "UTF-8",
                           offset=offset) from None  # fmt: skip
        if not equals or not key:
            raise _bad_pax("a record has no key", offset)
        if key in records:
            raise _bad_pax(f"the key {key[:40]!r} is there twice", offset)
        records[key] = value
        at = stop
    if not records:
        raise _bad_pax("it is empty", offset)
    return records


_TEXT_KEYS = frozenset({b"path", b"linkpath", b"size", b"uname", b"gname"})


def _check_pax(records: dict[str, str], offset: int) -> None:
    """Only keys that are known, or a vendor's that change nothing; none of them empty where it counts."""
    for key, value in records.items():
        if key.startswith("GNU.sparse"):
            raise Rejected("sparse", "archive", "a pax header makes the member sparse", "plain files", offset=offset)
        vendor = _VENDOR_KEY.fullmatch(key) and not key.startswith(_REFUSED_VENDOR_KEYS)
        # Without hdrcharset all values are UTF-8; with it readers differ.
        if key not in _PAX_KEYS and not vendor:
            raise _bad_pax(f"the key {key[:40]!r} is not known", offset)
        _check_number(key, value, offset)
        if key in ("path", "linkpath", "size") and not value:
            # POSIX: an empty value takes the key back, and then the readers differ in what is left.
            raise _bad_pax(f"the key {key!r} is empty", offset)


def _check_number(key: str, value: str, offset: int) -> None:
    """Times and owners must be numbers: GNU tar stops at one that is none, others go on."""
    time_fits = key not in _TIME_KEYS or _PAX_TIME.fullmatch(value)
    owner_fits = key not in _OWNER_KEYS or (_PAX_OWNER.fullmatch(value) and int(value) <= _LARGEST_OWNER)
    if not time_fits or not owner_fits:
        raise _bad_pax(f"{key} is {value[:40]!r}", offset)


def _check_global(records: dict[str, str], pending: _Pending, offset: int) -> None:
    """A global header speaks of every member behind it: it may hold remarks (git's commit id), nothing else."""
    if pending.offset >= 0:
        raise _bad_pax("a global header stands between a header and its member", offset)
    for key, value in records.items():
        _check_number(key, value, offset)
        if key not in _HARMLESS_KEYS:
            raise Rejected("tar-global-header", "archive", f"a global pax header sets {key[:40]!r} for all members",
                           "remarks, times and owners only", offset=offset)  # fmt: skip


def _bad_pax(why: str, offset: int) -> Rejected:
    return Rejected("tar-pax", "archive", f"the pax header is damaged or ambiguous: {why}",
                    "records as POSIX defines them, each key once", offset=offset)  # fmt: skip


# --- one member


def _take(
    stream: GzipStream, header: _Header, pending: _Pending, walk: Walk, *, watch: Watch, limits: Limits
) -> Member:
    """Read one member's data while hashing it, and add it to what the walk has found.

    The name is the pax header's, else the GNU long name's, else the block's own.
    """
    offset = header.offset
    name = pending.pax.get("path")
    if name is None:
        name = decode_name(header.name if pending.gnu_name is None else pending.gnu_name, offset=offset)
    path = check_name(name, offset=offset, longest_bytes=limits.name_bytes)
    kind = _kind(header, path)
    target = _target(header, pending, path)
    if kind != "directory" and name.endswith("/"):
        raise Rejected("tar-kind", path, "a name with a slash at its end is no folder's", "that of a folder",
                       offset=offset)  # fmt: skip
    if "size" in pending.pax and pending.pax["size"] != str(header.size_bytes):
        # CVE-2025-62518: who believes the one finds members that who believes the other never sees.
        raise Rejected(
            "tar-size-disagreement", path, f"the pax header says {pending.pax['size'][:20]!r} bytes, the tar header "
            f"{header.size_bytes}", "the same size in both", offset=offset,
        )  # fmt: skip
    if kind != "file" and header.size_bytes:
        raise Rejected("folder-with-data" if kind == "directory" else "link-with-data", path,
                       f"a {kind} has {header.size_bytes} bytes of data", "none", offset=offset)  # fmt: skip
    if kind != "link" and target:
        raise Rejected("tar-kind", path, "a member that is no link has a target", "no target", offset=offset)
    walk.tree.add(path, kind, offset=offset)
    member = _take_file(stream, header, path, walk, watch) if kind == "file" else Member(path, kind, 0, target=target)
    walk.members.append(member)
    return member


def _take_file(stream: GzipStream, header: _Header, path: str, walk: Walk, watch: Watch) -> Member:
    keep = watch.keep(path)
    if keep and header.size_bytes > keep:
        raise Rejected("member-too-large", path, f"{header.size_bytes} bytes", f"at most {keep} bytes",
                       offset=header.offset)  # fmt: skip
    sha256 = hashlib.sha256(usedforsecurity=True)
    kept: list[bytes] = []
    first = True
    for piece in _data(stream, header, path):
        if first and watch.glance is not None:
            watch.glance(path, piece)
        first = False
        sha256.update(piece)
        if keep:
            kept.append(piece)
    if keep:
        walk.kept[path] = b"".join(kept)
    walk.expanded_bytes += header.size_bytes
    return Member(path, "file", header.size_bytes, sha256.hexdigest())


def _target(header: _Header, pending: _Pending, path: str) -> str:
    """Where a link leads: by the pax header, else by the GNU long name, else by the block itself."""
    target = pending.pax.get("linkpath")
    if target is None:
        raw = header.link if pending.gnu_link is None else pending.gnu_link
        target = decode_name(raw, offset=header.offset, where=path)
    return target


def _kind(header: _Header, path: str) -> Kind:
    """What the member is; everything but files, folders and links is refused."""
    if header.type in (b"0", b"\0"):
        return "file"
    if header.type == _DIRECTORY:
        return "directory"
    if header.type in (_HARD_LINK, _SYMBOLIC_LINK):
        return "link"
    code, what = _REFUSED_TYPES.get(header.type, ("tar-type", f"of the unknown type {header.type!r}"))
    raise Rejected(code, path, f"the member is {what}", "files, folders and links", offset=header.offset)
