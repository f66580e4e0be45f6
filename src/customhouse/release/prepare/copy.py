"""A copy of the work tree for programs and for what writes files: what they leave becomes the work tree, if it may.

They never see the run's clone. So nothing can be planted in its settings, and a program that is killed leaves a copy
that is thrown away. In the copy lies a repository of its own, because some tools ask git to remove what they read.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path, PurePosixPath

from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.building.isolation import Cell, run_in
from customhouse.release.children import Ran
from customhouse.release.git.git import Git
from customhouse.release.git.released import frozen, outputs, repository
from customhouse.release.git.repository import Change
from customhouse.release.git.worktree import TREE, WROTE, base, keep, kept, settle

INSIDE = "/source"
"""Where the copy lies for a program that is shut in."""
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Copy:
    """The copy, and the tree that it was made from."""

    folder: Path
    base: str

    def file(self, path: str) -> Path:
        """A file of it that is a plain file, reached by no link; raises `Problem`."""
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or ".git" in parts:
            raise Problem("bad-path", f"{path!r} is no path inside the work tree", "such as src/NAME/__init__.py")
        found = self.folder
        for part in parts:
            found /= part
            if found.is_symlink():
                raise Problem("bad-path", f"{path} leads through a link", "a plain file", place=path)
        return found


def copied(run: StepRun, *, for_programs: bool = True) -> Copy:
    """A fresh copy of what the step before left; ``for_programs`` as a repository of its own."""
    start = settle(run)
    folder = run.folder / "tree"
    shutil.rmtree(folder, ignore_errors=True)
    clone = repository(run)
    clone.copy_out(start, folder)
    if for_programs:
        git = Git(run.children)
        git.ask("init", "--quiet", "--template=", "--", str(folder))
        git.ask("add", "--all", "--force", "--", ".", at=folder)
    return Copy(folder, start)


def taken(run: StepRun, copy: Copy, may_write: Callable[[str], bool] | None, facts: dict[str, str]) -> Outcome:
    """Let the copy be the work tree; raises `Problem` if it holds a change that the step may not make."""
    clone = repository(run)
    shutil.rmtree(copy.folder / ".git", ignore_errors=True)
    tree = clone.take_in(copy.base, copy.folder)
    changes = clone.differences(copy.base, tree)
    _refuse(run, [change for change in changes if may_write is not None and not may_write(change.path)])
    keep(run, tree)
    said = {**facts, TREE: tree}
    if may_write is not None:
        said[WROTE] = json.dumps([change.path for change in changes])
    return Outcome(outputs(run, tree=(run.step.id, tree)), said)


def left(run: StepRun) -> tuple[str, list[Change]]:
    """The tree that this attempt has left, and its changes; "" if it did not come so far."""
    tree = kept(run)
    return (tree, repository(run).differences(base(run), tree)) if tree else ("", [])


def found(run: StepRun, facts: dict[str, str], *, said: bool = True) -> Outcome:
    """The outcome of an attempt that has left a tree."""
    tree, changes = left(run)
    wrote = {WROTE: json.dumps([change.path for change in changes])} if said else {}
    return Outcome(outputs(run, tree=(run.step.id, tree)), {**facts, TREE: tree, **wrote})


def tool(run: StepRun, copy: Copy, module: str, arguments: Sequence[str]) -> Ran:
    """Run a Python tool of this environment, or of the place's ``python``, in the copy; raises `Problem`.

    Shut in: what a repository brings along runs with it, such as the templates that its settings name.
    """
    python = run.places.get(run.step.env, {}).get("python") or sys.executable
    ran = shut_in(run, copy, [python, "-I", "-m", module, *arguments], python=Path(python))
    if f"No module named {module}" in ran.err:
        raise Problem(
            "no-tool", f"{python} has no {module}", f"{module}, installed", place=run.step.id,
            next_step=f"Install {module}, or name a Python that has it: --place {run.step.env}.python=PATH.",
        )  # fmt: skip
    if not ran.ok:
        why = "it took too long" if ran.timed_out else ran.tail
        raise Problem("tool-failed", f"{module}: {why}", "an end without a fault", place=run.step.id)
    return ran


def shut_in(
    run: StepRun, copy: Copy, argv: Sequence[str], *, python: Path, network: bool = False, path: bool = False
) -> Ran:
    """Run a program in a cell whose work folder is the copy: it sees no clone, no key, no process and no secret.

    ``path``: it finds programs where we do, besides those of the system.
    """
    own = ("HOME",) if path else ("HOME", "PATH")
    env = {name: value for name, value in environment(run).items() if name not in own}
    cell = Cell(
        INSIDE, env, writable={INSIDE: copy.folder}, seconds=run.step.timeout.total_seconds(), python=python,
        network=network,
    )  # fmt: skip
    return run_in(cell, argv, run.children, run.folder / "cell")


def environment(run: StepRun) -> dict[str, str]:
    """All that a program sees: where programs are, an empty home, no settings of git, and a time that stands still."""
    home = run.folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SOURCE_DATE_EPOCH": str(repository(run).committed_at(frozen(run))),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CEILING_DIRECTORIES": str(run.folder.absolute()),
        "RELEASE_PROJECT": run.pipeline.project,
        "RELEASE_VERSION": run.params.get("version", ""),
        "RELEASE_TAG": run.params.get("tag", ""),
    }


def today(run: StepRun) -> str:
    """The day on which the run began, in UTC: the same for each attempt."""
    return run.state.created_at.astimezone(UTC).strftime("%Y-%m-%d")


def _refuse(run: StepRun, others: Sequence[Change]) -> None:
    if others:
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        named = ", ".join(f"{change.how} {change.path}" for change in others[:_MOST_NAMED])
        raise Problem("wrote-elsewhere", named + more, f"only what {run.step.uses} is for", place=run.step.id)
