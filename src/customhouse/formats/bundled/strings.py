"""Looking for what libraries say of themselves in the bytes of a native file.

A plain search for a few rare words costs 0.3 ms for each MiB, so all of them fit into the time that an upload has; an
expression is tried only where they are found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from customhouse.formats.bundled.tables import Known, Pattern

BEFORE_BYTES, AFTER_BYTES = 96, 256
MAX_PLACES = 64
MAX_DIFFERENT = 4
MAX_TREES = 100

# objcopy --add-gnu-debuglink of rpm builds: libXau.so.6.0.0-1.0.9-3.el8.x86_64.debug
_DEBUG_LINK = re.compile(
    rb"([A-Za-z0-9_+.-]+\.so[0-9A-Za-z_.]*?)-([0-9][0-9A-Za-z_.+~]*)-([0-9][0-9A-Za-z_.+~]*)"
    rb"\.(x86_64|aarch64|i[36]86|ppc64le|s390x)\.debug\x00"
)
# systemd.io/PACKAGE_METADATA_FOR_EXECUTABLE_FILES
_PACKAGE_NOTE = re.compile(
    rb'\{"type":"(rpm|deb)"[^{}]{0,120}?"name":"([\w.+-]{1,80})",'
    rb'"version":"([\w.+:~-]{1,80})"'
)
_BUILD_TREES = b"/buildtrees/"
_IN_TREE = re.compile(
    rb"/buildtrees/([a-z0-9-]{1,60})/src/(?:[a-z]+[-_])?v?([0-9]+(?:[._][0-9]+)+)-[0-9a-f]{10}(?:\.clean)?/"
)
_PRODUCT_VERSION = "ProductVersion\0".encode("utf-16-le")
_PRODUCT = re.compile(rb"(?:\x00\x00){0,2}((?:[0-9a-z., ]\x00){1,24})\x00\x00")


class Said(NamedTuple):
    """Words that tell a version."""

    version: str
    """Empty if they only tell whose they are."""
    text: str


class Package(NamedTuple):
    """What a distribution's package says of a file."""

    kind: str
    name: str
    """Empty if only the file is named."""
    version: str
    release: str
    text: str


def search(known: Known, body: bytearray) -> list[Said]:
    """What the library's own words in these bytes say, each once."""
    found: dict[str, Said] = {}
    for pattern in known.strings:
        for said in _matches(pattern, body):
            found.setdefault(said.version, said)
            if len(found) >= MAX_DIFFERENT:
                return list(found.values())
    return list(found.values())


def _matches(pattern: Pattern, body: bytearray) -> Iterator[Said]:
    at = body.find(pattern.find)
    if at < 0 or (pattern.unless and body.find(pattern.unless) >= 0):
        return
    if pattern.anywhere:
        for match in pattern.regex.finditer(body):
            yield _said(pattern, match)
        return
    for _ in range(MAX_PLACES):
        window = bytes(body[max(0, at - BEFORE_BYTES) : at + AFTER_BYTES])
        for match in pattern.regex.finditer(window):
            yield _said(pattern, match)
        at = body.find(pattern.find, at + len(pattern.find))
        if at < 0:
            return


def _said(pattern: Pattern, match: re.Match[bytes]) -> Said:
    version = match[1].decode("ascii", errors="replace")
    if pattern.number:
        number = int(version)
        version = f"{number // 10000}.{number // 100 % 100}.{number % 100}"
    return Said(version, shown(match[0]))


def constants(known: Known, body: bytearray) -> list[Said]:
    """The bare constants that may be the version of the library that the file is called by."""
    found: dict[str, Said] = {}
    for pattern in known.short:
        for match in pattern.finditer(body):
            version = match[1].decode("ascii")
            found.setdefault(version, Said(version, shown(match[0])))
            if len(found) >= MAX_DIFFERENT:
                break
        if found:
            break
    return list(found.values())


def packages(body: bytearray) -> list[Package]:
    """What a distribution has written into the file: its note, or the name of its debug file."""
    found = []
    if body.find(b'{"type":"') >= 0 and (note := _PACKAGE_NOTE.search(body)) is not None:
        kind, name, version = (part.decode("ascii") for part in note.groups())
        upstream, _, release = version.rpartition("-")
        found.append(Package(kind, name, upstream or version, release if upstream else "", shown(note[0])))
    at = body.find(b".debug\0")
    if at >= 0 and (link := _DEBUG_LINK.search(bytes(body[max(0, at - 200) : at + 7]))) is not None:
        _, version, release, _ = (part.decode("ascii") for part in link.groups())
        found.append(Package("rpm", "", version, release, shown(link[0])))
    return found


def product_version(body: bytearray) -> Said | None:
    """The ``ProductVersion`` of a DLL's version resource."""
    at = body.find(_PRODUCT_VERSION)
    if at < 0:
        return None
    match = _PRODUCT.match(bytes(body[at + len(_PRODUCT_VERSION) : at + len(_PRODUCT_VERSION) + 64]))
    if match is None:
        return None
    version = match[1].decode("utf-16-le", errors="replace").replace(", ", ".").replace(",", ".").strip()
    return Said(version, f"ProductVersion {version}") if version[:1].isdecimal() else None


def build_trees(body: bytearray) -> list[tuple[str, Said]]:
    """The libraries whose source vcpkg has unpacked to link them in: the port's name, and its version.

    vcpkg_extract_source_archive: ``buildtrees/PORT/src/REF-HASH.clean``, of which REF is the end of the tag's name.
    """
    found: dict[tuple[str, str], Said] = {}
    at = body.find(_BUILD_TREES)
    while at >= 0 and len(found) < MAX_TREES:
        match = _IN_TREE.match(bytes(body[at : at + 160]))
        if match is not None:
            port, version = match[1].decode("ascii"), match[2].decode("ascii").replace("_", ".")
            found.setdefault((port, version), Said(version, shown(match[0])))
        at = body.find(_BUILD_TREES, at + len(_BUILD_TREES))
    return [(port, said) for (port, _), said in found.items()]


def built_in(stems: tuple[str, ...], body: bytearray) -> list[Said]:
    """The version in the folder that a library was built in: ``/build/zstd-1.5.7/lib/decompress.c``."""
    found: dict[str, Said] = {}
    for stem in stems:
        needle = f"/{stem}-".encode()
        at = body.find(needle)
        while at >= 0 and len(found) < MAX_DIFFERENT:
            match = _IN_PATH.match(bytes(body[at + len(needle) : at + len(needle) + 40]))
            if match is not None:
                version = match[1].decode("ascii")
                found.setdefault(version, Said(version, f"/{stem}-{version}/"))
            at = body.find(needle, at + 1)
    return list(found.values())


_IN_PATH = re.compile(rb"v?([0-9]+\.[0-9]+(?:\.[0-9]+)*)[/\x00]")


def shown(words: bytes) -> str:
    """Words for people: printable, on one line, at most 200 characters."""
    text = words.strip(b"\0 \n").decode("ascii", errors="replace")
    return "".join(each if each.isprintable() else " " for each in text)[:200]
