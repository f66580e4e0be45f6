"""What the metadata of an installed package says, read up to the blank line and no further.

Sources: "Recording installed projects" and the core metadata specification of packaging.python.org. `email` would read
whole descriptions; an environment of 250 packages is to be read in 0.15 s.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from customhouse.formats.inventory.requirement import NAME, Requirement, split_requirement

MOST_HEADER_BYTES = 1 * 2**20
MOST_REQUIREMENTS = 5_000
MOST_LIBRARIES = 5_000
_END = re.compile(rb"\r?\n\r?\n")
_HEADER = re.compile(r"^(Name|Version|Requires-Dist)[ \t]*:(.*)$", re.IGNORECASE | re.MULTILINE)
# Each way through a line is taken once (`(?>…)`, `++`): a hostile RECORD must not cost its length squared.
_LIBRARY = re.compile(
    rb"^(?P<quote>\"?)(?P<path>(?>[^\n\",]*?\.(?:dy)?libs/)[^\n\",/]++|(?>[^\n\",]*?\.dist-info/sboms/)[^\n\",]++"
    rb"|[^\n\",]*?\.(?:so(?:\.[0-9.]+)?|pyd|dylib|dll))(?P=quote),",
    re.MULTILINE,
)


class Installed(NamedTuple):
    """The few headers that an audit needs."""

    name: str
    """As written; empty if there is none that is a name."""
    version: str
    """As written; empty if there is none."""
    requires: tuple[Requirement, ...]
    faults: tuple[str, ...]
    """Requirements that are none, as they stand there."""


def read_installed(raw: bytes) -> Installed:
    """Read METADATA or PKG-INFO. Damage is told by empty fields and by ``faults``."""
    end = _END.search(raw)
    text = raw[: end.start() if end else len(raw)].decode("utf-8", "replace")
    name = version = ""
    requires: list[Requirement] = []
    faults: list[str] = []
    for header, rest in _HEADER.findall(text):
        value = rest.strip()
        match header.lower():
            case "name" if not name:
                name = value if NAME.fullmatch(value) else ""
            case "version" if not version:
                version = value
            case "requires-dist" if len(requires) < MOST_REQUIREMENTS:
                found = split_requirement(value)
                if found is None:
                    faults.append(value)
                else:
                    requires.append(found)
            case _:
                pass
    return Installed(name, version, tuple(requires), tuple(faults))


def read_requires_txt(text: str) -> tuple[Requirement, ...]:
    """The ``requires.txt`` of an egg: lines below ``[extra:marker]``."""
    section = ""
    found: list[Requirement] = []
    for line in text.splitlines()[:MOST_REQUIREMENTS]:
        plain = line.strip()
        if plain.startswith("[") and plain.endswith("]"):
            extra, _, marker = plain[1:-1].partition(":")
            section = " and ".join(part for part in (f'extra == "{extra}"' if extra else "", marker) if part)
        elif plain and (one := split_requirement(plain)) is not None:
            found.append(Requirement(one.name, one.extras, one.specifier, one.marker or section, one.url))
    return tuple(found)


def libraries_of(record: bytes) -> tuple[str, ...]:
    """Paths of the native libraries that a RECORD lists, at most `MOST_LIBRARIES`."""
    found = []
    for match in _LIBRARY.finditer(record):
        found.append(match["path"].decode("utf-8", "replace"))
        if len(found) >= MOST_LIBRARIES:
            break
    return tuple(found)
