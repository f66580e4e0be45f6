"""Checks of the branch: who can push to it, where it is, and what the release's commit changes."""

from __future__ import annotations

from customhouse.release.actions import Look, Outcome, StepRun
from customhouse.release.git.brought import with_release
from customhouse.release.git.commit_and_tag import declared_paths, matches
from customhouse.release.git.forges.choose import forge_of
from customhouse.release.git.names import short
from customhouse.release.git.released import branch, frozen, released, repository, upstream_at
from customhouse.release.git.remotes import fork, upstream, where

_MOST_NAMED = 5


class BranchLocked:
    """`branch-locked`: nobody but the release can push to the branch. The forge itself is asked."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Before the freeze itself there is nothing to see yet."""
        place = upstream(run)
        expected = f"{short(branch(run))} locked by run {run.run}"
        if run.step.uses == "git.freeze" and outcome is None:
            return Look("branch-locked", True, expected, "not yet", place.name)
        said = forge_of(run, place).protection(branch(run))
        return Look("branch-locked", said.locked and said.by in ("", run.run), expected, said.how, place.name)


class SameCommit:
    """`same-commit`: the fork's branch is at the frozen commit."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Ask the fork."""
        place = fork(run)
        oid, _ = where(place.refs(branch(run)), branch(run))
        wanted = _made(outcome) or frozen(run)
        return Look("same-commit", oid == wanted, wanted, oid or "no such branch", place.name)


class CleanWorktree:
    """`clean-worktree`: nothing is changed that is not committed."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare every file of the work tree with the commit."""
        del outcome
        clone = repository(run)
        changes = clone.changed(clone.ref(branch(run)))
        saw = ", ".join(f"{change.how} {change.path}" for change in changes[:_MOST_NAMED]) or "clean"
        return Look("clean-worktree", not changes, "no change", saw, str(clone.path))


class ParentIsFrozen:
    """`parent-is-frozen`: the release's commit follows the frozen one, and no other."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Ask the clone, of which the commit's id vouches for its parents."""
        commit = _commit(run, outcome)
        parents = repository(run).parents(commit)
        return Look("parent-is-frozen", parents == (frozen(run),), frozen(run), " ".join(parents) or "none", commit)


class PathsAllowed:
    """`paths-allowed`: the release's commit touches only the declared paths (xz-utils 5.6.0, 2024)."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Compare the two trees."""
        commit, declared = _commit(run, outcome), declared_paths(run)
        changes = repository(run).differences(frozen(run), commit)
        others = [f"{change.how} {change.path}" for change in changes if not matches(change.path, declared)]
        saw = ", ".join(others[:_MOST_NAMED]) or ", ".join(change.path for change in changes[:_MOST_NAMED])
        return Look("paths-allowed", bool(changes) and not others, ", ".join(declared), saw or "no change", commit)


class FastForward:
    """`fast-forward`: upstream's branch is at the frozen commit, or already at the release's, which follows it."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Ask upstream."""
        place = upstream(run)
        oid, _ = where(place.refs(branch(run)), branch(run))
        commit, _tag = released(run)
        forward = with_release(run).descends(commit, upstream_at(run))
        wanted = commit if outcome is not None and run.step.uses == "git.push_last" else upstream_at(run)
        return Look("fast-forward", forward and oid in (wanted, commit), wanted, oid or "no such branch", place.name)


def _commit(run: StepRun, outcome: Outcome | None) -> str:
    """The commit that this step has just made, or the one that the journal names."""
    return _made(outcome) or released(run)[0]


def _made(outcome: Outcome | None) -> str:
    for things in outcome.outputs.values() if outcome is not None else ():
        for thing in things:
            if thing.algorithm == "gitCommit":
                return thing.digest
    return ""
