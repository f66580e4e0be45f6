"""Archives written byte by byte, so that any field can lie.

`zipfile` and `tarfile` write only what is true; an attacker does not use them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from customhouse.formats.filenames import SdistName, WheelName, parse_filename
from customhouse.formats.inspection import Inspection, Limits
from customhouse.formats.sdist import inspect_sdist
from customhouse.formats.tar_walk import walk_tar_gz
from customhouse.formats.wheel import inspect_wheel
from customhouse.formats.zip_walk import Walk, Watch, walk_zip
from customhouse.terms.errors import Rejected

LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
END64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR64 = struct.Struct("<4sLQL")

FILE_MODE = 0o100644 << 16
FOLDER_MODE = 0o040755 << 16
LINK_MODE = 0o120777 << 16


def deflate(data: bytes, level: int = 6) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


@dataclass(frozen=True)
class ZipMember:
    """One member. ``both``, ``local`` and ``central`` override fields by name, in both headers or in one."""

    name: bytes
    data: bytes = b""
    method: int = 8
    packed: bytes | None = None
    both: Mapping[str, Any] = field(default_factory=dict)
    local: Mapping[str, Any] = field(default_factory=dict)
    central: Mapping[str, Any] = field(default_factory=dict)
    before: bytes = b""
    """Bytes that belong to nobody, just before the local header."""

    def body(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflate(self.data) if self.method == 8 else self.data

    def fields(self) -> dict[str, Any]:
        return {
            "version": 20, "flags": 0x800, "method": self.method, "time": 0, "date": 33,
            "crc": zlib.crc32(self.data), "packed": len(self.body()), "size": len(self.data), "name": self.name,
            "extra": b"", **self.both,
        }  # fmt: skip

    def local_header(self) -> bytes:
        f = {"signature": b"PK\x03\x04", **self.fields(), **self.local}
        tail: bytes = f["name"] + f["extra"]
        return (
            LOCAL.pack(
                f["signature"], f["version"], f["flags"], f["method"], f["time"], f["date"], f["crc"], f["packed"],
                f["size"], len(f["name"]), f.get("extra_bytes", len(f["extra"])),
            )
            + tail
        )  # fmt: skip

    def record(self, offset: int) -> bytes:
        f = {
            "signature": b"PK\x01\x02", "made_by": 0x0314, "comment": b"", "disk": 0, "internal": 0,
            "attributes": FILE_MODE, "offset": offset, **self.fields(), **self.central,
        }  # fmt: skip
        tail: bytes = f["name"] + f["extra"] + f["comment"]
        return (
            CENTRAL.pack(
                f["signature"], f["made_by"], f["version"], f["flags"], f["method"], f["time"], f["date"], f["crc"],
                f["packed"], f["size"], len(f["name"]), f.get("extra_bytes", len(f["extra"])),
                f.get("comment_bytes", len(f["comment"])), f["disk"], f["internal"], f["attributes"], f["offset"],
            )
            + tail
        )  # fmt: skip


def folder(name: bytes) -> ZipMember:
    return ZipMember(name, method=0, central={"attributes": FOLDER_MODE})


def zip_bytes(
    members: Sequence[ZipMember],
    *,
    before_directory: bytes = b"",
    after_directory: bytes = b"",
    end: Mapping[str, Any] | None = None,
    comment: bytes = b"",
    after: bytes = b"",
    order: Sequence[int] | None = None,
) -> bytes:
    """A whole archive; ``order`` says in which order the members stand in the directory (repeats and gaps allowed)."""
    whole = b""
    offsets = []
    for member in members:
        whole += member.before
        offsets.append(len(whole))
        whole += member.local_header() + member.body()
    whole += before_directory
    chosen = range(len(members)) if order is None else order
    directory = b"".join(members[index].record(offsets[index]) for index in chosen)
    fields = {
        "disk": 0, "first_disk": 0, "here": len(chosen), "members": len(chosen), "size": len(directory),
        "offset": len(whole), "comment_bytes": len(comment), **(end or {}),
    }  # fmt: skip
    return (
        whole + directory + after_directory
        + END.pack(
            b"PK\x05\x06", fields["disk"], fields["first_disk"], fields["here"], fields["members"], fields["size"],
            fields["offset"], fields["comment_bytes"],
        )
        + comment + after
    )  # fmt: skip


def end64(offset: int, **lies: Any) -> bytes:
    """A zip64 end record, to stand at ``offset``, and its locator."""
    f: dict[str, Any] = {
        "size": 44, "disk": 0, "first_disk": 0, "here": 0, "members": 0, "directory_bytes": 0, "directory_offset": 0,
        "points_to": offset, "disks": 1, "more": b"", **lies,
    }  # fmt: skip
    more: bytes = f["more"]
    return (
        END64.pack(
            b"PK\x06\x06", f["size"], 45, 45, f["disk"], f["first_disk"], f["here"], f["members"],
            f["directory_bytes"], f["directory_offset"],
        )
        + more + LOCATOR64.pack(b"PK\x06\x07", 0, f["points_to"], f["disks"])
    )  # fmt: skip


def extra(kind: int, body: bytes) -> bytes:
    return struct.pack("<2H", kind, len(body)) + body


# --- tar


def tar_header(
    name: bytes, size: int = 0, kind: bytes = b"0", link: bytes = b"", *, checksum: bytes | None = None,
    **fields: bytes,
) -> bytes:  # fmt: skip
    """One header block; ``fields`` override its parts by name, padded with zeros."""
    layout = (
        ("name", 100, name), ("mode", 8, b"0000644\0"), ("uid", 8, b"0000000\0"), ("gid", 8, b"0000000\0"),
        ("size", 12, b"%011o\0" % size), ("mtime", 12, b"00000000000\0"), ("checksum", 8, b" " * 8),
        ("kind", 1, kind), ("link", 100, link), ("magic", 8, b"ustar\x0000"), ("uname", 32, b""), ("gname", 32, b""),
        ("devmajor", 8, b"0000000\0"), ("devminor", 8, b"0000000\0"), ("prefix", 155, b""), ("pad", 12, b""),
    )  # fmt: skip
    # ``number`` is the field of the size, whose name the parameter has taken.
    block = b"".join(
        fields.get("number" if part == "size" else part, default).ljust(width, b"\0") for part, width, default in layout
    )
    assert len(block) == 512
    return block[:148] + (checksum or b"%06o\0 " % sum(block)) + block[156:]


def padded(data: bytes, filler: bytes = b"\0") -> bytes:
    return data + filler * (-len(data) % 512)


def tar_file(name: bytes, data: bytes = b"", **fields: bytes) -> bytes:
    return tar_header(name, len(data), **fields) + padded(data)


def tar_folder(name: bytes) -> bytes:
    return tar_header(name, 0, b"5", mode=b"0000755\0")


def tar_link(name: bytes, target: bytes, *, hard: bool = False) -> bytes:
    return tar_header(name, 0, b"1" if hard else b"2", target)


def pax(records: Mapping[str, str | bytes], kind: bytes = b"x") -> bytes:
    """A pax header before a member."""
    body = b"".join(pax_record(key, value) for key, value in records.items())
    return tar_header(b"PaxHeaders/x", len(body), kind) + padded(body)


def pax_record(key: str, value: str | bytes) -> bytes:
    rest = b" " + key.encode() + b"=" + (value.encode() if isinstance(value, str) else value) + b"\n"
    length = len(rest) + 1
    while len(str(length)) + len(rest) != length:
        length += 1
    return str(length).encode() + rest


def gnu_long(name: bytes, kind: bytes = b"L") -> bytes:
    return tar_header(b"././@LongLink", len(name) + 1, kind, magic=b"ustar  \0") + padded(name + b"\0")


END_OF_TAR = bytes(1024)


def gzip_bytes(
    content: bytes, *, flags: int = 0, more_header: bytes = b"", crc: int | None = None, size: int | None = None,
    magic: bytes = b"\x1f\x8b", method: int = 8, packed: bytes | None = None, after: bytes = b"",
) -> bytes:  # fmt: skip
    return (
        magic + bytes([method, flags]) + bytes(6) + more_header + (deflate(content) if packed is None else packed)
        + struct.pack("<2L", zlib.crc32(content) if crc is None else crc, len(content) if size is None else size)
        + after
    )  # fmt: skip


def tar_gz(*parts: bytes, end: bytes = END_OF_TAR) -> bytes:
    return gzip_bytes(b"".join(parts) + end)


# --- distributions


def metadata(name: str = "demo", version: str = "1.0", more: str = "", metadata_version: str = "2.4") -> bytes:
    return f"Metadata-Version: {metadata_version}\nName: {name}\nVersion: {version}\n{more}".encode()


WHEEL = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
WHEEL_NAME = "demo-1.0-py3-none-any.whl"
SDIST_NAME = "demo-1.0.tar.gz"
INFO = "demo-1.0.dist-info"


def hashed(body: bytes, algorithm: str = "sha256") -> str:
    return base64.urlsafe_b64encode(hashlib.new(algorithm, body).digest()).rstrip(b"=").decode()


def record_of(files: Mapping[str, bytes], info: str = INFO) -> bytes:
    lines = [f"{path},sha256={hashed(body)},{len(body)}\n" for path, body in files.items()]
    return ("".join(lines) + f"{info}/RECORD,,\n").encode()


def wheel_files(
    more: Mapping[str, bytes] | None = None,
    *,
    info: str = INFO,
    without: Sequence[str] = (),
    record: bytes | None = None,
) -> dict[str, bytes]:
    """The files of a wheel, RECORD last; ``more`` adds or replaces, ``without`` leaves out, of RECORD too."""
    files = {"demo/__init__.py": b"answer = 42\n", f"{info}/METADATA": metadata(), f"{info}/WHEEL": WHEEL}
    files |= more or {}
    files = {path: body for path, body in files.items() if path not in without}
    if f"{info}/RECORD" not in without:
        files[f"{info}/RECORD"] = record_of(files, info) if record is None else record
    return files


def wheel_bytes(files: Mapping[str, bytes]) -> bytes:
    return zip_bytes([ZipMember(path.encode(), body) for path, body in files.items()])


def sdist_bytes(files: Mapping[str, bytes] | None = None, *more: bytes, top: str = "demo-1.0") -> bytes:
    """An sdist; ``files`` have names below the top folder, ``more`` are blocks behind them."""
    chosen = {"PKG-INFO": metadata(), "pyproject.toml": b"[project]\n"} if files is None else files
    return tar_gz(*(tar_file(f"{top}/{path}".encode(), body) for path, body in chosen.items()), *more)


# --- asking the reader


def walked_zip(body: bytes, limits: Limits | None = None, watch: Watch | None = None) -> Walk:
    return walk_zip(io.BytesIO(body), limits or Limits(), watch or Watch())


def walked_tar(body: bytes, limits: Limits | None = None, watch: Watch | None = None) -> Walk:
    return walk_tar_gz(io.BytesIO(body), limits or Limits(), watch or Watch())


def inspected_wheel(body: bytes, filename: str = WHEEL_NAME, limits: Limits | None = None) -> Inspection:
    name = parse_filename(filename)
    assert isinstance(name, WheelName)
    return inspect_wheel(io.BytesIO(body), name, limits or Limits())


def inspected_sdist(body: bytes, filename: str = SDIST_NAME, limits: Limits | None = None) -> Inspection:
    name = parse_filename(filename)
    assert isinstance(name, SdistName)
    return inspect_sdist(io.BytesIO(body), name, limits or Limits())


def fault(error: Rejected) -> tuple[str, str, int | None]:
    """What a test compares: code, place and offset."""
    return error.code, error.where, error.offset
