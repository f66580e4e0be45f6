"""Which file of one release is to be compared with which of another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from packaging.tags import Tag

from customhouse.formats.filenames import SdistName, WheelName

_PLATFORM = re.compile(r"(any|manylinux|musllinux|linux|macosx|win|ios|android|[a-z]+)\d*(?:_\d+)*_?(.*)", re.ASCII)


class Pair(NamedTuple):
    """A file of the new release and the one of the old release that it follows."""

    old: WheelName | SdistName
    new: WheelName | SdistName


def pair_files(old: Sequence[WheelName | SdistName], new: Sequence[WheelName | SdistName]) -> list[Pair]:
    """Each file of the new release with the closest one of the old.

    A wheel is compared with a wheel, an sdist with an sdist; a file without a counterpart of its kind has no pair.
    Of several wheels the one with the same tags is closest; then one that shares a tag; then one for the same system
    and machine whatever the system's version, then one for the same system; then for the same interpreter; then with
    the same ABI; among equals the first by name. Wheels come before sdists, because installers choose so, and among
    them those for any platform first.
    """
    found = ((_closest(one, old), one) for one in sorted(new, key=_order))
    return [Pair(closest, one) for closest, one in found if closest is not None]


def _closest(new: WheelName | SdistName, old: Sequence[WheelName | SdistName]) -> WheelName | SdistName | None:
    rivals = [other for other in old if isinstance(other, type(new))]
    return min(rivals, key=lambda other: (_distance(other, new), other.filename), default=None)


def _order(name: WheelName | SdistName) -> tuple[bool, bool, str]:
    everywhere = isinstance(name, WheelName) and all(tag.platform == "any" for tag in name.tags)
    return (isinstance(name, SdistName), not everywhere, name.filename)


def _distance(old: WheelName | SdistName, new: WheelName | SdistName) -> tuple[bool, ...]:
    """How far apart two files of one kind are: False before True, the first question counts most."""
    if isinstance(old, SdistName) or isinstance(new, SdistName):
        return ()
    return (
        old.tags != new.tags,
        not old.tags & new.tags,
        not _machines(old.tags) & _machines(new.tags),
        not {system for system, _ in _machines(old.tags)} & {system for system, _ in _machines(new.tags)},
        not {tag.interpreter for tag in old.tags} & {tag.interpreter for tag in new.tags},
        not {tag.abi for tag in old.tags} & {tag.abi for tag in new.tags},
    )


def _machines(tags: frozenset[Tag]) -> set[tuple[str, str]]:
    """System and machine of each tag: ``manylinux_2_17_x86_64`` and ``manylinux2014_x86_64`` are one."""
    found = (_PLATFORM.fullmatch(tag.platform) for tag in tags)
    return {(match[1].removeprefix("many"), match[2]) for match in found if match is not None}
