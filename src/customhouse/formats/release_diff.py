"""The difference of two distribution files, for somebody who has to judge the newer one.

It is found in a process that can be killed, because it reads hostile archives and compares hostile texts; so the result
is plain data, bounded in every direction. What was left out for want of room is told beside what is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from customhouse.formats.contents import read_members
from customhouse.formats.filenames import parse_filename
from customhouse.formats.inspect import inspect_archive
from customhouse.formats.inspection import Limits, Signal
from customhouse.formats.line_diff import LineDiff, Means, Row, line_diff
from customhouse.formats.member_changes import (
    CODE,
    Aligned,
    Change,
    Side,
    choose_texts,
    compare_members,
    is_link,
    reading_order,
    same,
)
from customhouse.formats.metadata import parse_stored_metadata
from customhouse.formats.metadata_diff import FieldChange, compare_metadata, entry_point_lines
from customhouse.formats.signals import EXEC, bounded
from customhouse.formats.visible import BIDI
from customhouse.formats.wheel import parse_entry_points
from customhouse.terms.errors import Rejected

TEXT_BYTES = 512 * 2**10
"""The largest text that is compared line by line."""
LONG_LINE = 2000
"""Characters. Nobody writes such a line by hand, and nobody reads it to its end."""
MAX_SIGNALS = 100
CODE_OR_STARTUP = (*CODE, ".pth", ".start")
_MACHINE_CODE = (".so", ".pyd", ".dll", ".dylib", ".exe")
DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Room:
    """How much one comparison may read and show. Steps are those of `line_diff.Means`."""

    changes: int = 2000
    texts: int = 400
    text_bytes: int = 8 * 2**20
    rows: int = 4000
    rows_per_file: int = 400
    characters: int = 2**20
    line_characters: int = LONG_LINE
    steps: int = 20_000_000


WHOLE = Room()
ONE_MEMBER = Room(rows=20_000, rows_per_file=20_000, line_characters=100_000, characters=2 * 2**20)
"""For somebody who asks for one member alone."""


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """What changed from one distribution file to another. Names of members are those of `Aligned`."""

    signals: tuple[Signal, ...]
    """Notable in the new file and not in the old one: what somebody who triages wants to see first."""
    signals_gone: tuple[Signal, ...]
    fields: tuple[FieldChange, ...]
    changes: tuple[Change, ...]
    """In the order in which they should be read."""
    changes_left: int
    """Changes beyond those listed."""
    counts: dict[str, int]
    """Members added, removed, changed, renamed and unchanged; noise is left out."""
    added: int
    removed: int
    """Lines, in the texts that were compared; noise is left out."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ReleaseDiff:
        """The inverse of `to_dict`."""
        return cls(
            **{
                **values,
                "signals": tuple(Signal(**one) for one in values["signals"]),
                "signals_gone": tuple(Signal(**one) for one in values["signals_gone"]),
                "fields": tuple(
                    FieldChange(one["field"], tuple(one["gone"]), tuple(one["come"]), one["left"])
                    for one in values["fields"]
                ),
                "changes": tuple(_change_from_dict(one) for one in values["changes"]),
            }
        )


def _change_from_dict(values: dict[str, Any]) -> Change:
    sides = {side: values[side] and Side(**values[side]) for side in ("old", "new")}
    return Change(**{**values, **sides, "hunks": tuple(tuple(Row(*row) for row in hunk) for hunk in values["hunks"])})


def compare(old_path: Path, old_filename: str, new_path: Path, new_filename: str, *, only: str = "") -> ReleaseDiff:
    """Compare two wheels, or two sdists.

    ``only`` names one member, as `Change.name` does, that gets all the room. Raises `Rejected` for a file that the
    strict reader refuses, in the reader's own words after the file's name.
    """
    old, new = _Archive(old_path, old_filename), _Archive(new_path, new_filename)
    if old.inspection.kind != new.inspection.kind:
        raise Rejected("different-kinds", new_filename, f"is of another kind than {old_filename}",
                       "two wheels or two sdists")  # fmt: skip
    signals = _new_signals(old, new)
    changes = [replace(one, noise=new.aligned.is_noise(one.name)) for one in compare_members(old.members, new.members)]
    changes = reading_order(changes, {signal.where for signal in signals})
    room = ONE_MEMBER if only else WHOLE
    listed = [one for one in changes if one.name == only] if only else changes[: room.changes]
    chosen = choose_texts(listed, most=room.texts, total_bytes=room.text_bytes, each_bytes=TEXT_BYTES)
    reader = _Reader(room, old.read(chosen), new.read(chosen))
    shown = tuple(reader.show(one) for one in listed)
    return ReleaseDiff(
        signals=tuple(bounded((*signals, *_new_things(old, new), *reader.signals))[:MAX_SIGNALS]),
        signals_gone=tuple(_new_signals(new, old)[:MAX_SIGNALS]),
        fields=compare_metadata(old.metadata, new.metadata, old.entry_points(), new.entry_points()),
        changes=shown,
        changes_left=0 if only else len(changes) - len(listed),
        counts=_counts(changes, old, new),
        added=sum(one.added for one in shown if not one.noise),
        removed=sum(one.removed for one in shown if not one.noise),
    )


class _Archive:
    """One of the two files: what the strict reader has found in it, under aligned names."""

    def __init__(self, path: Path, filename: str) -> None:
        self._path = path
        self._filename = filename
        name = parse_filename(filename)
        with _named(filename):
            self.inspection = inspect_archive(path, filename, DEFAULT_LIMITS)
        self.metadata = parse_stored_metadata(self.inspection.metadata)
        self.aligned = Aligned(name)
        self.members = self.aligned.members(self.inspection.members)
        self._points = self.aligned.entry_points
        self._points_body = b""

    def read(self, names: set[str]) -> dict[str, bytes]:
        """The content of those members of an aligned name that are here."""
        present = {name: self.members[name] for name in {*names, self._points} & self.members.keys()}
        wanted = {member.name: member.sha256 for member in present.values()}
        with _named(self._filename):
            bodies = read_members(self._path, self._filename, wanted, DEFAULT_LIMITS)
        self._points_body = bodies.get(self.members[self._points].name, b"") if self._points in present else b""
        return {name: bodies[member.name] for name, member in present.items()}

    def entry_points(self) -> list[str]:
        """A wheel's entry points, once `read` has been called."""
        return entry_point_lines(parse_entry_points(self._points_body, self._points))


@contextmanager
def _named(filename: str) -> Iterator[None]:
    """Say in a refusal which of the two files is meant."""
    try:
        yield
    except Rejected as fault:
        raise Rejected(
            fault.code, f"{filename}, {fault.where}", fault.why, fault.accepted, offset=fault.offset
        ) from None


def _new_signals(old: _Archive, new: _Archive) -> list[Signal]:
    """The reader's signals of one archive that the other has not, with aligned names."""
    known = {(one.code, old.aligned.name(one.where)) for one in old.inspection.signals}
    aligned = (replace(one, where=new.aligned.name(one.where)) for one in new.inspection.signals)
    return [one for one in aligned if (one.code, one.where) not in known]


def _new_things(old: _Archive, new: _Archive) -> Iterator[Signal]:
    """``new-script``, ``new-top-level``, ``new-machine-code``, ``new-build-script``: legal, usual, and worth a look."""
    for script in sorted(set(new.inspection.entry_points) - set(old.inspection.entry_points)):
        yield Signal("new-script", script)
    for module in sorted(set(new.inspection.top_level) - set(old.inspection.top_level)):
        yield Signal("new-top-level", module)
    for name in sorted(new.members.keys() - old.members.keys()):
        if name.lower().endswith(_MACHINE_CODE) or ".so." in name:
            yield Signal("new-machine-code", name)
        elif name == "setup.py" and new.inspection.kind == "sdist":
            yield Signal("new-build-script", name)


def _counts(changes: Sequence[Change], old: _Archive, new: _Archive) -> dict[str, int]:
    counts = {"added": 0, "removed": 0, "changed": 0, "renamed": 0}
    for change in changes:
        if not change.noise:
            counts[change.what] += 1
    shared = old.members.keys() & new.members.keys()
    return counts | {"unchanged": sum(same(old.members[name], new.members[name]) for name in shared)}


class _Reader:
    """Fills in the content of changes, as long as there is room, and notes what stands in the lines that were added."""

    def __init__(self, room: Room, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> None:
        self._room = room
        self._rows = room.rows
        self._characters = room.characters
        self._means = Means(room.steps)
        self._old = old
        self._new = new
        self.signals: list[Signal] = []

    def show(self, change: Change) -> Change:
        """The change with its lines, or with the reason for which there are none."""
        if change.what == "renamed":
            return change
        if is_link(change):
            return replace(change, shown="link")
        if change.name not in self._old and change.name not in self._new:
            large = any(side is not None and side.size_bytes > TEXT_BYTES for side in (change.old, change.new))
            return replace(change, shown="too-large" if large else "no-room")
        old, new = _text(self._old.get(change.name, b"")), _text(self._new.get(change.name, b""))
        if old is None or new is None:
            return replace(change, shown="binary")
        found = line_diff(old, new, self._means)
        self._note(change, found)
        hunks, left = self._cut(found)
        if left and not hunks:
            return replace(change, shown="no-room", added=found.added, removed=found.removed, rows_left=left)
        return replace(
            change, shown="text" if found.exact else "whole-text", added=found.added, removed=found.removed,
            hunks=hunks, rows_left=left,
        )  # fmt: skip

    def _cut(self, found: LineDiff) -> tuple[tuple[tuple[Row, ...], ...], int]:
        """As many rows as there is room for, and how many were left out."""
        rows_here = min(self._rows, self._room.rows_per_file)
        hunks: list[tuple[Row, ...]] = []
        taken = 0
        for hunk in found.hunks():
            kept: list[Row] = []
            for row in hunk:
                short = row.shortened(self._room.line_characters)
                if taken >= rows_here or len(short.text) > self._characters:
                    rows_here = taken
                    break
                self._characters -= len(short.text)
                taken += 1
                kept.append(short)
            if not kept:
                break
            hunks.append(tuple(kept))
        self._rows -= taken
        return tuple(hunks), found.rows - taken

    def _note(self, change: Change, found: LineDiff) -> None:
        """``adds-bidi``, ``adds-long-line``, ``adds-exec``: what hides in a text, or runs text, in added lines."""
        if change.noise:
            return
        code = change.name.lower().endswith(CODE_OR_STARTUP)
        places: dict[str, list[int]] = {}
        for first, lines in found.added_blocks():
            for signal in _hiding("".join(lines), lines, code=code):
                numbers = [at for at, line in enumerate(lines, first) if signal in _hiding(line, [line], code=code)]
                # A call may begin on one line and go on on the next.
                places.setdefault(signal, []).extend(numbers or [first])
        for signal, numbers in places.items():
            more = f" and {len(numbers) - 1} further" if len(numbers) > 1 else ""
            self.signals.append(Signal(signal, change.name, f"line {numbers[0]}{more}"))


def _hiding(text: str, lines: Sequence[str], *, code: bool) -> Iterator[str]:
    """The signals that the text of these lines deserves; long lines and ``exec`` are usual in anything but code."""
    if not text.isascii() and BIDI.search(text):
        yield "adds-bidi"
    if code and max(map(len, lines)) > LONG_LINE:
        yield "adds-long-line"
    if code and EXEC.search(text.encode()):
        yield "adds-exec"


def _text(body: bytes) -> str | None:
    """The text that a file holds, or None if it is none."""
    try:
        return None if b"\0" in body else body.decode()
    except UnicodeDecodeError:
        return None
