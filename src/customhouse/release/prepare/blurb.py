"""The changelog from blurbs, by CPython's own tool (https://github.com/python/blurb)."""

from __future__ import annotations

from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.prepare.copy import copied, found, left, taken, tool

_NEWS = "Misc/NEWS.d"


class Blurb:
    """`changelog.blurb`."""

    def do(self, run: StepRun) -> Outcome:
        """Gather the blurbs of ``next`` into the file of this version."""
        copy = copied(run)
        version = run.params["version"]
        ran = tool(run, copy, "blurb", ["release", version])
        if not copy.file(_file(version)).is_file():
            raise Problem("no-blurb", f"there is no {_file(version)}", "a file of this version", place=_NEWS)
        facts = {"changelog": _file(version), "tool": "blurb", "said": ran.tail[-500:]}
        return taken(run, copy, lambda path: path.startswith(f"{_NEWS}/"), facts)

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether this attempt has left a tree with the file of this version, and nothing in ``next``."""
        tree, changes = left(run)
        version = run.params["version"]
        if not tree or not any(change.how == "A" and change.path == _file(version) for change in changes):
            return None
        return found(run, {"changelog": _file(version), "tool": "blurb"})

    def undo(self, run: StepRun) -> str:
        """Nothing has left this machine: the next attempt starts from the tree before."""
        del run
        return "nothing to undo"


def _file(version: str) -> str:
    return f"{_NEWS}/{version}.rst"
