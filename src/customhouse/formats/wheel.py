"""What makes a ZIP archive a wheel.

Sources: the binary distribution format (PEP 427), entry points specification, PEP 639 (licence files), PEP 770
(``sboms`` may hold anything), recording installed projects (RECORD).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import BinaryIO

from packaging.metadata import RawMetadata, parse_email
from packaging.tags import Tag, parse_tag
from packaging.version import Version

from customhouse.formats.filenames import WheelName
from customhouse.formats.inspection import Inspection, Limits, Member, Signal
from customhouse.formats.record import check_record, parse_record, stronger_hashes
from customhouse.formats.signals import EncryptedCode, wheel_signals
from customhouse.formats.zip_walk import Follower, Walk, Watch, walk_zip
from customhouse.terms.errors import Rejected
from customhouse.terms.names import normalize
from customhouse.terms.versions import version_of

# The keys of an installation scheme that installers know (sysconfig, pip and uv).
DATA_SCHEMES = frozenset({"purelib", "platlib", "headers", "scripts", "data"})
_LICENSE_FILES_FROM = (2, 4)
_SMALL_FILE_BYTES = 2**20
"""The largest WHEEL or entry_points.txt."""
_MOST_TAGS = 5000
"""Tags in WHEEL: ``a.b-c.d-e.f`` stands for eight, and a hostile line for millions."""

_INFO_FILE = re.compile(r"[^/]+\.dist-info/(?:METADATA|WHEEL|RECORD|entry_points\.txt)")
_INFO_FOLDER = re.compile(r"(?:[^/]+\.data/(?:purelib|platlib)/)?([^/]+\.dist-info)(?:/|\Z)", re.IGNORECASE)
_SITE_OF_DATA = re.compile(r"(?:\A|/)(?:site|dist)-packages/", re.IGNORECASE)
# Elsewhere below the interpreter's folder only names that Python looks for: on Windows that folder is a site directory.
_STARTUP_OF_DATA = re.compile(
    r"\A(?:lib(?:64)?/(?:python[^/]*/(?:lib-dynload/)?)?|dlls/)?"
    r"(?=(?:site|user)customize(?:[./]|\Z)|[^/]*\.(?:pth|start)\Z)",
    re.IGNORECASE,
)
_SCRIPT_NAME = re.compile(r"[\w.-]+")
_SCRIPT_GROUPS = ("console_scripts", "gui_scripts")


@dataclass(frozen=True, slots=True)
class WheelFile:
    """The file WHEEL: what it says of the format and of the tags."""

    version: tuple[int, int]
    root_is_purelib: bool
    tags: frozenset[Tag]
    build: str


@dataclass(frozen=True, slots=True)
class _Content:
    """A wheel's walk, seen as folders. Paths of members by where they go."""

    info: str
    """The name of the ``.dist-info`` folder."""
    files: Mapping[str, Member]
    site: tuple[str, ...]
    """Files that land in site-packages, by the path that they have there."""
    scripts: tuple[str, ...]
    """Files of ``.data/scripts``."""


def inspect_wheel(
    file: BinaryIO, name: WheelName, limits: Limits, follow: Callable[[str, bytes], Follower | None] | None = None
) -> Inspection:
    """Walk and check a wheel whose file name says ``name``; raises `Rejected`.

    ``follow`` is asked who else wants to hear a member, so that the archive is read once for all.
    """

    def keep(path: str) -> int:
        if not _INFO_FILE.fullmatch(path):
            return 0
        base = path.rpartition("/")[2]
        return {"RECORD": limits.record_bytes, "METADATA": limits.metadata_bytes}.get(base, _SMALL_FILE_BYTES)

    encrypted = EncryptedCode()
    walk = walk_zip(file, limits, Watch(keep, encrypted.glance, follow))
    content = _content(walk, name)
    info = content.info
    wheel = parse_wheel_file(_text(walk, f"{info}/WHEEL", "wheel-file"), f"{info}/WHEEL")
    metadata = _text(walk, f"{info}/METADATA", "wheel-metadata")
    _check_record(file, walk, content, limits)
    raw, _ = parse_email(metadata)
    check_identity(raw, name.name, name.version, f"{info}/METADATA")
    _check_licenses(raw, content)
    entry_points = parse_scripts(walk.kept.get(f"{info}/entry_points.txt", b""), f"{info}/entry_points.txt")
    scripts = tuple(sorted({*entry_points, *content.scripts}))
    signals = wheel_signals(name.name, walk.members, content.site, scripts)
    return Inspection(
        name.filename,
        "bdist_wheel",
        metadata,
        content.files[f"{info}/METADATA"].sha256,
        tuple(walk.members),
        (*signals, *encrypted.signals, *_tag_signals(wheel, name, f"{info}/WHEEL")),
        walk.expanded_bytes,
        tuple(sorted({path.partition("/")[0] for path in content.site})),
        scripts,
    )


def _content(walk: Walk, name: WheelName) -> _Content:
    """Sort the members by where they go; exactly one .dist-info, and no .data but the wheel's own."""
    infos = {found[1] for member in walk.members if (found := _INFO_FOLDER.match(member.name))}
    roots = {member.name.partition("/")[0] for member in walk.members}
    if len(infos) != 1:
        raise Rejected("dist-info", "archive", f"the wheel has {len(infos)} .dist-info folders: "
                       f"{', '.join(sorted(infos))[:300]}", "exactly one")  # fmt: skip
    info = infos.pop()
    if info not in roots or not names_release(info.removesuffix(".dist-info"), name.name, name.version):
        raise Rejected("dist-info", info, f"the folder is not that of {name.stem}", f"{name.stem}.dist-info")
    files = {member.name: member for member in walk.members if member.kind == "file"}
    site: list[str] = []
    scripts: list[str] = []
    for path in files:
        root, _, rest = path.partition("/")
        if root == info:
            continue
        if not root.endswith(".data") or not rest:
            site.append(path)
            continue
        scheme, _, inside = rest.partition("/")
        if not names_release(root.removesuffix(".data"), name.name, name.version):
            raise Rejected("data-folder", path, "the .data folder is that of another project", f"{name.stem}.data")
        if scheme not in DATA_SCHEMES or not inside:
            raise Rejected("data-folder", path, f"{scheme!r} is no place to install to",
                           ", ".join(sorted(DATA_SCHEMES)))  # fmt: skip
        if landing := site_path(scheme, inside):
            site.append(landing)
        elif scheme == "scripts":
            scripts.append(inside)
    return _Content(info, files, tuple(site), tuple(scripts))


def site_path(scheme: str, path: str) -> str:
    """Where a file of ``.data/SCHEME`` lies below a site directory; empty if Python does not look there for modules.

    Installers lay ``data`` below the interpreter's own folder, and so it may land beside what is imported.
    """
    if scheme in ("purelib", "platlib"):
        return path
    if scheme != "data":
        return ""
    landing = _SITE_OF_DATA.search(path) or _STARTUP_OF_DATA.match(path)
    return path[landing.end() :] if landing else ""


def names_release(stem: str, name: str, version: Version) -> bool:
    """Whether ``{name}-{version}`` in any spelling is this release; ``name`` is normalised."""
    at = stem.find("-")
    while at > 0:
        # PEP 427 turns '-' in a version into '_'.
        if normalize(stem[:at]) == name and version_of(stem[at + 1 :].replace("_", "-")) == version:
            return True
        at = stem.find("-", at + 1)
    return False


def _text(walk: Walk, path: str, code: str) -> str:
    """A kept member as text; it must be there, in UTF-8."""
    body = walk.kept.get(path)
    if body is None:
        raise Rejected(code, path, "the file is missing", "a whole .dist-info folder")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Rejected(code, path, f"byte {error.start} is not UTF-8", "text in UTF-8") from None


def parse_wheel_file(text: str, where: str) -> WheelFile:
    """Read WHEEL; raises `Rejected` ``wheel-file``."""
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        key, colon, value = line.partition(":")
        if not colon:
            raise Rejected("wheel-file", where, f"the line {line[:80]!r} has no colon", "lines 'Key: value'")
        fields.setdefault(key.strip().lower(), []).append(value.strip())
    for key in ("wheel-version", "root-is-purelib", "build"):
        if len(fields.get(key, ())) > 1:
            raise Rejected("wheel-file", where, f"{key.title()} is there twice", "each key but Tag once")
    found = re.fullmatch(r"([0-9]{1,4})\.([0-9]{1,4})", fields.get("wheel-version", [""])[0])
    if found is None or found[1] != "1":
        spelled = fields.get("wheel-version", [""])[0][:40]
        raise Rejected("wheel-file", where, f"the Wheel-Version is {spelled!r}", "Wheel-Version: 1.0")
    purelib = fields.get("root-is-purelib", [""])[0].lower()
    if purelib not in ("true", "false"):
        raise Rejected("wheel-file", where, f"Root-Is-Purelib is {purelib[:40]!r}", "true or false")
    return WheelFile(
        (1, int(found[2])), purelib == "true", _tags(fields.get("tag", []), where), fields.get("build", [""])[0]
    )


def _tags(values: Iterable[str], where: str) -> frozenset[Tag]:
    """The tags for which compressed ones stand (PEP 425)."""
    tags: set[Tag] = set()
    for value in values:
        if value.count("-") != 2:  # noqa: PLR2004  # interpreter, ABI, platform
            raise Rejected("wheel-file", where, f"the Tag {value[:80]!r} is no tag", "PYTHON-ABI-PLATFORM")
        if prod(part.count(".") + 1 for part in value.split("-")) + len(tags) > _MOST_TAGS:
            raise Rejected("wheel-file", where, "it has too many tags", f"at most {_MOST_TAGS}")
        tags |= parse_tag(value)
    return frozenset(tags)


def _tag_signals(wheel: WheelFile, name: WheelName, where: str) -> Iterable[Signal]:
    """Tags in WHEEL are for those who read the archive, tags in the file name for those who choose it."""
    if wheel.tags != name.tags:
        inside = ", ".join(sorted(str(tag) for tag in wheel.tags)) or "none"
        outside = ", ".join(sorted(str(tag) for tag in name.tags))
        yield Signal("tags-differ", where, f"WHEEL: {inside}; file name: {outside}"[:500])
    build = "".join(str(part) for part in name.build)
    if wheel.build != build and wheel.build:
        yield Signal("tags-differ", where, f"WHEEL has the build {wheel.build[:40]!r}, the file name {build!r}")


def _check_record(file: BinaryIO, walk: Walk, content: _Content, limits: Limits) -> None:
    """Read RECORD and compare it; a second walk where it uses more than sha256, which is rare."""
    where = f"{content.info}/RECORD"
    body = walk.kept.get(where)
    if body is None:
        raise Rejected("record-absent", where, "the file is missing", "a RECORD of all files")
    # Besides the files, RECORD may list its two old signatures, which are then not there.
    rows = parse_record(body, where, len(content.files) + 2)
    also = stronger_hashes(rows)
    digests = walk_zip(file, limits, Watch(also=also)).digests if also else {}
    check_record(rows, content.files, where, digests)


def check_identity(raw: RawMetadata, name: str, version: Version, where: str) -> None:
    """Name and Version of the metadata must be those of the file name; raises `Rejected`."""
    if normalize(raw.get("name", "")) != name:
        raise Rejected("name-mismatch", where, f"the metadata is that of {raw.get('name', '')[:100]!r}", name)
    found = raw.get("version", "")
    if version_of(found) != version:
        raise Rejected("version-mismatch", where, f"the metadata is that of version {found[:100]!r}", str(version))


def license_files(raw: RawMetadata) -> list[str]:
    """The License-File entries that the metadata's version binds (PEP 639: from 2.4 on)."""
    parts = raw.get("metadata_version", "").split(".")
    if not all(part.isascii() and part.isdecimal() and len(part) < 4 for part in parts):  # noqa: PLR2004  # sane
        return []
    return raw.get("license_files", []) if tuple(map(int, parts)) >= _LICENSE_FILES_FROM else []


def _check_licenses(raw: RawMetadata, content: _Content) -> None:
    """PEP 639: each License-File is in ``.dist-info/licenses``."""
    for path in license_files(raw):
        if f"{content.info}/licenses/{path}" not in content.files:
            raise Rejected(
                "license-file-missing", "License-File", f"{path[:200]!r} is not in the wheel",
                f"{content.info}/licenses/{path[:200]}",
            )  # fmt: skip


def parse_scripts(body: bytes, where: str) -> tuple[str, ...]:
    """The names of the console and GUI scripts of an ``entry_points.txt``; raises `Rejected` ``entry-points``.

    A script's name becomes a file name on somebody's path, so it may hold word characters, dots and dashes only.
    """
    groups = parse_entry_points(body, where)
    scripts = [script for wanted in _SCRIPT_GROUPS for script in groups.get(wanted, ())]
    for script in scripts:
        if not _SCRIPT_NAME.fullmatch(script):
            raise _bad_entry_points(where, f"{script[:80]!r} is no name for a script")
    return tuple(scripts)


def parse_entry_points(body: bytes, where: str) -> dict[str, dict[str, str]]:
    """The entries of an ``entry_points.txt`` by group; raises `Rejected` ``entry-points``."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _bad_entry_points(where, f"byte {error.start} is not UTF-8") from None
    groups: dict[str, dict[str, str]] = {}
    group: dict[str, str] | None = None
    # `configparser` takes quadratic time for a line of blanks; and where it takes an indented line for the rest of a
    # value, `importlib.metadata` takes it for an entry of its own, as here.
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        if stripped[0] == "[" and stripped[-1] == "]":
            name = stripped[1:-1]
            if name in groups:
                raise _bad_entry_points(where, f"line {number} begins the group {name[:80]!r} again")
            group = groups[name] = {}
            continue
        name, equals, value = (part.strip() for part in stripped.partition("="))
        if group is None or not equals or not name:
            raise _bad_entry_points(where, f"line {number} is no entry of a group")
        if name in group:
            raise _bad_entry_points(where, f"line {number} gives {name[:80]!r} again")
        group[name] = value
    return groups


def _bad_entry_points(where: str, why: str) -> Rejected:
    return Rejected(
        "entry-points", where, why,
        "groups '[name]' of entries 'name = value'; names of scripts from letters, digits, '_', '.' and '-'",
    )  # fmt: skip
