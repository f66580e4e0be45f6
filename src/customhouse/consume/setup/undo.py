"""What was changed in a text, and taking exactly that back, whatever else has been changed in it since.

Both texts are remembered, before and after. Where the file is as we left it, it becomes what it was, byte for byte.
Where somebody has edited it since, his edits and our undoing are joined, line by line. Where the two meet it is
refused: his lines are not ours to throw away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Edit:
    """What was done to one file."""

    path: str
    before: str | None
    """None: there was no such file."""
    after: str


class _Change(NamedTuple):
    """Lines ``start`` to ``end`` of a text become others."""

    start: int
    end: int
    lines: tuple[str, ...]


def restored(now: str, edit: Edit) -> str | None:
    """The text without our change; None if somebody has edited the very lines."""
    before = edit.before or ""
    if now in (edit.after, before):
        return before
    ours = _changes(edit.after, before)
    theirs = _changes(edit.after, now)
    kept = []
    for one in ours:
        met = [other for other in theirs if _meet(one, other)]
        if not met:
            kept.append(one)
        elif not _by_hand(now, edit.after.splitlines(keepends=True)[one.start : one.end], one.lines):
            return None
    lines = edit.after.splitlines(keepends=True)
    # From the end on, so that the numbers of what stands above stay right.
    for one in sorted((*kept, *theirs), key=lambda one: (one.start, one.end), reverse=True):
        lines[one.start : one.end] = one.lines
    return "".join(lines)


def our_lines(edit: Edit) -> tuple[str, str]:
    """The lines that we have put in, and those that we have taken out."""
    after = edit.after.splitlines(keepends=True)
    changes = _changes(edit.after, edit.before or "")
    put_in = "".join(line for one in changes for line in after[one.start : one.end])
    return put_in, "".join(line for one in changes for line in one.lines)


def _changes(old: str, new: str) -> list[_Change]:
    was, now = old.splitlines(keepends=True), new.splitlines(keepends=True)
    return [
        _Change(a, b, tuple(now[c:d]))
        for tag, a, b, c, d in SequenceMatcher(None, was, now, autojunk=False).get_opcodes()
        if tag != "equal"
    ]


def _meet(one: _Change, other: _Change) -> bool:
    """Whether two changes touch the same lines, or put something into the same place."""
    if one.start == one.end or other.start == other.end:
        return one.start <= other.end and other.start <= one.end and (
            one.start == other.start if one.start == one.end and other.start == other.end
            else max(one.start, other.start) < min(one.end, other.end) or _inside(one, other) or _inside(other, one)
        )  # fmt: skip
    return max(one.start, other.start) < min(one.end, other.end)


def _inside(point: _Change, span: _Change) -> bool:
    return point.start == point.end and span.start < point.start < span.end


def _by_hand(now: str, ours: Sequence[str], own: Sequence[str]) -> bool:
    """Whether somebody has taken our lines out himself, and put back what stood there."""
    lines = set(now.splitlines(keepends=True))
    return not lines & {one for one in ours if one.strip()} and all(one in lines for one in own if one.strip())


def to_json(edit: Edit) -> dict[str, Any]:
    """For the record."""
    return {"path": edit.path, "before": edit.before, "after": edit.after}


def from_json(value: Mapping[str, Any]) -> Edit:
    """From the record; raises `KeyError` or `TypeError` for what is none."""
    before, after = value["before"], value["after"]
    if not (before is None or isinstance(before, str)) or not isinstance(after, str):
        raise TypeError
    return Edit(str(value["path"]), before, after)
