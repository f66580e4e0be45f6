"""Bring the fork to the frozen commit, or to upstream's newest where nothing is frozen, and make the run's clone.

The fork's branch is only ever moved forward. If it holds commits that the frozen one does not follow, somebody put them
there: they are not overwritten but named. The one exception is what the journal says that this run pushed itself.
"""

from __future__ import annotations

from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.events import TagSeen
from customhouse.release.git.names import short
from customhouse.release.git.pushing import push_all
from customhouse.release.git.released import FREEZE, UPSTREAM_AT, branch, frozen, outputs, repository, step_using
from customhouse.release.git.remotes import FORK, UPSTREAM, Remote, Update, fork, upstream, where
from customhouse.release.git.repository import Repository


class Sync:
    """`git.sync`."""

    def do(self, run: StepRun) -> Outcome:
        """Clone, move the fork's branch forward, and put the commit into the work tree."""
        clone, source, target = repository(run), upstream(run), fork(run)
        ref = branch(run)
        clone.make(source.head())
        for name, one in ((UPSTREAM, source), (FORK, target)):
            clone.ask("config", "--file", str(clone.dot_git / "config"), f"remote.{name}.url", one.url)
        source.fetch(clone.path, f"+{ref}:{_tracking(UPSTREAM, ref)}")
        there, _ = where(target.refs(ref), ref)
        if there and not clone.has(there):
            target.fetch(clone.path, f"+{ref}:{_tracking(FORK, ref)}")
        commit = self._start(run, clone, source, there)
        self._forward(run, clone, target, commit, there)
        clone.put_down(commit, ref)
        return self._found(run, clone, commit)

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether the fork is there, and the clone is at the same commit, unchanged."""
        clone, ref = repository(run), branch(run)
        if not clone.there or not (commit := clone.ref(ref)) or clone.changed(commit):
            return None
        source = clone.ref(_tracking(UPSTREAM, ref))
        wanted = _frozen(run) or (commit if _embargoed(run) and clone.descends(commit, source) else source)
        oid, _ = where(fork(run).refs(ref), ref)
        return self._found(run, clone, commit) if oid == commit == wanted else None

    def undo(self, run: StepRun) -> str:
        """A branch that was moved forward stays: nobody is hurt by commits that upstream has."""
        del run
        return "nothing to undo"

    @staticmethod
    def _start(run: StepRun, clone: Repository, source: Remote, there: str) -> str:
        """The frozen commit; upstream's newest where nothing is frozen; the fix in the fork while it is embargoed."""
        newest = clone.ref(_tracking(UPSTREAM, branch(run)))
        commit = _frozen(run)
        if not commit:
            return there if _embargoed(run) and there and clone.descends(there, newest) else newest
        if not clone.has(commit):
            raise Problem(
                "commit-gone", f"{short(branch(run))} no longer holds the frozen commit {commit}", commit,
                place=source.name,
                next_step="Somebody has rewritten the branch in spite of the lock. Stop and look.",
            )  # fmt: skip
        return commit

    @staticmethod
    def _forward(run: StepRun, clone: Repository, target: Remote, commit: str, there: str) -> None:
        ref = branch(run)
        if there == commit:
            return
        if there and not clone.descends(commit, there) and there not in _ours(run, target, ref):
            unknown = clone.ask("rev-list", "--count", there, f"^{commit}")
            raise Problem(
                "unknown-commits", f"{short(ref)} is at {there}, with {unknown} commits that {commit} lacks",
                f"{commit}, or commits before it", place=target.name,
                next_step="Look at them: move them to another branch of the fork, or delete them, by hand.",
            )  # fmt: skip
        push_all(run, target, [Update(ref, commit, there)])

    @staticmethod
    def _found(run: StepRun, clone: Repository, commit: str) -> Outcome:
        ref = branch(run)
        target = fork(run)
        facts = {
            "remote": target.url,
            "commit": commit,
            UPSTREAM_AT: clone.ref(_tracking(UPSTREAM, ref)),
            "upstream": upstream(run).url,
        }
        made = outputs(run, git_commit=(short(ref), commit))
        return Outcome(made, facts, events=(TagSeen(target.name, ref, commit, commit),))


def _frozen(run: StepRun) -> str:
    """The frozen commit, "" where the pipeline freezes nothing."""
    return frozen(run) if step_using(run, FREEZE) is not None else ""


def _embargoed(run: StepRun) -> bool:
    """Whether the fork may be ahead: it is private, and holds the fix that nobody has seen yet."""
    return run.pipeline.embargoed


def _tracking(name: str, ref: str) -> str:
    return f"refs/remotes/{name}/{short(ref)}"


def _ours(run: StepRun, target: Remote, ref: str) -> set[str]:
    """Commits that an attempt of this run has pushed there."""
    over = [step.owed for step in run.state.steps.values() if step.owed is not None]
    made = {
        thing.digest for step in over for things in (*step.inputs.values(), *step.outputs.values()) for thing in things
    }
    return made | {run.state.refs.get((target.name, ref), "")}
