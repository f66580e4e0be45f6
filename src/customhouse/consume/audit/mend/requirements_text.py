"""Raises pins in the text of a requirements file: comments, markers, extras and line ends stay as they are.

With hashes the new version's own take the place of the old ones, in the same layout; a pin whose new hashes nobody
knows is not raised, because an installer would refuse the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from customhouse.consume.audit.mend.plan import Raise
from customhouse.terms.names import normalize

_PIN = re.compile(
    r"(?P<before>\s*)(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<extras>\s*\[[^\]]*\])?(?P<sign>\s*={2,3}\s*)"
    r"(?P<version>[^\s;,#\\]+)"
)
_HASH = re.compile(r"--hash[= ]\s*[a-z0-9]+:[0-9a-fA-F]+")
_HASHES = re.compile(r"(?P<gap>(?:[ \t]*\\\r?\n)?[ \t]*)--hash[= ]\s*[a-z0-9]+:[0-9a-fA-F]+")


def raised(text: str, raises: Sequence[Raise], hashes: dict[tuple[str, str], Sequence[str]]) -> tuple[str, list[Raise]]:
    """The new text, and what could not be raised in it. ``hashes`` are by name and new version: ``sha256:…``."""
    lines = text.splitlines(keepends=True)
    left = []
    # From the end on, so that the numbers of the lines above stay right.
    for one in sorted(raises, key=lambda one: one.line or 0, reverse=True):
        start = (one.line or 0) - 1
        end = _end_of(lines, start)
        new = _entry("".join(lines[start:end]), one, hashes.get((one.name, one.to), ())) if start < len(lines) else None
        if new is None:
            left.append(one)
        else:
            lines[start:end] = [new]
    return "".join(lines), left


def has_hashes(text: str, one: Raise) -> bool:
    """Whether a pin carries hashes, so that new ones are needed."""
    lines = text.splitlines(keepends=True)
    start = (one.line or 0) - 1
    return bool(_HASH.search("".join(lines[start : _end_of(lines, start)])))


def _end_of(lines: Sequence[str], start: int) -> int:
    """One behind the last line of an entry: a backslash at the end continues it."""
    end = start
    while end < len(lines) and lines[end].rstrip("\r\n").endswith("\\"):
        end += 1
    return min(end + 1, len(lines))


def _entry(entry: str, one: Raise, hashes: Sequence[str]) -> str | None:
    found = _PIN.match(entry)
    if found is None or normalize(found["name"]) != one.name or found["version"] != one.version:
        return None
    new = entry[: found.start("version")] + one.to + entry[found.end("version") :]
    places = list(_HASHES.finditer(new))
    if not places:
        return new
    if not hashes:
        return None
    gap = places[0]["gap"]
    written = "".join(f"{gap}--hash={digest}" for digest in sorted(hashes))
    return new[: places[0].start()] + written + new[places[-1].end() :]
