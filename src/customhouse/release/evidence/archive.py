"""The one file of a release: a tar that can be written in one way only, and is read only if it was.

POSIX.1-1988 "ustar" (IEEE Std 1003.1, pax "ustar Interchange Format"), uncompressed: plain files, sorted, mode 644,
no owner, no time. A reader that takes anything else has to think about links, devices, names that lead outside and
numbers that overflow; this one writes what it has read once more and compares, so one content is one sequence of bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from customhouse.terms.errors import Rejected

BLOCK = 512
RECORD = 20 * BLOCK
MOST_BYTES = 256 * 2**20
"""Of a whole bundle: a journal, some dozen statements and signatures have a few MiB."""
MOST_MEMBERS = 4096
LONGEST_NAME = 100
"""What the header holds; the prefix field is not used."""
FIRST = "manifest.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*(?:/[A-Za-z0-9][A-Za-z0-9._+!-]*)*")
_ACCEPTED = "a bundle as customhouse release bundle writes it"


def write_archive(members: Mapping[str, bytes]) -> bytes:
    """The tar of these members: `FIRST` first, then by name. Raises `Rejected` for what it cannot hold."""
    written = bytearray()
    for name in _order(members):
        if problem := _name_problem(name):
            raise Rejected("bundle-name", name[:LONGEST_NAME], problem, _ACCEPTED)
        body = members[name]
        written += _header(name, len(body)) + body + bytes(-len(body) % BLOCK)
    written += bytes(2 * BLOCK)
    written += bytes(-len(written) % RECORD)
    if len(written) > MOST_BYTES or len(members) > MOST_MEMBERS:
        raise Rejected("bundle-too-large", "bundle", f"{len(members)} members, {len(written):,} bytes",
                       f"at most {MOST_MEMBERS} members and {MOST_BYTES:,} bytes")  # fmt: skip
    return bytes(written)


def read_archive(data: bytes) -> dict[str, bytes]:
    """The members by name, in the archive's order; raises `Rejected` with the byte where it is not what we write."""
    if len(data) > MOST_BYTES:
        raise Rejected("bundle-too-large", "bundle", f"{len(data):,} bytes", f"at most {MOST_BYTES:,}")
    if len(data) % RECORD or not data:
        raise Rejected("bundle-odd", "bundle", f"{len(data):,} bytes are no whole records of {RECORD}", _ACCEPTED)
    members: dict[str, bytes] = {}
    place = 0
    while data[place : place + BLOCK].strip(b"\0"):
        name, size = _read_header(data, place)
        if name in members:
            raise Rejected("bundle-name", name, "stands there twice", _ACCEPTED, offset=place)
        if len(members) == MOST_MEMBERS:
            raise Rejected("bundle-too-large", "bundle", f"more than {MOST_MEMBERS} members", _ACCEPTED, offset=place)
        start = place + BLOCK
        if start + size > len(data):
            raise Rejected("bundle-short", name, f"says {size:,} bytes, and the file ends before", _ACCEPTED,
                           offset=place)  # fmt: skip
        members[name] = data[start : start + size]
        place = start + size + (-size % BLOCK)
    _same(data, members)
    return members


def _same(data: bytes, members: Mapping[str, bytes]) -> None:
    """Padding, order and end are as we write them; anything else is a way to hide something."""
    again = write_archive(members)
    if again == data:
        return
    if list(members) != _order(members):
        raise Rejected("bundle-order", "bundle", "its members are not in order", f"{FIRST} first, then by name")
    where = next((at for at, (one, other) in enumerate(zip(data, again, strict=False)) if one != other), len(again))
    raise Rejected("bundle-odd", "bundle", "is not as it would be written", _ACCEPTED, offset=where)


def _order(members: Iterable[str]) -> list[str]:
    return sorted(members, key=lambda name: (name != FIRST, name))


def _header(name: str, size: int) -> bytes:
    fields = b"".join(
        (
            name.encode().ljust(100, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0", f"{size:011o}\0".encode(),
            b"00000000000\0", b" " * 8, b"0", bytes(100), b"ustar\x0000", bytes(32), bytes(32), b"0000000\0",
            b"0000000\0", bytes(155), bytes(12),
        )
    )  # fmt: skip
    return fields[:148] + f"{sum(fields):06o}\0 ".encode() + fields[156:]


def _read_header(data: bytes, place: int) -> tuple[str, int]:
    """Name and size of a member whose header is, byte for byte, the one that we would write."""
    header = data[place : place + BLOCK]
    if header[156:157] not in (b"0", b"\0") and header[257:262] == b"ustar":
        raise Rejected(
            "bundle-member", _shown(header[:100]), f"is no plain file (type {_shown(header[156:157])!r})",
            "plain files only: no links, folders or devices", offset=place,
        )  # fmt: skip
    try:
        name = header[:100].rstrip(b"\0").decode("ascii")
        size = int(header[124:135], 8)
    except ValueError as error:
        raise Rejected("bundle-odd", "bundle", "a header cannot be read", _ACCEPTED, offset=place) from error
    if problem := _name_problem(name):
        raise Rejected("bundle-name", _shown(header[:100]), problem, _ACCEPTED, offset=place)
    if size < 0 or _header(name, size) != header:
        raise Rejected("bundle-odd", name, "its header is not as we write it", _ACCEPTED, offset=place)
    return name, size


def _name_problem(name: str) -> str:
    if len(name) > LONGEST_NAME:
        return f"has a name of more than {LONGEST_NAME} characters"
    if not NAME.fullmatch(name):
        return "has a name that may lead elsewhere"
    return ""


def _shown(raw: bytes) -> str:
    return "".join(one if one.isprintable() else "?" for one in raw.rstrip(b"\0").decode("ascii", "replace"))
