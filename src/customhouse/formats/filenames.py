"""File names of distributions: which are accepted, and what they say.

Sources: binary distribution format (PEP 427), PEP 600 and 656 (manylinux, musllinux), PEP 625 (sdists), PEP 715 (no
eggs), PEP 730 and 738 (iOS, Android), PEP 783 (pyemscripten).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.tags import Tag
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from customhouse.terms.errors import Rejected

WHERE = "filename"
MAX_FILENAME = 300
ACCEPTED = "NAME-VERSION-TAGS.whl (PEP 427) or NAME-VERSION.tar.gz (PEP 625)"

_FIXED_PLATFORMS = frozenset(
    {"any", "win32", "win_amd64", "win_arm64", "win_ia64"}
    | {f"manylinux1_{arch}" for arch in ("x86_64", "i686")}
    | {f"manylinux2010_{arch}" for arch in ("x86_64", "i686")}
    | {
        f"manylinux2014_{arch}"
        for arch in ("x86_64", "i686", "aarch64", "armv7l", "ppc64", "ppc64le", "s390x", "riscv64", "loongarch64")
    }
    | {"linux_armv6l", "linux_armv7l"}
)
_ARCHES = r"(?:x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x|riscv64|loongarch64)"
_PLATFORMS = (
    re.compile(rf"manylinux_\d{{1,3}}_\d{{1,3}}_{_ARCHES}"),
    re.compile(rf"musllinux_\d{{1,3}}_\d{{1,3}}_(?:{_ARCHES}|armv6l)"),
    re.compile(r"macosx_10_\d{1,2}_(?:arm64|i386|intel|ppc|ppc64|fat|fat3|fat32|fat64|universal|universal2|x86_64)"),
    # From macOS 11 on the minor number of a tag is 0; some tools wrote others, and PyPI has them.
    re.compile(r"macosx_(?:1[1-9]|[2-9]\d)_\d{1,2}_(?:arm64|universal2|x86_64)"),
    re.compile(r"ios_\d{1,3}_\d{1,3}_(?:arm64|x86_64)_iphone(?:os|simulator)"),
    re.compile(r"android_\d{1,3}_(?:armeabi_v7a|arm64_v8a|x86|x86_64)"),
    re.compile(r"pyemscripten_[0-9]+_[0-9]+_wasm32"),
    re.compile(r"pyodide_[0-9]+_[0-9]+_wasm32"),
)
_LINUX = re.compile(r"linux_[a-z0-9_]{1,40}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_COMPONENT = re.compile(r"[A-Za-z0-9_.+!]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class WheelName:
    """A wheel's file name, parsed. ``name`` is normalised (PEP 503)."""

    filename: str
    name: str
    version: Version
    build: tuple[()] | tuple[int, str]
    tags: frozenset[Tag]
    stem: str
    """``{name}-{version}`` as the file spells it: the stem of its .dist-info folder."""

    @property
    def key(self) -> str:
        """The same for two spellings of one name, so that a name binds to one digest however it is written."""
        build = "".join(str(part) for part in self.build)
        return f"{self.name}-{self.version}-{build}-{'.'.join(sorted(str(tag) for tag in self.tags))}.whl"


@dataclass(frozen=True, slots=True)
class SdistName:
    """An sdist's file name, parsed. ``name`` is normalised (PEP 503)."""

    filename: str
    name: str
    version: Version
    stem: str
    """``{name}-{version}`` as the file spells it: the archive's top folder."""

    @property
    def key(self) -> str:
        """The same for two spellings of one name."""
        return f"{self.name}-{self.version}.tar.gz"


def parse_filename(text: str, *, linux_tags: bool = True) -> WheelName | SdistName:
    """Read a distribution's file name; raises `Rejected` saying what is accepted.

    ``linux_tags`` says whether wheels for plain ``linux_*`` platforms are welcome.
    """
    if len(text) > MAX_FILENAME:
        raise _rejected(f"{len(text)} characters are too many", f"at most {MAX_FILENAME} characters")
    if _CONTROL.search(text):
        raise _rejected(f"{text!r} has a control character", ACCEPTED)
    if "/" in text or "\\" in text:
        raise _rejected(f"{text!r} has a path separator", ACCEPTED)
    if text.endswith(".whl"):
        return _parse_wheel(text, linux_tags=linux_tags)
    if text.endswith(".tar.gz"):
        return _parse_sdist(text)
    if text.endswith(".egg"):
        raise _rejected(f"{text!r} is an egg, and eggs are no longer taken (PEP 715)", ACCEPTED)
    if text.endswith(".zip"):
        raise _rejected(f"{text!r} is a zip, and sdists are .tar.gz files (PEP 625)", ACCEPTED)
    raise _rejected(f"{text!r} is not a wheel or sdist", ACCEPTED)


def _parse_wheel(text: str, *, linux_tags: bool) -> WheelName:
    parts = text.removesuffix(".whl").split("-")
    if any(not _COMPONENT.fullmatch(part) for part in parts):
        raise _rejected(f"{text!r} has a character that no part of a wheel's name may have", ACCEPTED)
    try:
        name, version, build, tags = parse_wheel_filename(text)
    except InvalidWheelFilename as error:
        raise _rejected(f"{text!r} is not a wheel's name ({error})", ACCEPTED) from error
    for platform in sorted({tag.platform for tag in tags}):
        if not _platform_allowed(platform, linux_tags=linux_tags):
            raise Rejected(
                "bad-platform", WHERE, f"{text!r} has the platform tag {platform!r}, which this index does not take",
                "any, win, manylinux, musllinux, macosx, ios, android and pyemscripten tags"
                + (", and linux" if linux_tags else ""),
            )  # fmt: skip
    return WheelName(text, str(name), version, build, tags, "-".join(parts[:2]))


def _parse_sdist(text: str) -> SdistName:
    try:
        name, version = parse_sdist_filename(text)
    except InvalidSdistFilename as error:
        raise _rejected(f"{text!r} is not an sdist's name ({error})", ACCEPTED) from error
    stem = text.removesuffix(".tar.gz")
    name_part, _, version_part = stem.rpartition("-")
    wanted = str(canonicalize_name(name)).replace("-", "_")
    if name_part != wanted:
        raise _rejected(f"{text!r} does not spell the name as PEP 625 asks", f"{wanted}-{version}.tar.gz")
    # The version must be read back as itself; PEP 625 asks for PEP 440's normal form, and tools write it so.
    if version_part != str(version):
        raise _rejected(f"{text!r} does not spell the version in its normal form", f"{wanted}-{version}.tar.gz")
    return SdistName(text, str(name), version, stem)


def _platform_allowed(platform: str, *, linux_tags: bool) -> bool:
    if platform in _FIXED_PLATFORMS or any(pattern.fullmatch(platform) for pattern in _PLATFORMS):
        return True
    return linux_tags and _LINUX.fullmatch(platform) is not None


def _rejected(why: str, accepted: str) -> Rejected:
    return Rejected("bad-filename", WHERE, why, accepted)
