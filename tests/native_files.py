"""Small native files, made byte by byte as their formats say, for tests that look into them."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def elf(words: Sequence[bytes] = (), *, needed: Sequence[str] = (), code: bytes = b"", wide: bool = True) -> bytes:
    """A shared library with constants, code in a segment of its own, and what it needs (System V gABI)."""
    head, entry = (64, 56) if wide else (52, 32)
    start = head + 3 * entry
    names = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    constants = b"\0" + b"\0".join(words) + b"\0" + names
    strings_at = start + len(constants) - len(names)
    pair = "<qQ" if wide else "<lL"
    offsets, at = [], 1
    for name in needed:
        offsets.append(at)
        at += len(name) + 1
    dynamic = b"".join(struct.pack(pair, 1, offset) for offset in offsets)
    dynamic += struct.pack(pair, 5, strings_at) + struct.pack(pair, 10, len(names)) + struct.pack(pair, 0, 0)
    data = constants + dynamic
    code_at = start + len(data)
    parts = [
        (1, 4, 0, code_at),
        (1, 5, code_at, len(code)),
        (2, 4, start + len(constants), len(dynamic)),
    ]
    if wide:
        header = (
            b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<2HL3QL6H", 3, 62, 1, 0, head, 0, 0, 64, 56, 3, 64, 0, 0)
        )
        table = b"".join(
            struct.pack("<2L6Q", kind, flags, at, at, at, size, size, 8) for kind, flags, at, size in parts
        )
    else:
        header = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<2H5L6H", 3, 3, 1, 0, head, 0, 0, 52, 32, 3, 40, 0, 0)
        table = b"".join(struct.pack("<8L", kind, at, at, at, size, size, flags, 8) for kind, flags, at, size in parts)
    return header + table + data + code


def pe(words: Sequence[bytes] = (), *, needed: Sequence[str] = (), product: str = "") -> bytes:
    """A DLL with one section of constants and one of code (Microsoft's PE format)."""
    resource = (
        "ProductVersion\0".encode("utf-16-le") + bytes(2) + f"{product}\0".encode("utf-16-le") if product else b""
    )
    constants = b"\0" + b"\0".join(words) + b"\0" + resource
    base, file_at = 0x1000, 0x400
    imports_at = base + len(constants)
    names_at = imports_at + 20 * (len(needed) + 1)
    table, names = b"", b""
    for name in needed:
        table += struct.pack("<5L", 0, 0, 0, names_at + len(names), 0)
        names += name.encode() + b"\0"
    constants += table + bytes(20) + names
    optional = struct.pack("<H", 0x20B) + bytes(110) + struct.pack("<4L", 0, 0, imports_at, 20 * (len(needed) + 1))
    head = (
        b"MZ"
        + bytes(58)
        + struct.pack("<L", 64)
        + b"PE\0\0"
        + struct.pack("<2H3L2H", 0x8664, 2, 0, 0, 0, len(optional), 0x2022)
    )
    sections = (
        b".rdata\0\0"
        + struct.pack("<4L", len(constants), base, len(constants), file_at)
        + bytes(12)
        + struct.pack("<L", 0x40000040)
    )
    code_at = file_at + len(constants)
    sections += b".text\0\0\0" + struct.pack("<4L", 16, 0x9000, 16, code_at) + bytes(12) + struct.pack("<L", 0x60000020)
    return (head + optional + sections).ljust(file_at, b"\0") + constants + b"\x90" * 16


def mach_o(words: Sequence[bytes] = (), *, needed: Sequence[str] = (), code: bytes = b"") -> bytes:
    """A dylib with code, constants, and what it needs (mach-o/loader.h)."""
    commands = b""
    for name in needed:
        text = name.encode() + b"\0"
        text = text.ljust((len(text) + 7) // 8 * 8, b"\0")
        commands += struct.pack("<6L", 0xC, 24 + len(text), 24, 0, 0, 0) + text
    constants = b"\0" + b"\0".join(words) + b"\0"
    segment_bytes = 72 + 80
    size = 32 + len(commands) + segment_bytes
    section = (
        b"__text".ljust(16, b"\0")
        + b"__TEXT".ljust(16, b"\0")
        + struct.pack("<2Q8L", 0, len(code), size, 0, 0, 0, 0, 0, 0, 0)
    )
    segment = (
        struct.pack("<2L", 0x19, segment_bytes)
        + b"__TEXT".ljust(16, b"\0")
        + struct.pack("<4Q4L", 0, size, 0, size, 5, 5, 1, 0)
    )
    head = struct.pack("<8L", 0xFEEDFACF, 0x0100000C, 0, 6, len(needed) + 1, len(commands) + segment_bytes, 0, 0)
    return head + commands + segment + section + code + constants
