"""What changed in a lock and why, for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from customhouse.consume.lock.changes import Change
from customhouse.formats.plain import plain

COLUMNS = 80
_INDENT = " " * 10
_MOST_ADDED = 30


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be said."""

    lock: str
    through: str
    packages: int
    changes: Sequence[tuple[Change, tuple[str, ...]]]
    held_back: Sequence[tuple[str, tuple[str, ...]]]
    """Packages of which the newest is not let in."""
    is_new: bool


def lines_of(shown: Shown) -> Iterator[str]:
    """Line by line."""
    many = "1 package" if shown.packages == 1 else f"{shown.packages} packages"
    yield from _wrapped(f"{plain(shown.lock, 100)}: {many} through {plain(shown.through, 200)}.", "")
    if not shown.changes and not shown.is_new:
        yield "Nothing is different from the lock that was there."
    for number, (change, why) in enumerate(shown.changes):
        if shown.is_new and number >= _MOST_ADDED:
            yield f"{'':10}… and {len(shown.changes) - number} more"
            break
        yield f"{change.kind:<8}  {plain(change.name, 60)} {plain(change.versions, 100)}"
        for sentence in why:
            yield from _wrapped(plain(sentence, 400), _INDENT)
    if shown.held_back:
        yield "Held back:"
        for name, why in shown.held_back:
            for sentence in why:
                yield from _wrapped(f"{plain(name, 60)} {plain(sentence, 400)}", "  ")


def _wrapped(text: str, indent: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, COLUMNS, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
