"""A whole file system: every Python in it, with all that is installed for it, each a subject of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from customhouse.consume.audit.read.here import environment_of
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.prefixes import Prefix, prefixes_at
from customhouse.consume.audit.read.source import CODE
from customhouse.consume.audit.read.tree import DiskTree, Tree
from customhouse.formats.inventory.model import Gap, Subject
from customhouse.terms.errors import Rejected

MOST_FOLDERS = 2_000_000
MOST_SUBJECTS = 500
_SITE = re.compile(
    r"(?P<prefix>(?:.*/)?)(?:local/)?(?:lib|lib64|Lib)/(?:(?:python|pypy)\d[\d.]*t?/)?(?:site|dist)-packages"
)
_METADATA = (".dist-info", ".egg-info")


def read_file_system(path: Path, options: ReadOptions) -> tuple[Subject, ...]:
    """The Pythons of a file system that lies in a folder. Its links are never followed out of it."""
    return subjects_in(DiskTree(path, confined=True), str(path), options)


def subjects_in(tree: Tree, title: str, options: ReadOptions) -> tuple[Subject, ...]:
    """The Pythons of a tree. Raises `Rejected` if there is none."""
    prefixes: dict[str, None] = {}
    sites: dict[str, None] = {}
    loose: dict[str, None] = {}
    gaps: list[Gap] = []
    for count, (folder, names) in enumerate(tree.folders()):
        if count >= MOST_FOLDERS:
            gaps.append(
                Gap(title, f"more than {MOST_FOLDERS} folders: the rest was not looked at", "audit it in parts")
            )
            break
        if (site := _SITE.fullmatch(folder)) is not None:
            sites[folder] = None
            prefixes[_prefix_of(folder, site["prefix"])] = None
        elif any(name.endswith(_METADATA) and not name.startswith(".") for name in names):
            loose[folder] = None
        if "pyvenv.cfg" in names:
            prefixes[folder] = None
    found = list(_environments(tree, prefixes, sites, loose))
    if not found:
        raise Rejected(CODE, title, "no Python packages lie in it", "a file system with an installed Python")
    if len(found) > MOST_SUBJECTS:
        gaps.append(Gap(title, f"{len(found)} Pythons: the first {MOST_SUBJECTS} are audited", "audit it in parts"))
    subjects = [
        environment_of(tree, one, f"{title}: /{one.path}", options, kind="container") for one in found[:MOST_SUBJECTS]
    ]
    if gaps:
        subjects.append(Subject(title, "container", (), tuple(gaps)))
    return tuple(subjects)


def _prefix_of(folder: str, prefix: str) -> str:
    """``usr`` of ``usr/local/lib/python3.11/dist-packages`` (Debian's own), ``usr/local`` of site-packages there."""
    is_debian = folder.endswith("dist-packages")
    base = prefix.rstrip("/")
    if not is_debian and "/local/lib" in f"/{folder}" and not base.endswith("local"):
        return f"{base}/local".lstrip("/")
    return base


def _environments(
    tree: Tree, prefixes: dict[str, None], sites: dict[str, None], loose: dict[str, None]
) -> Iterator[Prefix]:
    """Each folder of packages once: with the prefix that it belongs to, or by itself."""
    taken: set[str] = set()
    for path in sorted(prefixes, key=lambda one: (one.count("/"), one)):
        for one in prefixes_at(tree, path):
            folders = tuple(folder for folder in one.folders if folder not in taken)
            if folders or one.is_venv or not one.folders:
                taken.update(one.folders)
                yield Prefix(one.path, folders, one.python, one.exact, one.is_venv)
    for folder in (*sites, *loose):
        inside = any(folder.startswith(f"{other}/") for other in taken)
        if folder not in taken and not inside:
            taken.add(folder)
            yield Prefix(folder, (folder,), "")
