"""A program of the project's own that writes into the work tree: autoconf, a code generator, a script.

It runs in a copy, shut in: without the clone, our environment, and other processes and files of this machine; and
without a network where its environment has none. Tools that are pinned (``tools = ["autoconf=sha256:…"]``) are hashed
before it starts.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from customhouse.release.actions import Outcome, Problem, StepRun, Tampered
from customhouse.release.building.outputs import declared, keep, kept, option_paths, option_texts
from customhouse.release.children import Ran
from customhouse.release.git.worktree import TREE
from customhouse.release.prepare.copy import Copy, copied, environment, found, left, shut_in, taken
from customhouse.release.things import Things

_PREFIX = "sha256:"


class Program:
    """`exec`."""

    def do(self, run: StepRun) -> Outcome:
        """Run it in a copy of the work tree, keep the files that it makes, and let its changes be the work tree."""
        if not run.step.run:
            raise Problem(
                "no-program", "the step says no run = [ … ]", "a program and its arguments", place=run.step.id
            )
        copy = copied(run)
        tools = pinned(run)
        ran = _run(run, copy)
        if not ran.ok:
            why = "it took too long" if ran.timed_out else ran.tail
            raise Problem("program-failed", f"{run.step.run[0]}: {why}", "an end with 0", place=run.step.id)
        made = _made(run, copy)
        facts = {"argv": json.dumps(list(run.step.run)), "seconds": f"{ran.seconds:.3f}", "tools": json.dumps(tools)}
        outcome = taken(run, copy, None, facts)
        outcome = Outcome({**outcome.outputs, **made}, outcome.facts)
        return keep(run, outcome)

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether this attempt has left a tree, and its files are in the store."""
        tree, _changes = left(run)
        noted = kept(run)
        if not tree or noted is None or noted.facts.get(TREE) != tree:
            return None
        return Outcome({**found(run, {}, said=False).outputs, **noted.outputs}, noted.facts)

    def undo(self, run: StepRun) -> str:
        """Nothing has left this machine: the next attempt starts from the tree before."""
        del run
        return "nothing to undo"


def pinned(run: StepRun) -> dict[str, str]:
    """The digests of the tools that the step pins; raises `Tampered` for another program of that name."""
    seen = {}
    path = environment(run)["PATH"]
    for entry in option_texts(run, "tools"):
        name, _, wanted = entry.partition("=")
        where = shutil.which(name, path=path)
        if not wanted.startswith(_PREFIX) or where is None:
            raise Problem(
                "bad-tool", f"{entry!r}" if where else f"there is no program {name!r}", "NAME=sha256:HEX",
                place=run.step.id,
            )  # fmt: skip
        with Path(where).resolve().open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if f"{_PREFIX}{digest}" != wanted.lower():
            raise Tampered(
                "other-tool", f"{name} is {_PREFIX}{digest}", wanted, place=where,
                next_step="Find out who changed it; pin the new digest if it is an update that you wanted.",
            )  # fmt: skip
        seen[name] = wanted.lower()
    if seen and run.step.run[0] not in seen:
        raise Problem(
            "not-pinned", f"{run.step.run[0]!r} is not among tools", "every program pinned", place=run.step.id
        )
    return seen


def _run(run: StepRun, copy: Copy) -> Ran:
    network = run.pipeline.environment(run.step.env).network != "none"
    path = environment(run)["PATH"]
    if network and shutil.which(run.step.run[0], path=path) is None and not (copy.folder / run.step.run[0]).is_file():
        raise Problem(
            "no-program", f"there is no program {run.step.run[0]!r}", "a program of the system", place=run.step.id
        )
    return shut_in(run, copy, run.step.run, python=Path(sys.executable), network=network, path=network)


def _made(run: StepRun, copy: Copy) -> Mapping[str, Things]:
    """The files that the step hands over, in the store."""
    files = [name for name in run.step.outputs if run.pipeline.artifact(name).type == "files"]
    if not files:
        return {}
    patterns = option_paths(run, "produces", ("dist/*",))
    # A folder on the way may be a link that the program has laid: what lies behind it is not what it made.
    paths = {copy.file(str(path.relative_to(copy.folder))) for pattern in patterns
             for path in copy.folder.glob(pattern) if path.is_file() and not path.is_symlink()}  # fmt: skip
    return declared(run, sorted(paths))
