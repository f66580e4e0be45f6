"""A strict walk over every byte of a ZIP archive.

Programs find the members of a ZIP in two ways: from the local headers at the front or from the central directory at
the end. An archive in which the two differ shows one content to the scanner and another to the installer
(CVE-2025-54368). Here both are read, every field of one must equal the other's, and every byte of the file must
belong to a member, to the directory or to the end record. `zipfile` is not used: it reads only the directory and
forgives most of what is refused here (CVE-2025-8291).

Sources: APPNOTE.TXT 6.3.10 (section numbers in the comments), PEP 427, the ZIP framing rules of PyPI's own index.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

from customhouse.formats.inspection import Limits, Member
from customhouse.formats.member_names import Tree, check_name, decode_name
from customhouse.terms.errors import Rejected

CHUNK_BYTES = 2**20

_LOCAL = struct.Struct("<4s5H3L2H")  # 4.3.7
_CENTRAL = struct.Struct("<4s6H3L5H2L")  # 4.3.12
_END = struct.Struct("<4s4H2LH")  # 4.3.16
_END64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_LOCATOR64 = struct.Struct("<4sLQL")  # 4.3.15
_EXTRA = struct.Struct("<2H")  # 4.5.1
_ZIP64_LOCAL = struct.Struct("<2Q")  # 4.5.3

_LOCAL_SIGNATURE = b"PK\x03\x04"
_CENTRAL_SIGNATURE = b"PK\x01\x02"
_END_SIGNATURE = b"PK\x05\x06"
_END64_SIGNATURE = b"PK\x06\x06"
_LOCATOR64_SIGNATURE = b"PK\x06\x07"

_STORED, _DEFLATED = 0, 8
_ENCRYPTED_FLAGS = 0x2041  # 4.4.4: bits 0 (encrypted), 6 (strong) and 13 (masked directory)
_DESCRIPTOR_FLAG = 0x0008
_UTF8_FLAG = 0x0800
_HARMLESS_FLAGS = 0x0006 | _UTF8_FLAG  # bits 1 and 2 tell how hard the compressor tried
_NEWEST_VERSION = 45  # 4.4.3.2: 4.5 is zip64; what needs more is a compression or an encryption that we refuse

_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
# Python writes zip64 from 2 GiB less five per cent on, well below the 4 GiB of the standard; below, nobody needs it.
_ZIP64_FROM = 2_000_000_000

_ZIP64_EXTRA = 0x0001
_UNICODE_PATH_EXTRA = 0x7075
_UNICODE_COMMENT_EXTRA = 0x6375
_ENCRYPTION_EXTRAS = frozenset({0x0014, 0x0015, 0x0016, 0x0017, 0x0018, 0x0019, 0x9901})

_COMPARED = ("version needed", "flags", "method", "time", "date", "CRC", "compressed size", "size", "name")


class Entry(NamedTuple):
    """One record of the central directory. The first nine fields stand in the local header too."""

    version: int
    flags: int
    method: int
    time: int
    date: int
    crc: int
    compressed_bytes: int
    size_bytes: int
    raw_name: bytes
    attributes: int
    offset: int
    """Where the local header begins, in bytes into the file."""
    record_offset: int
    """Where this record begins, in bytes into the file."""


class _End(NamedTuple):
    """What the end records say: number of members, and the directory's place, in bytes."""

    members: int
    directory_bytes: int
    directory_offset: int


class Follower(Protocol):
    """Hears the content of one member, chunk by chunk."""

    def feed(self, chunk: bytes) -> None:
        """Take the next chunk, of at most 1 MiB."""
        ...

    def end(self) -> None:
        """The member was whole, and its CRC was true."""
        ...


@dataclass(frozen=True, slots=True)
class Watch:
    """What a caller wants from a walk besides the members.

    ``keep`` answers with the greatest number of bytes at which it wants a member's content in memory (0: not at all);
    a member that it wants and that is larger is refused. ``glance`` sees the first chunk (at most 1 MiB) of each file.
    ``follow`` sees the same chunk and answers with who wants to hear the member, that chunk included.
    ``also`` names further hashes that are made of every file.
    """

    keep: Callable[[str], int] = lambda _name: 0
    glance: Callable[[str, bytes], None] | None = None
    follow: Callable[[str, bytes], Follower | None] | None = None
    also: tuple[str, ...] = ()


@dataclass(slots=True)
class Walk:
    """What one walk has found. ``digests`` maps (hash, member) to bytes, for the hashes of `Watch.also`."""

    members: list[Member] = field(default_factory=list)
    tree: Tree = field(default_factory=Tree)
    kept: dict[str, bytes] = field(default_factory=dict)
    digests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    expanded_bytes: int = 0


def walk_zip(file: BinaryIO, limits: Limits, watch: Watch) -> Walk:
    """Read every byte of a ZIP archive once; the members in the order in which they lie in the file.

    ``file`` must be seekable. Needs memory for the directory, for what ``watch`` keeps and for two chunks. Raises
    `Rejected` with the member (or "archive") and the offset in bytes into the file.
    """
    file_bytes = file.seek(0, os.SEEK_END)
    end = _read_end(file, file_bytes, limits)
    entries = _read_directory(file, end, limits)
    entries.sort(key=lambda entry: entry.offset)
    _check_expansion(entries, file_bytes, limits)
    walk = Walk()
    position = file.seek(0)
    for entry in entries:
        if entry.offset != position:
            raise _misplaced(entry, position)
        name = _name_of(entry, limits)
        body = _check_local(file, entry, name, end.directory_offset, limits)
        _take(file, entry, name, walk, watch)
        position = body + entry.compressed_bytes
    if position != end.directory_offset:
        raise Rejected(
            "zip-hidden-data", "archive", f"{end.directory_offset - position} bytes between the last member and the "
            "central directory belong to no member", "members one after the other", offset=position,
        )  # fmt: skip
    return walk


def read_directory(file: BinaryIO, file_bytes: int, limits: Limits) -> list[Entry]:
    """The records of the central directory alone, as strictly as `walk_zip` reads them; the members are not looked at.

    It reads the file's last 64 KiB and the directory. Raises `Rejected`.
    """
    return _read_directory(file, _read_end(file, file_bytes, limits), limits)


# --- the end of the file


def _read_end(file: BinaryIO, file_bytes: int, limits: Limits) -> _End:
    """Read the end records, which must be the last bytes of the file, and check them against each other."""
    end_offset = file_bytes - _END.size
    tail_offset = max(0, end_offset - _MAX16)
    file.seek(tail_offset)
    tail = file.read()
    if end_offset < 0 or not tail.startswith(_END_SIGNATURE, end_offset - tail_offset):
        raise _no_end(tail, tail_offset)
    _check_only_end(tail, tail_offset)
    (_, disk, first_disk, members_here, members, directory_bytes, directory_offset, comment) = _END.unpack_from(
        tail, end_offset - tail_offset
    )
    if comment:
        raise _bad_end("zip-end", "the end record announces a comment that is not there", end_offset)
    if disk or first_disk or members_here != members:
        raise _bad_end("zip-disks", "the archive is a part of several disks", end_offset)
    end = _End(members, directory_bytes, directory_offset)
    locator = end_offset - _LOCATOR64.size - tail_offset
    if locator >= 0 and tail.startswith(_LOCATOR64_SIGNATURE, locator):
        end, directory_end = _read_end64(tail, tail_offset, locator, end)
    else:
        directory_end = end_offset
    if end.directory_offset + end.directory_bytes != directory_end:
        raise _bad_end(
            "zip-end",
            f"the central directory is said to be {end.directory_bytes} bytes at {end.directory_offset}, which does "
            f"not end where the end record begins ({directory_end})",
            end_offset,
        )
    if end.members > limits.members:
        raise Rejected(
            "too-many-members", "archive", f"{end.members} members", f"at most {limits.members}", offset=end_offset
        )
    return end


def _read_end64(tail: bytes, tail_offset: int, locator: int, end: _End) -> tuple[_End, int]:
    """The zip64 end record and where it begins; it must say what the plain one says and be needed."""
    _, disk, record_offset, disks = _LOCATOR64.unpack_from(tail, locator)
    at = locator - _END64.size
    if at < 0 or not tail.startswith(_END64_SIGNATURE, at) or record_offset != tail_offset + at or disk or disks != 1:
        raise _bad_end("zip64", "the zip64 locator does not point to a zip64 end record just before it",
                       tail_offset + locator)  # fmt: skip
    (_, size, _, _, disk, first_disk, members_here, members, directory_bytes, directory_offset) = _END64.unpack_from(
        tail, at
    )
    offset = tail_offset + at
    if size != _END64.size - 12:
        raise _bad_end("zip64", "the zip64 end record holds extensible data", offset)
    if disk or first_disk or members_here != members:
        raise _bad_end("zip-disks", "the archive is a part of several disks", offset)
    if members < _MAX16 and directory_bytes < _ZIP64_FROM and directory_offset < _ZIP64_FROM:
        raise _bad_end("zip64", "the zip64 end record is not needed", offset)
    wide = _End(members, directory_bytes, directory_offset)
    for narrow, full, most in zip(end, wide, (_MAX16, _MAX32, _MAX32), strict=True):
        if narrow != full and (narrow != most or full < most):
            raise _bad_end("zip64", f"the end records disagree: {narrow} and {full}", offset)
    return wide, offset


def _check_only_end(tail: bytes, tail_offset: int) -> None:
    """No other end record whose "comment" is the rest of the file: readers that search forwards would take it."""
    at = tail.find(_END_SIGNATURE)
    while at < len(tail) - _END.size:
        if at + _END.size + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail):
            raise _bad_end("zip-second-end", "a second end record takes the rest of the file for its comment",
                           tail_offset + at)  # fmt: skip
        at = tail.find(_END_SIGNATURE, at + 1)


def _no_end(tail: bytes, start: int) -> Rejected:
    """Tell an archive with a comment, or with data behind it, from something that is no ZIP at all."""
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or len(tail) - at < _END.size:
        return Rejected("not-a-zip", "archive", "the file has no ZIP end record", "a ZIP archive", offset=0)
    comment = _END.unpack_from(tail, at)[-1]
    if at + _END.size + comment == len(tail):
        return _bad_end("zip-comment", "the archive has a comment", start + at)
    return Rejected(
        "zip-trailing-data", "archive", "there is data after the end record", "nothing after the end record",
        offset=start + at + _END.size,
    )  # fmt: skip


def _bad_end(code: str, why: str, offset: int) -> Rejected:
    return Rejected(code, "archive", why, "one plain, consistent end record as the last bytes", offset=offset)


# --- the central directory


def _read_directory(file: BinaryIO, end: _End, limits: Limits) -> list[Entry]:
    """Every record of the central directory, which they must fill exactly."""
    if end.directory_bytes > limits.directory_bytes:
        raise Rejected(
            "zip-directory-too-large", "archive", f"the central directory has {end.directory_bytes} bytes",
            f"at most {limits.directory_bytes} bytes", offset=end.directory_offset,
        )  # fmt: skip
    file.seek(end.directory_offset)
    directory = file.read(end.directory_bytes)
    entries: list[Entry] = []
    at = 0
    for _ in range(end.members):
        entry, at = _read_record(directory, at, end.directory_offset)
        entries.append(entry)
    if at != len(directory):
        raise Rejected(
            "zip-directory", "archive", f"the end record counts {end.members} members, but the central directory "
            "holds more than that", "as many records as the end record says", offset=end.directory_offset + at,
        )  # fmt: skip
    return entries


def _read_record(directory: bytes, at: int, base: int) -> tuple[Entry, int]:
    """One record at ``at``, and where the next one begins."""
    offset = base + at
    if not directory.startswith(_CENTRAL_SIGNATURE, at) or len(directory) - at < _CENTRAL.size:
        raise Rejected(
            "zip-directory", "archive", "there is no record of the central directory here",
            "as many records as the end record says", offset=offset,
        )  # fmt: skip
    (_, _, version, flags, method, time, date, crc, packed, size, name_bytes, extra_bytes, comment_bytes, disk, _,
     attributes, local_offset) = _CENTRAL.unpack_from(directory, at)  # fmt: skip
    name_at = at + _CENTRAL.size
    extra_at = name_at + name_bytes
    stop = extra_at + extra_bytes
    raw_name = directory[name_at:extra_at]
    if stop + comment_bytes > len(directory):
        raise Rejected(
            "zip-directory", _shown(raw_name), "the record runs over the end of the central directory",
            "a whole record", offset=offset,
        )  # fmt: skip
    if comment_bytes:
        raise Rejected("zip-member-comment", _shown(raw_name), "the member has a comment", "no comments", offset=offset)
    if extra_bytes or _MAX32 in (packed, size, local_offset) or disk:
        extras = _read_extras(directory[extra_at:stop], raw_name, base + extra_at)
        size, packed, local_offset, disk = _widen(
            extras.get(_ZIP64_EXTRA), (size, packed, local_offset), disk, raw_name, offset
        )
        if disk:
            raise Rejected("zip-disks", _shown(raw_name), "the member lies on another disk", "disk 0", offset=offset)
    entry = Entry(
        version, flags, method, time, date, crc, packed, size, raw_name, attributes, local_offset, offset
    )  # fmt: skip
    return entry, stop


def _read_extras(extra: bytes, raw_name: bytes, offset: int) -> dict[int, bytes]:
    """The extra fields by their id; they must fill their space, and none may be there twice or mislead."""
    extras: dict[int, bytes] = {}
    at = 0
    while at < len(extra):
        if len(extra) - at < _EXTRA.size:
            raise _bad_extra("zip-extra", raw_name, "the extra fields end in the middle of one", offset + at)
        kind, size = _EXTRA.unpack_from(extra, at)
        stop = at + _EXTRA.size + size
        if stop > len(extra):
            raise _bad_extra("zip-extra", raw_name, "the extra fields end in the middle of one", offset + at)
        if kind in extras:
            raise _bad_extra("zip-extra-twice", raw_name, f"the extra field {kind:#06x} is there twice", offset + at)
        if kind in _ENCRYPTION_EXTRAS:
            raise _bad_extra(
                "zip-encrypted", raw_name, f"the extra field {kind:#06x} speaks of encryption", offset + at
            )
        extras[kind] = extra[at + _EXTRA.size : stop]
        at = stop
    if _UNICODE_COMMENT_EXTRA in extras:
        raise _bad_extra("zip-member-comment", raw_name, "an Info-ZIP extra field gives the member a comment", offset)
    if (path := extras.get(_UNICODE_PATH_EXTRA)) is not None:
        _check_unicode_path(path, raw_name, offset)
    return extras


def _check_unicode_path(path: bytes, raw_name: bytes, offset: int) -> None:
    """An Info-ZIP Unicode Path (4.6.9) renames the member for the readers that know it: it must say the same."""
    if path != b"\x01" + zlib.crc32(raw_name).to_bytes(4, "little") + raw_name:
        raise _bad_extra(
            "zip-unicode-path", raw_name, f"an Info-ZIP extra field renames the member to {path[5:85]!r}", offset
        )


def _bad_extra(code: str, raw_name: bytes, why: str, offset: int) -> Rejected:
    return Rejected(code, _shown(raw_name), why, "whole extra fields, each once, that rename nothing", offset=offset)


def _widen(
    extra: bytes | None, narrow: tuple[int, int, int], disk: int, raw_name: bytes, offset: int
) -> tuple[int, int, int, int]:
    """Size, compressed size, local offset and disk of a record, the saturated ones from the zip64 extra (4.5.3)."""
    if extra is None:
        # Some readers take the saturated value as it is, others look for the extra field.
        if _MAX32 in narrow or disk == _MAX16:
            raise _zip64(raw_name, "a zip64 field is announced that is not there", offset)
        return *narrow, disk
    wanted = [value == _MAX32 for value in narrow]
    if len(extra) != 8 * sum(wanted) + (4 if disk == _MAX16 else 0) or not extra:
        raise _zip64(raw_name, "the zip64 field does not hold what the record announces", offset)
    fields = iter(struct.unpack_from(f"<{sum(wanted)}Q", extra))
    wide = [next(fields) if wants else value for value, wants in zip(narrow, wanted, strict=True)]
    if disk == _MAX16:
        disk = int.from_bytes(extra[-4:], "little")
    if max(wide) < _ZIP64_FROM:
        raise _zip64(raw_name, "the zip64 field is not needed", offset)
    return wide[0], wide[1], wide[2], disk


def _zip64(raw_name: bytes, why: str, offset: int) -> Rejected:
    return Rejected("zip64", _shown(raw_name), why, "zip64 fields only where sizes need them", offset=offset)


def _check_expansion(entries: list[Entry], file_bytes: int, limits: Limits) -> None:
    """Refuse a bomb by what it says it holds; each member is then held to its word while it is unpacked."""
    expanded = sum(entry.size_bytes for entry in entries)
    if expanded > limits.expanded_bytes:
        raise Rejected(
            "too-large", "archive", f"the members have {expanded} bytes", f"at most {limits.expanded_bytes}", offset=0
        )
    if expanded > limits.bomb_floor_bytes and expanded > limits.bomb_ratio * file_bytes:
        raise Rejected(
            "bomb", "archive", f"{file_bytes} bytes unpack to {expanded}",
            f"at most {limits.bomb_ratio} times the size of the file", offset=0,
        )  # fmt: skip


def _misplaced(entry: Entry, position: int) -> Rejected:
    """Something lies before, between or across the members."""
    if entry.offset > position:
        return Rejected(
            "zip-hidden-data", _shown(entry.raw_name),
            f"{entry.offset - position} bytes before the member belong to no member", "members one after the other",
            offset=position,
        )  # fmt: skip
    return Rejected(
        "zip-overlap", _shown(entry.raw_name), "the member begins inside another one", "members one after the other",
        offset=entry.offset,
    )  # fmt: skip


# --- one member


def _name_of(entry: Entry, limits: Limits) -> str:
    """The member's name with its slash, checked together with flags, method and file type."""
    where, offset = _shown(entry.raw_name), entry.record_offset
    if entry.flags & ~_HARMLESS_FLAGS:
        if entry.flags & _ENCRYPTED_FLAGS:
            raise Rejected("zip-encrypted", where, "the member is encrypted", "plain members", offset=offset)
        if entry.flags & _DESCRIPTOR_FLAG:
            raise Rejected(
                "zip-data-descriptor", where, "the member's sizes follow in a data descriptor",
                "sizes in the local header", offset=offset,
            )  # fmt: skip
        raise Rejected("zip-flags", where, f"the flags {entry.flags:#06x} are not known", "flags 1, 2, 11",
                       offset=offset)  # fmt: skip
    if entry.method not in (_STORED, _DEFLATED):
        raise Rejected(
            "zip-method", where, f"the member is packed by method {entry.method}", "stored or deflated", offset=offset
        )
    if entry.version > _NEWEST_VERSION:
        raise Rejected("zip-version", where, f"the member needs version {entry.version / 10} of the format",
                       "at most 4.5", offset=offset)  # fmt: skip
    if not entry.flags & _UTF8_FLAG and not entry.raw_name.isascii():
        # Without the flag one reader takes code page 437, another UTF-8: two names for one member.
        raise Rejected("name-not-utf8", where, "the member name is not ASCII, and not marked as UTF-8",
                       "names in UTF-8 with flag 11", offset=offset)  # fmt: skip
    name = decode_name(entry.raw_name, offset=offset)
    check_name(name, offset=offset, longest_bytes=limits.name_bytes)
    _check_type(entry, name, offset)
    return name


def _check_type(entry: Entry, name: str, offset: int) -> None:
    """Only files and folders: a wheel has no links (PEP 427) and no devices.

    The upper half of the attributes is a Unix mode. Readers differ in whether they ask first if the archive was made
    on Unix, so neither do we.
    """
    mode = entry.attributes >> 16
    kind = stat.S_IFMT(mode)
    folder = name.endswith("/")
    if kind == stat.S_IFLNK:
        raise Rejected("link-in-wheel", name, "the member is a symbolic link", "files and folders", offset=offset)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Rejected("device", name, "the member is neither file nor folder", "files and folders", offset=offset)
    if (kind == stat.S_IFDIR and not folder) or (kind == stat.S_IFREG and folder):
        raise Rejected("zip-kind", name, "name and attributes disagree whether this is a folder",
                       "a slash at the end of the names of folders only", offset=offset)  # fmt: skip
    if folder and entry.size_bytes:
        raise Rejected("folder-with-data", name, "a folder has data", "empty folders", offset=offset)


def _check_local(file: BinaryIO, entry: Entry, name: str, directory_offset: int, limits: Limits) -> int:
    """Compare the local header, at which ``file`` stands, with the directory; the offset of the member's data."""
    offset = entry.offset
    header = file.read(_LOCAL.size)
    if not header.startswith(_LOCAL_SIGNATURE) or offset + _LOCAL.size > directory_offset:
        raise Rejected("zip-local-header", name, "there is no local header where the directory says", "one local "
                       "header for each record", offset=offset)  # fmt: skip
    (_, version, flags, method, time, date, crc, packed, size, name_bytes, extra_bytes) = _LOCAL.unpack(header)
    body: int = offset + _LOCAL.size + name_bytes + extra_bytes
    if body + entry.compressed_bytes > directory_offset:
        raise Rejected("zip-overlap", name, "the member runs into the central directory", "members that end before it",
                       offset=offset)  # fmt: skip
    raw_name = file.read(name_bytes)
    if extra_bytes or _MAX32 in (packed, size):
        if extra_bytes > limits.header_bytes:
            raise Rejected("zip-extra", name, "the extra fields are too long", f"{limits.header_bytes} bytes",
                           offset=offset)  # fmt: skip
        extras = _read_extras(file.read(extra_bytes), raw_name, offset + _LOCAL.size + name_bytes)
        size, packed = _widen_local(extras.get(_ZIP64_EXTRA), size, packed, raw_name, offset)
    local = (version, flags, method, time, date, crc, packed, size, raw_name)
    if local != entry[:9]:
        for what, here, there in zip(_COMPARED, local, entry[:9], strict=True):
            if here != there:
                raise Rejected(
                    "zip-disagreement", name,
                    f"the local header and the central directory disagree about the {what}: {here!r} and {there!r}",
                    "the same in both", offset=offset,
                )  # fmt: skip
    return body


def _widen_local(extra: bytes | None, size: int, packed: int, raw_name: bytes, offset: int) -> tuple[int, int]:
    """Size and compressed size of a local header. APPNOTE 4.5.3: its zip64 field holds both."""
    if extra is None:
        if _MAX32 in (size, packed):
            raise _zip64(raw_name, "a zip64 field is announced that is not there", offset)
        return size, packed
    if len(extra) != _ZIP64_LOCAL.size or (size, packed) != (_MAX32, _MAX32):
        raise _zip64(raw_name, "the zip64 field does not hold what the local header announces", offset)
    size, packed = _ZIP64_LOCAL.unpack(extra)
    if max(size, packed) < _ZIP64_FROM:
        raise _zip64(raw_name, "the zip64 field is not needed", offset)
    return size, packed


def _take(file: BinaryIO, entry: Entry, name: str, walk: Walk, watch: Watch) -> None:
    """Unpack one member, at whose data ``file`` stands, while hashing it, and add it to what the walk has found."""
    path = name.removesuffix("/")
    folder = path != name
    walk.tree.add(path, "directory" if folder else "file", offset=entry.offset)
    keep = 0 if folder else watch.keep(path)
    if keep and entry.size_bytes > keep:
        raise Rejected("member-too-large", path, f"{entry.size_bytes} bytes", f"at most {keep} bytes",
                       offset=entry.offset)  # fmt: skip
    sha256 = hashlib.sha256(usedforsecurity=True)
    others = [hashlib.new(algorithm) for algorithm in watch.also]
    kept: list[bytes] = []
    follower: Follower | None = None
    crc = size_bytes = 0
    for chunk in _chunks(file, entry, path):
        if not size_bytes:
            follower = _show(watch, path, chunk)
        if follower is not None:
            follower.feed(chunk)
        size_bytes += len(chunk)
        crc = zlib.crc32(chunk, crc)
        sha256.update(chunk)
        for other in others:
            other.update(chunk)
        if keep:
            kept.append(chunk)
    _check_content(entry, path, size_bytes, crc)
    if follower is not None:
        follower.end()
    if keep:
        walk.kept[path] = b"".join(kept)
    for algorithm, other in zip(watch.also, others, strict=True):
        walk.digests[algorithm, path] = other.digest()
    walk.expanded_bytes += size_bytes
    kind, digest = ("directory", "") if folder else ("file", sha256.hexdigest())
    walk.members.append(Member(path, kind, size_bytes, digest))  # type: ignore[arg-type]  # kind is one of two literals


def _show(watch: Watch, path: str, chunk: bytes) -> Follower | None:
    """Let those who watch see the first chunk of a member."""
    if watch.glance is not None:
        watch.glance(path, chunk)
    return watch.follow(path, chunk) if watch.follow is not None else None


def _check_content(entry: Entry, path: str, size_bytes: int, crc: int) -> None:
    """What was unpacked is what the header says."""
    if size_bytes != entry.size_bytes:
        raise Rejected("zip-size", path, f"the member has {size_bytes} bytes, its header says {entry.size_bytes}",
                       "true sizes", offset=entry.offset)  # fmt: skip
    if crc != entry.crc:
        raise Rejected("zip-crc", path, f"the CRC is {crc:08x}, the header says {entry.crc:08x}", "a true CRC",
                       offset=entry.offset)  # fmt: skip


def _chunks(file: BinaryIO, entry: Entry, where: str) -> Iterator[bytes]:
    """The member's content in chunks of at most 1 MiB; never more than its header says."""
    left = entry.compressed_bytes
    if entry.method == _STORED:
        while left:
            chunk = file.read(min(CHUNK_BYTES, left))
            left -= len(chunk)
            yield chunk
        return
    body = file.tell()
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    packed = b""
    produced = 0
    while not inflate.eof:
        if not packed and left:
            packed = file.read(min(CHUNK_BYTES, left))
            left -= len(packed)
        starved = not packed
        try:
            chunk = inflate.decompress(packed, CHUNK_BYTES)
        except zlib.error as error:
            raise _bad_deflate(where, f"the deflate stream is damaged ({error})", body) from None
        packed = inflate.unconsumed_tail
        if starved and not chunk and not inflate.eof:
            raise _bad_deflate(where, "the deflate stream does not end with the member", body)
        produced += len(chunk)
        if produced > entry.size_bytes:
            raise Rejected("zip-size", where, f"the member has more than the {entry.size_bytes} bytes that its header "
                           "says", "true sizes", offset=entry.offset)  # fmt: skip
        if chunk:
            yield chunk
    behind = left + len(inflate.unused_data)
    if behind:
        raise _bad_deflate(
            where, f"{behind} bytes follow the end of the deflate stream", body + entry.compressed_bytes - behind
        )


def _bad_deflate(where: str, why: str, offset: int) -> Rejected:
    return Rejected("zip-deflate", where, why, "a deflate stream that fills the member exactly", offset=offset)


def _shown(raw_name: bytes) -> str:
    """A name for a message, whatever its bytes."""
    name = raw_name[:200].decode(errors="backslashreplace")
    # Before the name is checked it may hold what a terminal or a log obeys.
    return (name if name.isprintable() else ascii(name)) or "archive"
