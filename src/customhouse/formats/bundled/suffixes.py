"""What the suffix of a shared library says of its version, by the rule that its build files follow.

Sources: the ``-version-info`` or SOVERSION of each library's build files; the tables of ``data/releases.toml``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from customhouse.formats.bundled.model import EvidenceKind
from customhouse.formats.bundled.tables import Known

_NUMBERS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,4}")
_OPENSSL = re.compile(r"1\.[01]\.[0-9][a-z]{0,2}")
_WHOLE = 3
"""Parts of a suffix that can be a release: ``libz.so.1`` says nothing."""
# harfbuzz's meson.build: 60000 + 100 * major + 10 * minor + micro; before, 10000 * major + 100 * minor + micro.
_HARFBUZZ_FROM = 60000
_POSTGRESQL_10 = 10  # from here on the major version is one number, and the suffix of libpq is it

Said = tuple[EvidenceKind, str]


def from_suffix(known: Known, stem: str, suffix: str) -> Said | None:
    """The version that a suffix means, and how far that is to be trusted; None if it says nothing."""
    if not suffix or not known.suffix:
        return None
    if known.suffix == "openssl":
        return ("soname", suffix) if _OPENSSL.fullmatch(suffix) and not suffix[-1].isdecimal() else None
    if not _NUMBERS.fullmatch(suffix):
        return None
    if known.suffix == "table":
        version = known.releases.get(f"{stem.lower()} {suffix}")
        return ("soname-table", version) if version is not None else None
    return _RULES[known.suffix](tuple(int(part) for part in suffix.split(".")), suffix)


def _release(parts: tuple[int, ...], suffix: str) -> Said | None:
    return ("soname", suffix) if len(parts) >= _WHOLE else None


def _release_of_two(parts: tuple[int, ...], suffix: str) -> Said | None:
    return ("soname", suffix) if len(parts) > 1 else None


def _png(parts: tuple[int, ...], _: str) -> Said | None:
    # CMakeLists.txt: 16.43.0 is 1.6.43.
    found = len(parts) == _WHOLE and parts[0] in (12, 14, 15, 16)
    return ("soname-table", f"1.{parts[0] % 10}.{parts[1]}") if found else None


def _harfbuzz(parts: tuple[int, ...], _: str) -> Said | None:
    if len(parts) != _WHOLE or parts[1] < 10000:  # noqa: PLR2004  # the first release with this scheme
        return None
    number = parts[1]
    if number >= _HARFBUZZ_FROM:
        number -= _HARFBUZZ_FROM
        return "soname-table", f"{number // 100}.{number // 10 % 10}.{number % 10}"
    return "soname-table", f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def _xml2(parts: tuple[int, ...], suffix: str) -> Said | None:
    # Until 2.13 the suffix was the release; from 2.14 on it is 16 and what follows.
    return ("soname", suffix) if len(parts) == _WHOLE and parts[0] == 2 else None  # noqa: PLR2004


def _xslt(parts: tuple[int, ...], suffix: str) -> Said | None:
    return ("soname", suffix) if len(parts) == _WHOLE and parts[:2] == (1, 1) else None


def _cairo(parts: tuple[int, ...], _: str) -> Said | None:
    if len(parts) != _WHOLE or parts[1] < 10000:  # noqa: PLR2004  # 1.0.0
        return None
    return "soname-table", f"{parts[1] // 10000}.{parts[1] // 100 % 100}.{parts[1] % 100}"


def _glib(parts: tuple[int, ...], _: str) -> Said | None:
    if len(parts) != _WHOLE or parts[0] or parts[1] < 1000:  # noqa: PLR2004  # 2.10
        return None
    return "soname-table", f"2.{parts[1] // 100}.{parts[2]}"


def _pango(parts: tuple[int, ...], _: str) -> Said | None:
    if len(parts) != _WHOLE or parts[0] or parts[1] < 1000:  # noqa: PLR2004  # 1.10
        return None
    return "soname-table", f"1.{parts[1] // 100}.{parts[2]}"


def _libpq(parts: tuple[int, ...], _: str) -> Said | None:
    found = len(parts) == 2 and parts[0] == 5 and parts[1] >= _POSTGRESQL_10  # noqa: PLR2004  # libpq.so.5.MAJOR
    return ("soname-major", str(parts[1])) if found else None


def _x264(parts: tuple[int, ...], suffix: str) -> Said | None:
    # x264.h: X264_BUILD, which is all the version that it has.
    return ("soname", suffix) if len(parts) == 1 else None


def _tail(parts: tuple[int, ...], _: str) -> Said | None:
    # PROJ and GDAL: the number of the interface, then the release.
    return ("soname", ".".join(map(str, parts[1:]))) if len(parts) == _WHOLE + 1 else None


def _arrow(parts: tuple[int, ...], _: str) -> Said | None:
    # cpp/CMakeLists.txt: 100 * major + minor, then the patch level.
    if len(parts) == 1:
        return "soname-major", f"{parts[0] // 100}.{parts[0] % 100}"
    return "soname-table", f"{parts[0] // 100}.{parts[0] % 100}.{parts[1]}"


_RULES: Mapping[str, Callable[[tuple[int, ...], str], Said | None]] = {
    "release": _release,
    "release2": _release_of_two,
    "png": _png,
    "harfbuzz": _harfbuzz,
    "xml2": _xml2,
    "xslt": _xslt,
    "cairo": _cairo,
    "glib": _glib,
    "pango": _pango,
    "libpq": _libpq,
    "x264": _x264,
    "tail": _tail,
    "arrow": _arrow,
}
