"""``tools-pinned``: each tool that the step declares is, byte for byte, the one that somebody has looked at.

``tools = ["release.py sha256:…", "/usr/bin/xz sha256:…"]`` (or with ``=`` between): a path in the commit, an absolute
path, or a program on the system's path. (Codecov, 2021: a script was fetched at each build, and one day was another.)
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from customhouse.formats.plain import plain
from customhouse.release.actions import Look, Outcome, StepRun
from customhouse.release.building.outputs import option_texts
from customhouse.release.building.source_tree import SourceTree, source_tree
from customhouse.release.checks.files import told

_CHECK = "tools-pinned"
_PINNED = re.compile(r"([^\s=]+)(?:\s+|=)sha256:([0-9a-fA-F]{64})")
_PATH = "/usr/local/bin:/usr/bin:/bin"


class ToolsPinned:
    """See the module."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Hash each of them."""
        del outcome
        declared = option_texts(run, "tools")
        faults = [] if declared else ["the step declares no tools"]
        tree: SourceTree | None = None
        for text in declared:
            found = _PINNED.fullmatch(text)
            if found is None:
                faults.append(f"{plain(text, 100)!r} is no NAME sha256:DIGEST")
                continue
            name, wanted = found[1], found[2].lower()
            if not name.startswith("/") and tree is None:
                tree = source_tree(run)
            digest = _digest(name, tree)
            if digest != wanted:
                faults.append(
                    f"{plain(name, 100)} has SHA-256 {digest}" if digest else f"{plain(name, 100)} is not there"
                )
        return Look(
            _CHECK, not faults, "; ".join(declared), told(faults) or f"{len(declared)} tools as declared", run.step.id
        )


def _digest(name: str, tree: SourceTree | None) -> str:
    entry = tree.entries.get(name) if tree is not None else None
    if entry is not None:
        return entry.sha256
    program = name if name.startswith("/") else shutil.which(name, path=_PATH)
    if program is None or not Path(program).is_file():
        return ""
    with Path(program).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
