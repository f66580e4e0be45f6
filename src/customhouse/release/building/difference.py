"""Why two builds of one thing are not the same, in one sentence: which file in the archive, and what of it.

The strict readers say which members differ. What of a member differs says diffoscope, if it is installed, shut in like
a build, because it runs many programs over bytes of others; the rest says our own look at text and ELF. A rebuild that
does not agree is an attack until somebody has understood it, so the sentence names the function, the section or the
line.

Sources: diffoscope's JSON ("Presenters"); System V gABI (sections and symbols), by `readelf`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from customhouse.formats.inspection import Member
from customhouse.formats.plain import plain
from customhouse.formats.zip_walk import Walk
from customhouse.release.actions import Problem, StepRun
from customhouse.release.building.archives import walk_archive
from customhouse.release.building.isolation import Cell, run_in
from customhouse.release.children import Children
from customhouse.release.store import Store
from customhouse.release.things import Thing, Things
from customhouse.terms.errors import Rejected

MOST_MEMBERS = 6
"""Named one by one; of others only how many."""
_MEMBER_BYTES = 64 * 2**20
_DIFFOSCOPE_SECONDS = 60.0
_LINES = 4
_ELF = b"\x7fELF"


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs in one file of an archive."""

    where: str
    """``sealed-1.0.0.tar.gz: sealed-1.0.0/setup.py``"""
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def differences(
    ours: Mapping[str, Things], theirs: Mapping[str, Things], store: Store, folder: Path, children: Children
) -> str:
    """What is not the same in two builds' outputs (by artifact), as a text of a few lines; empty if all of it is.

    ``ours`` is the first build's. ``folder`` is for what is fetched from the store.
    """
    first = {thing.name: thing for things in ours.values() for thing in things}
    second = {thing.name: thing for things in theirs.values() for thing in things}
    found = [Difference(name, "only the first builder made it") for name in sorted(first.keys() - second.keys())]
    found += [Difference(name, "only the rebuilder made it") for name in sorted(second.keys() - first.keys())]
    for name in sorted(first.keys() & second.keys()):
        if first[name].digest != second[name].digest:
            found += _of_files(_fetched(store, first[name], folder / "a"), _fetched(store, second[name], folder / "b"),
                               folder, children)  # fmt: skip
    shown = [str(one) for one in found[:MOST_MEMBERS]]
    if len(found) > MOST_MEMBERS:
        shown.append(f"and {len(found) - MOST_MEMBERS} more")
    return "\n".join(shown)


def agreement(run: StepRun, ours: Mapping[str, Things], theirs: Mapping[str, Things], folder: Path) -> tuple[bool, str]:
    """Whether a rebuild agrees with the first build on every artifact that must be the same; and if not, why.

    An artifact must be the same if the pipeline calls it ``reproducible``; all must, if it calls none of them so.
    """
    marked = [name for name in run.step.outputs if run.pipeline.artifact(name).reproducible]
    names = marked or [name for name in run.step.outputs if run.pipeline.artifact(name).type == "files"]
    first, second = ({name: tuple(sorted(made.get(name, ()))) for name in names} for made in (ours, theirs))
    if first == second:
        return True, ""
    return False, differences(first, second, run.store, folder, run.children) or "the sizes differ"


def _fetched(store: Store, thing: Thing, into: Path) -> Path:
    into.mkdir(parents=True, exist_ok=True)
    return store.fetch(thing, into)


def _of_files(one: Path, other: Path, folder: Path, children: Children) -> list[Difference]:
    """All differing members of two archives of one name; the most telling first."""
    try:
        first, second = (walk_archive(path, lambda _name: _MEMBER_BYTES, path.parent) for path in (one, other))
    except Rejected as error:
        return [Difference(one.name, f"one of the two cannot be read: {error}")]
    if first is None or second is None:
        return [Difference(one.name, _of_bodies(one.name, one.read_bytes(), other.read_bytes(), folder, children))]
    mine, others = ({member.name: member for member in walk.members} for walk in (first, second))
    found = [Difference(f"{one.name}: {name}", "is only in the first build") for name in sorted(mine.keys() - others)]
    found += [Difference(f"{one.name}: {name}", "is only in the rebuild") for name in sorted(others.keys() - mine)]
    changed = [name for name in mine.keys() & others.keys() if _differs(mine[name], others[name])]
    # RECORD differs because another member does.
    for name in sorted(changed, key=lambda path: (path.endswith(".dist-info/RECORD"), path)):
        what = _of_bodies(name, first.kept.get(name, b""), second.kept.get(name, b""), folder, children)
        found.append(Difference(f"{one.name}: {name}", what))
    if not found:
        found.append(Difference(one.name, _outside(first, second)))
    return found


def _differs(one: Member, other: Member) -> bool:
    return (one.kind, one.sha256, one.target) != (other.kind, other.sha256, other.target)


def _outside(one: Walk, other: Walk) -> str:
    """Every member has the same content: then what is around them differs."""
    if [member.name for member in one.members] != [member.name for member in other.members]:
        return "the members are the same and stand in another order"
    return "every member is the same; times, modes or the compressor differ"


def _of_bodies(name: str, one: bytes, other: bytes, folder: Path, children: Children) -> str:
    """What differs in a file's content, in a few words."""
    if one.startswith(_ELF) and other.startswith(_ELF):
        return _of_elf(one, other, folder, children)
    try:
        old, new = one.decode(), other.decode()
    except UnicodeDecodeError:
        return _of_binaries(name, one, other, folder, children)
    if "\0" in old or "\0" in new:
        return _of_binaries(name, one, other, folder, children)
    return _of_lines(old.splitlines(), new.splitlines())


def _of_lines(old: Sequence[str], new: Sequence[str]) -> str:
    changes = [
        line for line in difflib.unified_diff(old, new, n=0, lineterm="") if not line.startswith(("---", "+++", "@@"))
    ]
    if not changes:
        return "the ends of its lines differ"
    if sorted(old) == sorted(new):
        return "its lines stand in another order"
    shown = " | ".join(plain(line, 120) for line in changes[:_LINES])
    return f"{shown} | …" if len(changes) > _LINES else shown


# --- native code


def _of_elf(one: bytes, other: bytes, folder: Path, children: Children) -> str:
    """The sections that differ, and of the code which functions: added, removed or of another content."""
    (folder / "one.elf").write_bytes(one)
    (folder / "other.elf").write_bytes(other)
    try:
        first, second = (_Elf.read(folder / name, body, folder, children)
                         for name, body in (("one.elf", one), ("other.elf", other)))  # fmt: skip
    except (Problem, ValueError, IndexError) as error:
        return f"native code; it cannot be taken apart here ({plain(str(error), 120)})"
    parts = []
    added, removed = (
        sorted(second.functions.keys() - first.functions),
        sorted(first.functions.keys() - second.functions),
    )
    changed = sorted(
        name for name in first.functions.keys() & second.functions.keys()
        if first.functions[name] != second.functions[name]
    )  # fmt: skip
    for what, names in (("is only in the rebuild", added), ("is only in the first build", removed)):
        parts += [f"the function {plain(name, 80)}() {what}" for name in names[:_LINES]]
    parts += [f"the function {plain(name, 80)}() has other code" for name in changed[:_LINES]]
    sections = sorted(
        name for name in first.sections.keys() | second.sections.keys()
        if first.sections.get(name) != second.sections.get(name)
    )  # fmt: skip
    if sections:
        parts.append(f"sections {', '.join(sections[:8])}")
    strings = _of_strings(one, other) if not (added or removed or changed) else ""
    return "; ".join(filter(None, [*parts, strings])) or "bytes outside every section differ"


@dataclass(frozen=True, slots=True)
class _Elf:
    """A native file, as far as `readelf` tells it."""

    sections: Mapping[str, str]
    """Digest of the content by name."""
    functions: Mapping[str, str]
    """Digest of the code by name."""

    @classmethod
    def read(cls, path: Path, body: bytes, folder: Path, children: Children) -> _Elf:
        """Take it apart; `readelf` is shut in, for it has been fooled before."""
        program = shutil.which("readelf", path="/usr/bin:/bin")
        if program is None:
            raise Problem("no-tool", "readelf is not installed", next_step="apt install binutils")
        cell = Cell("/tmp", readable={"/given/file": path}, seconds=30)  # noqa: S108  # the cell's own
        said = run_in(cell, [program, "--wide", "--section-headers", "--symbols", "/given/file"], children, folder)
        sections: dict[str, str] = {}
        spans: dict[int, tuple[int, int]] = {}
        functions: dict[str, str] = {}
        for line in said.out.splitlines():
            words = line.replace("[ ", "[").split()
            if len(words) > 6 and words[0].startswith("[") and words[0].rstrip("]")[1:].isdecimal():  # noqa: PLR2004
                number, name = int(words[0].strip("[]")), words[1]
                address, offset, size = (int(word, 16) for word in words[3:6])
                spans[number] = (address, offset)
                sections[name] = _digest(body[offset : offset + size]) if words[2] != "NOBITS" else str(size)
            elif len(words) == 8 and words[3] == "FUNC" and words[6].isdecimal():  # noqa: PLR2004
                address, offset = spans.get(int(words[6]), (0, 0))
                start = int(words[1], 16) - address + offset
                size = int(words[2], 0)
                functions[words[7]] = _digest(body[start : start + size])
        if not sections:
            raise ValueError(said.tail[-100:] or "no sections")
        return cls(sections, functions)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _of_strings(one: bytes, other: bytes) -> str:
    old, new = set(_words(one)), set(_words(other))
    gone, come = sorted(old - new)[:2], sorted(new - old)[:2]
    parts = [f"the first says {plain(word.decode('ascii'), 80)!r}" for word in gone]
    parts += [f"the rebuild says {plain(word.decode('ascii'), 80)!r}" for word in come]
    return "; ".join(parts)


def _words(body: bytes) -> Iterator[bytes]:
    """Runs of printable ASCII of six and more."""
    word = bytearray()
    for byte in body:
        if 0x20 <= byte < 0x7F:  # noqa: PLR2004  # what ASCII prints
            word.append(byte)
            continue
        if len(word) >= 6:  # noqa: PLR2004
            yield bytes(word)
        word.clear()


# --- diffoscope


def _of_binaries(name: str, one: bytes, other: bytes, folder: Path, children: Children) -> str:
    """What diffoscope says of it, or where the first byte differs."""
    said = _diffoscope(name, one, other, folder, children)
    if said:
        return said
    at = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    if at is None:
        return f"{len(one):,} bytes, and {len(other):,} in the rebuild"
    return f"from byte {at:,} on"


def _diffoscope(name: str, one: bytes, other: bytes, folder: Path, children: Children) -> str:
    """The first lines of its report, shut in and bounded; empty where it says nothing."""
    program = shutil.which("diffoscope", path="/usr/local/bin:/usr/bin:/bin")
    if program is None:
        return ""
    base = name.rpartition("/")[2] or "file"
    given = {}
    for side, body in (("first", one), ("rebuild", other)):
        (folder / side).mkdir(exist_ok=True)
        (folder / side / "body").write_bytes(body)
        given[f"/given/{side}/{base}"] = folder / side / "body"
    cell = Cell("/tmp", env={"LC_ALL": "C.UTF-8"}, readable=given, seconds=_DIFFOSCOPE_SECONDS)  # noqa: S108
    argv = [program, "--json", "-", "--max-report-size", "200000", "--timeout", "40", *given]
    try:
        ran = run_in(cell, argv, children, folder)
        report = json.loads(ran.out)
    except (Problem, ValueError, RecursionError):
        return ""
    lines = list(_leaves(report, 0))[:_LINES]
    return " | ".join(lines)


def _leaves(node: Mapping[str, Any], depth: int) -> Iterator[str]:
    """``tool: -line +line`` of each part of a report that has lines of its own."""
    if depth > 20:  # noqa: PLR2004  # archives in archives
        return
    title = str(node.get("source1", ""))
    diff = node.get("unified_diff")
    if isinstance(diff, str):
        changed = [line for line in diff.splitlines() if line[:1] in "+-" and line[1:].strip()]
        if changed:
            yield plain(f"{title}: {' '.join(changed[:2])}", 200)
    for detail in _maps(node.get("details")):
        yield from _leaves(detail, depth + 1)


def _maps(value: object) -> Iterable[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
