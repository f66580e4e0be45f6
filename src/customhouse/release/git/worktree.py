"""The work tree between steps: each that writes into it starts from what the one before left, and says what it left.

What a step left is a tree object, named in the journal. So a step that was killed half way, or is tried again, starts
from the same files; and whatever else has been written meanwhile is gone.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from customhouse.release.actions import Problem, StepRun
from customhouse.release.git.released import branch, frozen, repository

TREE, WROTE = "worktree", "wrote"
"""Facts: the tree that a step left, and the paths that it wrote, a JSON list."""
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def base(run: StepRun) -> str:
    """The tree, or the commit, from which this step starts: what the last finished step left."""
    left = [
        (state.ended_at or _EARLIEST, state.facts[TREE])
        for name, state in run.state.steps.items()
        if name != run.step.id and state.status == "done" and TREE in state.facts
    ]
    return max(left)[1] if left else frozen(run)


def settle(run: StepRun) -> str:
    """Make the work tree what it was after the last finished step, and return that tree; raises `Problem`."""
    clone = repository(run)
    found = base(run)
    if not clone.has(found, "tree") and not clone.has(found):
        raise Problem(
            "tree-gone", f"the clone no longer holds what the step before left ({found})", "the same clone",
            place=str(clone.path), next_step="Restart from git.sync.",
        )  # fmt: skip
    if changes := clone.changed(found):
        run.tell(f"{len(changes)} files were not as the step before left them ({changes[0].path}): put back.")
        clone.put_tree_down(found)
    if clone.ref(branch(run)) != frozen(run):
        clone.set_ref(branch(run), frozen(run))
    return found


def keep(run: StepRun, tree: str) -> None:
    """Put a tree down as the work tree, and note in the clone that this attempt came so far."""
    clone = repository(run)
    clone.put_tree_down(tree)
    clone.set_ref(_ref(run), tree)


def kept(run: StepRun) -> str:
    """What `keep` noted in this very attempt, "" if it did not come so far, or the work tree is no longer that."""
    clone = repository(run)
    if not clone.there:
        return ""
    tree = clone.ref(_ref(run))
    return tree if tree and not clone.changed(tree) else ""


def written(run: StepRun) -> tuple[str, ...]:
    """The paths that steps for changelog and version have written in this run, as they said themselves."""
    said = [state.facts[WROTE] for state in run.state.steps.values() if state.status == "done" and WROTE in state.facts]
    return tuple(sorted({str(path) for paths in said for path in json.loads(paths)}))


def _ref(run: StepRun) -> str:
    return f"refs/customhouse/steps/{run.step.id}/{run.attempt}"
