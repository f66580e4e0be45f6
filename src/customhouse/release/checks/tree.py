"""``tree-equals-source``: the source archive holds what the commit holds, byte for byte, and nothing else.

The backdoor of xz-utils (2024) lay in a file of the tarball that was in no commit. So every member is compared with
the commit's tree, which is taken by its digest. Beside it may stand only what a build backend generates, and what the
step declares: ``generated``. A file of the commit that is missing is told; where the step declares ``excluded``, no
other may be missing (``[]``: none at all). Patterns are those of a shell, over paths below the top folder.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from customhouse.formats.inspection import Member
from customhouse.formats.plain import plain
from customhouse.release.actions import Look, Outcome, StepRun
from customhouse.release.building.archives import TARBALLS, programs, walk_archive
from customhouse.release.building.outputs import option_texts
from customhouse.release.building.source_tree import Entry, SourceTree, source_tree
from customhouse.release.checks.files import fetched, looked_at, told
from customhouse.terms.errors import Rejected

_CHECK = "tree-equals-source"
_EGG_INFO = frozenset(
    {"PKG-INFO", "SOURCES.txt", "dependency_links.txt", "entry_points.txt", "requires.txt", "top_level.txt",
     "namespace_packages.txt", "not-zip-safe", "zip-safe"}
)  # fmt: skip
"""What setuptools writes into ``NAME.egg-info``: nothing of it is run."""
_SETUP_CFG = b"[egg_info]\ntag_build = \ntag_date = 0\n\n"
"""What setuptools appends to ``setup.cfg``, or makes it of."""
_KEPT_BYTES = 2**20


@dataclass
class _Found:
    """What a comparison found."""

    faults: list[str] = field(default_factory=list)
    generated: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    same: int = 0


class TreeEqualsSource:
    """See the module."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare each tarball that the step made (or that comes in)."""
        tree = source_tree(run)
        seen: list[str] = []
        for things in looked_at(run, outcome).values():
            for thing in things:
                if not thing.name.endswith(TARBALLS):
                    continue
                found = compare(run, fetched(run, thing), tree)
                if found.faults:
                    return Look(
                        _CHECK, ok=False, expected=f"the files of commit {tree.commit[:12]}",
                        saw=told(found.faults), place=thing.name,
                    )  # fmt: skip
                left = f", {len(found.missing)} of the commit left out" if found.missing else ""
                seen.append(f"{thing.name}: {found.same} the same, {len(found.generated)} generated{left}")
        if not seen:
            return Look(_CHECK, ok=False, expected="a source archive", saw="none among the files", place=run.step.id)
        return Look(_CHECK, ok=True, expected=f"the files of commit {tree.commit[:12]}", saw="; ".join(seen))


def compare(run: StepRun, path: Path, tree: SourceTree) -> _Found:
    """Compare one tarball with the tree."""
    found = _Found()
    generated, excluded = option_texts(run, "generated"), option_texts(run, "excluded")
    try:
        walk = walk_archive(path, lambda name: _KEPT_BYTES if name.endswith("/setup.cfg") else 0, path.parent)
    except Rejected as error:
        found.faults.append(plain(str(error), 300))
        return found
    if walk is None:
        found.faults.append("it is no archive that we read")
        return found
    tops = {member.name.partition("/")[0] for member in walk.members}
    if len(tops) != 1:
        found.faults.append(f"it has {len(tops)} top folders")
        return found
    runs = programs(path)
    there = set()
    for member in walk.members:
        name = member.name.partition("/")[2]
        if member.kind == "directory" or not name:
            continue
        there.add(name)
        body = walk.kept.get(member.name)
        _judge(found, member, name, tree, generated=generated, body=body, runs=runs.get(member.name, False))
    found.missing += sorted(tree.entries.keys() - there)
    if "excluded" in run.step.options:
        found.faults += [f"{plain(name, 150)} is missing" for name in found.missing if not _fits(name, excluded)]
    return found


def _judge(
    found: _Found,
    member: Member,
    name: str,
    tree: SourceTree,
    *,
    generated: Iterable[str],
    body: bytes | None,
    runs: bool,
) -> None:
    """Say of one member that it is the same, generated, or a fault."""
    entry = tree.entries.get(name)
    if entry is None:
        if _is_generated(name, body, b"") or _fits(name, generated):
            found.generated.append(name)
        else:
            found.faults.append(f"{plain(name, 150)} is not in the commit ({member.size_bytes:,} bytes)")
        return
    if _same(member, entry, tree.entries):
        if member.kind == "file" and not entry.is_link and runs != entry.is_program:
            now, was = ("executable", "not") if runs else ("not executable", "executable")
            found.faults.append(f"{plain(name, 150)} is {now}, and {was} in the commit")
        else:
            found.same += 1
    elif _is_generated(name, body, entry.body) or _fits(name, generated):
        found.generated.append(name)
    else:
        found.faults.append(f"{plain(name, 150)} is not as the commit has it")


def _same(member: Member, entry: Entry, entries: Mapping[str, Entry]) -> bool:
    if member.kind == "link":
        return entry.is_link and member.target.encode() == entry.body
    if not entry.is_link:
        return member.sha256 == entry.sha256
    # Many backends write what a link leads to.
    target = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.body.decode("utf-8", "replace")))
    aim = entries.get(target)
    return aim is not None and not aim.is_link and member.sha256 == aim.sha256


def _is_generated(name: str, body: bytes | None, before: bytes) -> bool:
    """What the common backends write into an sdist, without being asked."""
    if name == "PKG-INFO":
        return True
    folder, _, last = name.rpartition("/")
    if folder.rpartition("/")[2].endswith(".egg-info"):
        return last in _EGG_INFO
    if name == "setup.cfg" and body is not None:
        return hashlib.sha256(body).digest() in {
            hashlib.sha256(text).digest() for text in (_SETUP_CFG, before + _SETUP_CFG, before + b"\n" + _SETUP_CFG)
        }
    return False


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
