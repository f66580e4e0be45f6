"""Which members of a distribution changed from one release to the next, and in which order they should be read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from customhouse.formats.filenames import SdistName, WheelName
from customhouse.formats.inspection import Member
from customhouse.formats.line_diff import Row
from customhouse.formats.wheel import names_release, site_path

Shown = Literal["text", "whole-text", "binary", "too-large", "no-room", "link", "same"]

# What runs, or decides what runs, is read first, so that a thousand pictures cannot crowd it out.
_DECISIVE = ("METADATA", "PKG-INFO", "WHEEL", "entry_points.txt", "setup.py", "setup.cfg", "pyproject.toml")
CODE = (".py", ".pyi", ".pyw", ".pyx", ".pxd", ".sh", ".bat", ".ps1", ".js", ".c", ".h", ".cc", ".cpp", ".rs", ".go")
_PACKED = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".woff", ".woff2", ".ttf", ".zip", ".gz", ".whl", ".pyc")
_NOISE = ("RECORD", "RECORD.jws", "RECORD.p7s")
_KINDS_OF_CHANGE = ("changed", "added", "renamed", "removed")
_IN_DATA = re.compile(r"[^/]*\.data/[^/]+/")


@dataclass(frozen=True, slots=True)
class Side:
    """A member in one of the two archives."""

    size_bytes: int
    sha256: str
    """Empty for a link."""
    target: str
    """Where a link leads."""


@dataclass(frozen=True, slots=True)
class Change:
    """One member that is not the same in both archives."""

    name: str
    """As `Aligned` writes it: without what differs only because the versions do."""
    what: Literal["added", "removed", "changed", "renamed"]
    old: Side | None
    new: Side | None
    was: str = ""
    """The earlier name of a renamed member, whose content is the same."""
    noise: bool = False
    """Whether it changes with every release and says nothing by itself (RECORD)."""
    shown: Shown = "no-room"
    """``text``: line by line; ``whole-text``: all old lines and then all new ones, because the two are too different;
    ``same``: there is nothing to show, the content has not changed."""
    added: int = 0
    removed: int = 0
    """Lines."""
    hunks: tuple[tuple[Row, ...], ...] = ()
    rows_left: int = 0
    """Rows that were left out."""


class Aligned:
    """Names in the folders that are named for the release, as they would be in any release of the project.

    ``demo-1.0.dist-info/METADATA`` becomes ``demo.dist-info/METADATA``, and an sdist loses its top folder.
    """

    def __init__(self, name: WheelName | SdistName) -> None:
        self._stem = name.name.replace("-", "_")
        self._wheel = isinstance(name, WheelName)
        self.entry_points = f"{self._stem}.dist-info/entry_points.txt" if self._wheel else ""
        """The aligned name of a wheel's list of entry points; empty for an sdist, which has none."""
        self._is_release = cache(lambda stem: names_release(stem, name.name, name.version))

    def name(self, path: str) -> str:
        """The name that a path has in every release."""
        root, _, rest = path.partition("/")
        if not rest:
            return path
        if not self._wheel:
            return rest if self._is_release(root) else path
        for ending in (".dist-info", ".data"):
            if root.endswith(ending) and self._is_release(root.removesuffix(ending)):
                return f"{self._stem}{ending}/{rest}"
        return path

    def members(self, members: Iterable[Member]) -> dict[str, Member]:
        """Files and links by these names; by their full names if two would be called the same."""
        listed = [member for member in members if member.kind != "directory"]
        found = {self.name(member.name): member for member in listed}
        # Whoever spells a folder in two ways gets a longer diff, and hides nothing in it.
        return found if len(found) == len(listed) else {member.name: member for member in listed}

    def is_noise(self, name: str) -> bool:
        """Whether an aligned name is that of a RECORD."""
        return self._wheel and name in {f"{self._stem}.dist-info/{base}" for base in _NOISE}


def compare_members(old: Mapping[str, Member], new: Mapping[str, Member]) -> list[Change]:
    """Every member of either archive that is not the same in the other, by their aligned names.

    A file that went, and one that came with the same content under another name, are one that was renamed: of several
    those with the same last part of the name first. Empty files are all alike and prove nothing.
    """
    gone = {name: member for name, member in old.items() if name not in new}
    changes = [
        Change(name, "changed", _side(old[name]), _side(member))
        for name, member in new.items()
        if name in old and not same(old[name], member)
    ]
    by_content: dict[str, list[str]] = {}
    for name, member in gone.items():
        if member.kind == "file" and member.size_bytes:
            by_content.setdefault(member.sha256, []).append(name)
    come = sorted(name for name in new if name not in old)
    # Those that kept the last part of their name choose before the others.
    renamed = _match(come, by_content, new, same_base=True)
    renamed |= _match([name for name in come if name not in renamed], by_content, new, same_base=False)
    for name in come:
        if name in renamed:
            was = renamed[name]
            changes.append(Change(name, "renamed", _side(old[was]), _side(new[name]), was=was, shown="same"))
        else:
            changes.append(Change(name, "added", None, _side(new[name])))
    moved = set(renamed.values())
    changes += [Change(name, "removed", _side(member), None) for name, member in gone.items() if name not in moved]
    return changes


def same(old: Member, new: Member) -> bool:
    """Whether two members are the same, whatever their names."""
    return (old.kind, old.sha256, old.target) == (new.kind, new.sha256, new.target)


def _match(
    come: Sequence[str], by_content: dict[str, list[str]], new: Mapping[str, Member], *, same_base: bool
) -> dict[str, str]:
    """New names with the old ones that they take from ``by_content``."""
    found = {}
    for name in come:
        waiting = by_content.get(new[name].sha256, []) if new[name].kind == "file" else []
        fitting = [was for was in waiting if not same_base or _base(was) == _base(name)]
        if fitting:
            found[name] = fitting[0]
            waiting.remove(fitting[0])
    return found


def _side(member: Member) -> Side:
    return Side(member.size_bytes, member.sha256, member.target)


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def reading_order(changes: Iterable[Change], suspects: Collection[str]) -> list[Change]:
    """The changes in the order in which somebody should read them.

    First what a signal points at and what decides about the installation, then code, then everything else, pictures
    and archives last; noise behind all. ``suspects`` are aligned names, or their ends where a wheel's ``.data`` is
    unpacked.
    """
    return sorted(changes, key=lambda change: (*_rank(change, suspects), change.name))


def _rank(change: Change, suspects: Collection[str]) -> tuple[bool, int, int]:
    name = change.name
    _, scheme, inside = name.split("/", 2) if _IN_DATA.match(name) else ("", "", name)
    lowered = name.lower()
    if name in suspects or inside in suspects or site_path(scheme, inside) in suspects or _base(name) in _DECISIVE:
        rank = 0
    elif lowered.endswith(CODE) or "." not in _base(name):
        rank = 1
    else:
        rank = 3 if lowered.endswith(_PACKED) else 2
    return change.noise, rank, _KINDS_OF_CHANGE.index(change.what)


def choose_texts(changes: Sequence[Change], *, most: int, total_bytes: int, each_bytes: int) -> set[str]:
    """The names of those changes whose content is worth reading, in order, as long as there is room.

    A link has no content, a renamed member the same as before, and one above ``each_bytes`` on either side is too
    large.
    """
    chosen: set[str] = set()
    for change in changes:
        sides = [side for side in (change.old, change.new) if side is not None]
        size = sum(side.size_bytes for side in sides)
        if change.what == "renamed" or is_link(change) or max(side.size_bytes for side in sides) > each_bytes:
            continue
        if size <= total_bytes and len(chosen) < most:
            chosen.add(change.name)
            total_bytes -= size
    return chosen


def is_link(change: Change) -> bool:
    """Whether the member is, or was, a link."""
    return any(side is not None and not side.sha256 for side in (change.old, change.new))
