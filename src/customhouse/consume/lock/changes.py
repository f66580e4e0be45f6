"""What is different between the lock that was there and the new one: by package, and by file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from packaging.version import Version

from customhouse.formats.inventory.model import Component
from customhouse.formats.osv.matching import read_version

Kind = Literal["added", "removed", "raised", "lowered", "changed", "files"]


@dataclass(frozen=True, slots=True)
class Change:
    """One package that is not as it was."""

    name: str
    kind: Kind
    """``changed``: several versions for several platforms, and not the same ones. ``files``: other digests."""
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def versions(self) -> str:
        """``1.0 → 1.1``."""
        if self.kind == "files":
            return " and ".join(self.after)
        return " → ".join(" and ".join(some) for some in (self.before, self.after) if some)


def changes(old: Iterable[Component], new: Iterable[Component]) -> tuple[Change, ...]:
    """Every package that differs, by name."""
    was, now = _by_name(old), _by_name(new)
    found = []
    for name in sorted(was.keys() | now.keys()):
        before, after = tuple(was.get(name, ())), tuple(now.get(name, ()))
        kind = _kind(before, after, was.get(name, {}), now.get(name, {}))
        if kind is not None:
            found.append(Change(name, kind, before, after))
    return tuple(found)


def swapped(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """Names of files whose digest is another one now: bytes of a released file never change, so somebody lies."""
    return tuple(sorted(name for name, digest in old.items() if new.get(name, digest) != digest))


def _by_name(components: Iterable[Component]) -> dict[str, dict[str, frozenset[str]]]:
    found: dict[str, dict[str, frozenset[str]]] = {}
    for one in components:
        own = found.setdefault(one.name, {})
        own[one.version] = own.get(one.version, frozenset()) | one.hashes
    return found


def _kind(
    before: Sequence[str], after: Sequence[str], was: Mapping[str, frozenset[str]], now: Mapping[str, frozenset[str]]
) -> Kind | None:
    if not before:
        return "added"
    if not after:
        return "removed"
    if _same(before, after):
        # A lock that never had hashes has not lost any.
        lost = any(was[one] - now.get(one, was[one]) or now.get(one, was[one]) - was[one] for one in was if was[one])
        return "files" if lost else None
    if len(before) == len(after) == 1:
        old, new = read_version(before[0]), read_version(after[0])
        if old is not None and new is not None:
            return "raised" if new > old else "lowered"
    return "changed"


def _same(before: Sequence[str], after: Sequence[str]) -> bool:
    def plain(versions: Sequence[str]) -> set[Version | str]:
        return {read_version(one) or one for one in versions}

    return plain(before) == plain(after)
