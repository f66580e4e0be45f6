"""pip's configuration, line by line: comments, blanks and other keys stay as they are.

Source: pip's documentation, "Configuration". A key may stand in [global] or in the section of a command, which counts
more; ``_`` and ``-`` are the same.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

ELSEWHERE = frozenset({"index-url", "pypi-url", "extra-index-url", "find-links", "no-index"})
"""Keys that say where packages come from."""
_SECTION = re.compile(r"\s*\[(?P<name>[^\]]+)\]")
_KEY = re.compile(r"(?P<indent>\s*)(?:--)?(?P<key>[A-Za-z][A-Za-z0-9_-]*)\s*[=:]\s*(?P<value>.*)")
_GLOBAL = "global"


class Line(NamedTuple):
    """One line, and what it belongs to."""

    text: str
    section: str
    key: str
    """Normalised; empty for comments, blanks and headers. A line that goes on bears the key above it."""
    value: str = ""


def with_index(text: str, url: str, *, keyring: bool = False) -> str:
    """The same file, with this index for every command and no other. Raises `Rejected` for what pip cannot read."""
    try:
        configparser.RawConfigParser().read_string(text)
    except configparser.Error as error:
        raise Rejected(
            "bad-configuration", "pip.conf", f"pip cannot read it: {plain(error, 200)}", "mend it"
        ) from error
    wanted = {"index-url": url} | ({"keyring-provider": "subprocess"} if keyring else {})
    if dict(_said(text)) == {(_GLOBAL, key): value for key, value in wanted.items()} | _others(text, wanted):
        return text
    end = "\r\n" if "\r\n" in text else "\n"
    kept = [one for one in lines_of(text) if one.key not in ELSEWHERE and one.key not in wanted]
    # As deep as the key that follows it, which would go on with ours else.
    below = next((one.text for one in kept if one.section == _GLOBAL and one.key), "")
    indent = below[: len(below) - len(below.lstrip())]
    new = [f"{indent}{key} = {value}{end}" for key, value in wanted.items()]
    found: list[str] = []
    for one in kept:
        if not found or found[-1].endswith(("\n", "\r")):
            found.append(one.text)
        else:
            found[-1] += end
            found.append(one.text)
        if new and not one.key and (header := _SECTION.match(one.text)) and header["name"] == _GLOBAL:
            if not one.text.endswith(("\n", "\r")):
                found[-1] += end
            found += new
            new = []
    if new:
        if found and not found[-1].endswith(("\n", "\r")):
            found[-1] += end
        found += [*([end] if found else []), f"[{_GLOBAL}]{end}", *new]
    return "".join(found)


def lines_of(text: str) -> Iterator[Line]:
    """Every line of the file with its end, taken apart as `configparser` does.

    What is indented deeper than the key above goes on with it. Names of sections are as they are written; of keys pip
    takes two dashes at the beginning away.
    """
    section = key = ""
    indent = 0
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if not bare or bare[0] in "#;":
            yield Line(line, section, "")
            continue
        own = len(line) - len(line.lstrip())
        if key and own > indent:
            yield Line(line, section, key, bare)
        elif (header := _SECTION.match(line)) is not None:
            section, key = header["name"], ""
            yield Line(line, section, "")
        elif (found := _KEY.match(line)) is not None:
            key, indent = found["key"].lower().replace("_", "-"), own
            yield Line(line, section, key, found["value"].strip())
        else:
            key = ""
            yield Line(line, section, "")


def places_in(text: str) -> dict[str, Sequence[str]]:
    """What the file says about where packages come from: values by key, in any section."""
    found: dict[str, list[str]] = {}
    for one in lines_of(text):
        if one.key in ELSEWHERE and one.value:
            found.setdefault("index-url" if one.key == "pypi-url" else one.key, []).append(one.value)
    return {key: tuple(values) for key, values in found.items()}


def _said(text: str) -> Iterator[tuple[tuple[str, str], str]]:
    return (((one.section, one.key), one.value) for one in lines_of(text) if one.key)


def _others(text: str, wanted: dict[str, str]) -> dict[tuple[str, str], str]:
    return {
        (section, key): value for (section, key), value in _said(text) if key not in ELSEWHERE and key not in wanted
    }
