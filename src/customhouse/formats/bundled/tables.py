"""What is known of libraries: how their files are called, what their code says of itself, which suffix means what.

The tables are ``data/libraries.toml`` and ``data/releases.toml``, with the source of each part beside it. Nothing in
them names a wheel.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

_NOT_A_LETTER = re.compile(r"[^a-z0-9+]+")
_BEFORE_CONSTANTS = (rb"\x00", rb"(?<![0-9._@/-])")
_NUMBERED = re.compile(r"(?P<stem>.*?[a-z_])[-_.]?[0-9]+(?:[._][0-9]+)*\Z")


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a version stands in the bytes of a file.

    ``find`` is looked for first, because a plain search is many times faster than an expression.
    """

    find: bytes
    regex: re.Pattern[bytes]
    number: bool = False
    """The version is a number of the form 21406 for 2.14.6."""
    anywhere: bool = False
    """The version stands somewhere in the file, not in the words around what is found."""
    unless: bytes = b""
    """If this is there too, the words are somebody else's."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the tables say of one library."""

    name: str
    files: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    cpe: str = ""
    strings: tuple[Pattern, ...] = ()
    short: tuple[re.Pattern[bytes], ...] = ()
    """A bare constant, which says something only in a file that is called by the library's name: as a string by itself,
    and, if there is none, behind bytes that are no text (some compilers lay no zero between)."""
    suffix: str = ""
    """``release`` if the suffix is the version; ``table``; or a formula of `suffixes`."""
    siblings: bool = True
    """Whether its files in one wheel come from one build."""
    releases: Mapping[str, str] = field(default_factory=dict)
    """From ``stem suffix`` to the version."""


@dataclass(frozen=True, slots=True)
class Tables:
    """All of it, and the ways to look it up."""

    known: Mapping[str, Known]
    by_file: Mapping[str, str]
    by_prefix: tuple[tuple[str, str], ...]
    by_name: Mapping[str, str]
    by_package: Mapping[str, str]

    def of_file(self, stem: str, suffix: str = "") -> Known | None:
        """The library whose file is called so."""
        low = stem.lower()
        name = self.by_file.get(f"{low}.{suffix.partition('.')[0]}") or self.by_file.get(low)
        if name is None and (numbered := _NUMBERED.fullmatch(low)) is not None:
            name = self.by_file.get(numbered["stem"])
        if name is None:
            name = next((name for prefix, name in self.by_prefix if low.startswith(prefix)), None)
        return self.known[name] if name is not None else None

    def of_name(self, text: str) -> str | None:
        """The library that a bill of materials calls so, as far as we know it; ``A / B`` may be either."""
        for part in (text, *text.split(" / ")):
            plain = plain_name(part)
            for each in (plain, plain.removesuffix("library").removeprefix("lib")):
                if (name := self.by_name.get(each)) is not None:
                    return name
        return None

    def of_package(self, package: str) -> str | None:
        """The library that a package of a distribution brings."""
        low = package.lower()
        for each in (low, re.sub(r"-libs?\Z", "", low), re.sub(r"t64\Z", "", low)):
            name = self.by_package.get(each) or self.by_file.get(each) or self.by_name.get(plain_name(each))
            if name is not None:
                return name
        return None


def plain_name(text: str) -> str:
    """A name without what spellings differ in: ``Little CMS 2`` and ``little-cms-2`` are one."""
    return _NOT_A_LETTER.sub("", text.lower())


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The tables, read once for each process."""
    folder = files("customhouse.formats.bundled") / "data"
    libraries = tomllib.loads((folder / "libraries.toml").read_text(encoding="utf-8"))
    releases = tomllib.loads((folder / "releases.toml").read_text(encoding="utf-8"))
    known = {name: _known(name, values, releases.get(name, {})) for name, values in libraries.items()}
    by_file: dict[str, str] = {}
    prefixes: list[tuple[str, str]] = []
    by_name: dict[str, str] = {}
    by_package: dict[str, str] = {}
    for name, one in known.items():
        for stem in one.files:
            if stem.endswith("*"):
                prefixes.append((stem[:-1].lower(), name))
            else:
                by_file[stem.lower()] = name
        for spelled in (name, *one.names):
            by_name.setdefault(plain_name(spelled), name)
        by_package |= dict.fromkeys(one.packages, name)
    return Tables(known, by_file, tuple(sorted(prefixes, key=lambda each: -len(each[0]))), by_name, by_package)


def _known(name: str, values: Mapping[str, Any], releases: Mapping[str, Any]) -> Known:
    short = values.get("short")
    return Known(
        name,
        tuple(values.get("files", ())),
        tuple(values.get("names", ())),
        tuple(values.get("packages", ())),
        values.get("cpe", ""),
        tuple(_pattern(each) for each in values.get("strings", ())),
        tuple(re.compile(before + short.encode() + rb"(?=\x00)") for before in _BEFORE_CONSTANTS) if short else (),
        values.get("suffix", ""),
        values.get("siblings", True),
        {f"{stem} {suffix}": version for stem, rows in releases.items() if isinstance(rows, dict)
         for suffix, version in rows.items()},
    )  # fmt: skip


def _pattern(values: Mapping[str, Any]) -> Pattern:
    return Pattern(
        values["find"].encode(),
        re.compile(values["regex"].encode()),
        values.get("number", False),
        values.get("anywhere", False),
        values.get("unless", "").encode(),
    )
