"""What was changed in a text, and taking exactly that back, whatever else has been changed in it since.

Only the changed lines are kept, with the digests of the whole before and after. Where the text is as we left it, it
becomes what it was, byte for byte. Where somebody has edited it since, our lines must still stand there as we wrote
them; else it is refused, and he hears which.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any


@dataclass(frozen=True, slots=True)
class Hunk:
    """Some lines that took the place of others; with their ends."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    above: str
    """The line before them; empty at the beginning of the file."""
    at: int
    """The number of the first of them, from 0."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What was done to one file."""

    path: str
    existed: bool
    before: str
    """The SHA-256 of the text before."""
    after: str
    hunks: tuple[Hunk, ...]


def edit_of(path: str, before: str | None, after: str) -> Edit:
    """What makes the one of the other; None before: there was no such file."""
    old, new = (before or "").splitlines(keepends=True), after.splitlines(keepends=True)
    hunks = [
        Hunk(tuple(old[a:b]), tuple(new[c:d]), new[c - 1] if c else "", c)
        for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if tag != "equal"
    ]
    return Edit(path, before is not None, digest(before or ""), digest(after), tuple(hunks))


def restored(now: str, edit: Edit) -> str | None:
    """The text without our lines; None if they do not stand there any more as we wrote them."""
    if digest(now) == edit.before:
        return now
    exact = digest(now) == edit.after
    lines = now.splitlines(keepends=True)
    for hunk in reversed(edit.hunks):
        at = hunk.at if exact else _found(lines, hunk)
        if at is None and _by_hand(lines, hunk):
            continue
        if at is None:
            return None
        lines[at : at + len(hunk.after)] = hunk.before
    whole = "".join(lines)
    return None if exact and digest(whole) != edit.before else whole


def _found(lines: Sequence[str], hunk: Hunk) -> int | None:
    """Where our lines stand, if they stand there once. Lines that were only taken away are told by the one above."""
    wanted = [hunk.above, *hunk.after] if hunk.above else list(hunk.after)
    offset = 1 if hunk.above else 0
    places = [at for at in range(len(lines) - len(wanted) + 1) if list(lines[at : at + len(wanted)]) == wanted]
    if len(places) != 1 and hunk.after and offset:
        # Something may have come between the line above and ours.
        wanted, offset = list(hunk.after), 0
        places = [at for at in range(len(lines) - len(wanted) + 1) if list(lines[at : at + len(wanted)]) == wanted]
    if not wanted:
        return 0
    return places[0] + offset if len(places) == 1 else None


def _by_hand(lines: Sequence[str], hunk: Hunk) -> bool:
    """Whether somebody has taken our lines out himself, and put back what stood there."""
    ours = {line for line in hunk.after if line.strip()}
    own = [line for line in hunk.before if line.strip()]
    return not ours & set(lines) and all(line in lines for line in own)


def digest(text: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def to_json(edit: Edit) -> dict[str, Any]:
    """For the record."""
    return {
        "path": edit.path, "existed": edit.existed, "before": edit.before, "after": edit.after,
        "hunks": [{"before": list(one.before), "after": list(one.after), "above": one.above, "at": one.at}
                  for one in edit.hunks],
    }  # fmt: skip


def from_json(value: Mapping[str, Any]) -> Edit:
    """From the record; raises `KeyError` or `TypeError` for what is none."""
    hunks = tuple(
        Hunk(tuple(one["before"]), tuple(one["after"]), one["above"], int(one["at"])) for one in value["hunks"]
    )
    return Edit(str(value["path"]), bool(value["existed"]), value["before"], value["after"], hunks)
