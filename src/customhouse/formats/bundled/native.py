"""The outlines of native files, read from their first bytes: what kind, which parts are code, what they need.

ELF (System V gABI), PE (Microsoft PE format), Mach-O (mach-o/loader.h). Nothing is loaded or run. Every count and every
offset is bounded, and what is damaged is said and otherwise taken as "the whole file may hold words".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

MAX_PARTS = 512
MAX_NEEDED = 256
MAX_NAME_BYTES = 512
MAX_NOTES_BYTES = 2**17
_EVERYTHING = 2**63

Kind = Literal["ELF", "PE", "Mach-O"]

_PT_LOAD, _PT_DYNAMIC, _PF_X, _PF_W = 1, 2, 1, 2
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_STRSZ, _DT_SONAME = 0, 1, 5, 10, 14
_PE_CODE = 0x20
_FAT_MAGICS = (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")
_MACH_MAGICS = {
    b"\xce\xfa\xed\xfe": ("<", False),
    b"\xcf\xfa\xed\xfe": ("<", True),
    b"\xfe\xed\xfa\xce": (">", False),
    b"\xfe\xed\xfa\xcf": (">", True),
}
# The magic of fat files is that of Java classes, too, whose version stands where the number of slices would.
_MOST_SLICES = 30
_SEGMENT, _SEGMENT_64 = 0x1, 0x19
_DYLIBS = frozenset({0xC, 0x80000018, 0x8000001F, 0x20})


class Damaged(Exception):
    """The outline of a native file cannot be read; says where and why."""


@dataclass(slots=True)
class Outline:
    """What the first bytes of a native file tell."""

    kind: Kind
    code: list[tuple[int, int]] = field(default_factory=list)
    """From and to, in bytes into the file: machine code, symbols and the like, which hold no words of interest."""
    needed: list[str] = field(default_factory=list)
    """The shared libraries that it asks for, as far as the first bytes tell (Mach-O)."""
    dynamic: tuple[int, int] = (0, 0)
    """ELF: where the dynamic section lies, from and to."""
    loads: list[tuple[int, int, int]] = field(default_factory=list)
    """Address, place in the file, size: how addresses become places (ELF, PE)."""
    imports: int = 0
    """PE: the address of the import directory."""
    wide: bool = True
    order: str = "<"


class Bytes(Protocol):
    """Bytes of a file by their place in it; what is not at hand is shorter than asked."""

    def at(self, offset: int, size: int) -> bytes:
        """At most ``size`` bytes from ``offset`` on."""
        ...


def kind_of(head: bytes) -> Kind | None:
    """Which native format begins so; needs eight bytes."""
    if head.startswith(b"\x7fELF"):
        return "ELF"
    if head.startswith(b"MZ"):
        return "PE"
    if head[:4] in _MACH_MAGICS:
        return "Mach-O"
    if head[:4] in _FAT_MAGICS and len(head) >= 8 and 0 < int.from_bytes(head[4:8], "big") <= _MOST_SLICES:  # noqa: PLR2004
        return "Mach-O"
    return None


def outline(head: bytes) -> Outline:
    """Read the outline from the first chunk of a file; raises `Damaged`."""
    kind = kind_of(head)
    try:
        if kind == "ELF":
            return _elf(head)
        if kind == "PE":
            return _pe(head)
        if kind == "Mach-O":
            return _mach(head)
    except (struct.error, IndexError, OverflowError) as error:
        raise Damaged(f"its header ends too early or points outside the file ({error})") from None
    raise Damaged("it is no native file")


def needed_by(found: Outline, source: Bytes) -> list[str]:
    """The shared libraries that a file asks for; empty if that cannot be told. Raises `Damaged`."""
    try:
        if found.kind == "ELF":
            return list(_elf_needed(found, source))
        if found.kind == "PE":
            return list(_pe_needed(found, source))
    except (struct.error, OverflowError) as error:
        raise Damaged(f"its list of needed libraries cannot be read ({error})") from None
    return found.needed


def _elf(head: bytes) -> Outline:
    if head[4] not in (1, 2) or head[5] not in (1, 2):
        raise Damaged(f"its class {head[4]} or byte order {head[5]} is none of ELF's")
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"  # noqa: PLR2004  # ELFCLASS64
    found = Outline("ELF", wide=wide, order=order)
    if wide:
        table, size, count = (*struct.unpack_from(order + "Q", head, 32), *struct.unpack_from(order + "2H", head, 54))
    else:
        table, size, count = (*struct.unpack_from(order + "L", head, 28), *struct.unpack_from(order + "2H", head, 42))
    layout = struct.Struct(order + ("2L6Q" if wide else "8L"))
    if count and (size != layout.size or count > MAX_PARTS):
        raise Damaged(f"it has {count} program headers of {size} bytes")
    writable = False
    executable: list[tuple[int, int]] = []
    for number in range(count):
        fields = layout.unpack_from(head, table + number * size)
        kind, flags, offset, address, in_file = (
            (fields[0], fields[1], fields[2], fields[3], fields[5])
            if wide
            else (fields[0], fields[6], fields[1], fields[2], fields[4])
        )
        if kind == _PT_DYNAMIC:
            found.dynamic = (offset, offset + in_file)
        elif kind == _PT_LOAD:
            found.loads.append((address, offset, in_file))
            if flags & _PF_X:
                executable.append((offset, offset + in_file))
            writable = writable or bool(flags & _PF_W)
    # Where constants have a segment of their own, code has one too; older linkers lay both into one.
    if len(found.loads) > len(executable) + writable:
        found.code = executable
    # What lies behind all that is loaded is symbols and debugging information, after a few short notes.
    if found.loads:
        found.code.append((max(offset + size for _, offset, size in found.loads) + MAX_NOTES_BYTES, _EVERYTHING))
    return found


def _elf_needed(found: Outline, source: Bytes) -> Iterator[str]:
    begin, end = found.dynamic
    layout = struct.Struct(found.order + ("qQ" if found.wide else "lL"))
    section = source.at(begin, min(end - begin, layout.size * 4096))
    wanted: list[int] = []
    table = size = 0
    for tag, value in layout.iter_unpack(section[: len(section) // layout.size * layout.size]):
        if tag == _DT_NULL:
            break
        if tag == _DT_NEEDED and len(wanted) < MAX_NEEDED:
            wanted.append(value)
        elif tag == _DT_STRTAB:
            table = value
        elif tag == _DT_STRSZ:
            size = value
    place = _place(found, table)
    if not wanted or place is None:
        return
    for offset in wanted:
        if offset < size:
            yield _text(source.at(place + offset, MAX_NAME_BYTES))


def _place(found: Outline, address: int) -> int | None:
    """Where an address lies in the file."""
    for begin, offset, size in found.loads:
        if begin <= address < begin + size:
            return offset + address - begin
    return None


def _text(body: bytes) -> str:
    return body.partition(b"\0")[0].decode("ascii", errors="replace")


def _pe(head: bytes) -> Outline:
    (start,) = struct.unpack_from("<L", head, 60)
    if head[start : start + 4] != b"PE\0\0":
        raise Damaged(f"there is no PE header at {start}, where the file says")
    count, optional = *struct.unpack_from("<H", head, start + 6), *struct.unpack_from("<H", head, start + 20)
    if count > MAX_PARTS:
        raise Damaged(f"it has {count} sections")
    (magic,) = struct.unpack_from("<H", head, start + 24)
    if magic not in (0x10B, 0x20B):
        raise Damaged(f"its optional header {magic:#x} is none of PE's")
    found = Outline("PE", wide=magic == 0x20B)  # noqa: PLR2004  # PE32+
    directories = start + 24 + (112 if found.wide else 96)
    if optional > directories - start - 24 + 8:
        (found.imports,) = struct.unpack_from("<L", head, directories + 8)
    for number in range(count):
        at = start + 24 + optional + 40 * number
        _virtual, address, size, offset = struct.unpack_from("<4L", head, at + 8)
        (flags,) = struct.unpack_from("<L", head, at + 36)
        found.loads.append((address, offset, size))
        if flags & _PE_CODE:
            found.code.append((offset, offset + size))
    return found


def _pe_needed(found: Outline, source: Bytes) -> Iterator[str]:
    place = _place(found, found.imports) if found.imports else None
    if place is None:
        return
    table = source.at(place, 20 * MAX_NEEDED)
    for at in range(0, len(table) - 19, 20):
        (name,) = struct.unpack_from("<L", table, at + 12)
        where = _place(found, name) if name else None
        if where is None:
            return
        yield _text(source.at(where, MAX_NAME_BYTES))


def _mach(head: bytes) -> Outline:
    found = Outline("Mach-O")
    if head[:4] in _FAT_MAGICS:
        return found
    order, wide = _MACH_MAGICS[head[:4]]
    (count,) = struct.unpack_from(order + "L", head, 16)
    at = 32 if wide else 28
    if count > MAX_PARTS:
        raise Damaged(f"it has {count} load commands")
    for _ in range(count):
        command, size = struct.unpack_from(order + "2L", head, at)
        if size < 8:  # noqa: PLR2004  # a command's own head
            raise Damaged(f"the load command at {at} has {size} bytes")
        if command in _DYLIBS and len(found.needed) < MAX_NEEDED:
            (name,) = struct.unpack_from(order + "L", head, at + 8)
            found.needed.append(_text(head[at + name : at + size]))
        elif command in (_SEGMENT, _SEGMENT_64):
            found.code += _mach_code(head, at, size, order, wide=command == _SEGMENT_64)
        at += size
    return found


def _mach_code(head: bytes, at: int, size: int, order: str, *, wide: bool) -> Iterator[tuple[int, int]]:
    """The ``__text`` sections of a segment."""
    (count,) = struct.unpack_from(order + "L", head, at + (64 if wide else 48))
    step, first = (80, 72) if wide else (68, 56)
    if count > MAX_PARTS or first + count * step > size:
        raise Damaged(f"the segment at {at} has {count} sections in {size} bytes")
    for number in range(count):
        section = at + first + number * step
        if head[section : section + 16].rstrip(b"\0") != b"__text":
            continue
        length, offset = (
            struct.unpack_from(order + "QL", head, section + 40)
            if wide
            else struct.unpack_from(order + "2L", head, section + 36)
        )
        yield offset, offset + length
