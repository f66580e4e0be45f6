"""Push the release's commit and tag to the fork, and nowhere else."""

from __future__ import annotations

from customhouse.release.actions import Outcome, Problem, StepRun, Tampered
from customhouse.release.events import TagSeen
from customhouse.release.git.brought import with_release
from customhouse.release.git.freeze import LOG
from customhouse.release.git.names import short
from customhouse.release.git.pushing import compare, push_all
from customhouse.release.git.released import branch, frozen, outputs, released, tag
from customhouse.release.git.remotes import Remote, Update, fork, upstream, where


class Push:
    """`git.push`."""

    def do(self, run: StepRun) -> Outcome:
        """Push branch and tag to the fork; what an earlier attempt of this run pushed there is replaced."""
        place, others = fork(run), [upstream(run)]
        if any(one.url == place.url for one in others):
            raise Problem("no-fork", "the fork is upstream itself", "a repository of its own", place=place.name)
        commit, tagged = released(run)
        seen = place.refs(branch(run), tag(run))
        was_branch, _ = where(seen, branch(run))
        was_tag, _ = where(seen, tag(run))
        ours = run.state.refs
        if was_branch not in (frozen(run), commit, ours.get((place.name, branch(run)))):
            raise Problem(
                "unknown-commits", f"{short(branch(run))} is at {was_branch or 'nothing'}", frozen(run),
                place=place.name, next_step="Somebody pushed to the fork. Look, then restart from git.sync.",
            )  # fmt: skip
        if was_tag not in ("", tagged, ours.get((place.name, tag(run)))):
            raise Tampered(
                "foreign-tag", f"{short(tag(run))} is there already, at {was_tag}", "no tag that this run did not push",
                place=place.name, next_step="Find out who pushed it, and delete it there.",
            )  # fmt: skip
        updates = [Update(branch(run), commit, was_branch), Update(tag(run), tagged, was_tag)]
        push_all(run, place, [one for one in updates if one.new != one.lease])
        return self._found(run, place)

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether the fork has this very commit and this very tag object."""
        place = fork(run)
        commit, tagged = released(run)
        seen = place.refs(branch(run), tag(run))
        if where(seen, branch(run)) != (commit, commit) or where(seen, tag(run)) != (tagged, commit):
            return None
        return self._found(run, place)

    def undo(self, run: StepRun) -> str:
        """Delete the tag that this run pushed, and put the fork's branch back to the commit before."""
        place = fork(run)
        commit, tagged = released(run)
        seen = place.refs(branch(run), tag(run))
        updates = []
        if where(seen, tag(run))[0] == tagged:
            updates.append(Update(tag(run), "", tagged))
        if where(seen, branch(run))[0] == commit:
            [before] = with_release(run).parents(commit)
            updates.append(Update(branch(run), before, commit))
        if not updates:
            return "nothing to undo"
        push_all(run, place, updates)
        return "undone"

    @staticmethod
    def _found(run: StepRun, place: Remote) -> Outcome:
        commit, tagged = released(run)
        cursor = compare(run, place, commit, tagged)
        events = [TagSeen(place.name, branch(run), commit, commit), TagSeen(place.name, tag(run), tagged, commit)]
        above = upstream(run)
        if (above.name, tag(run)) not in run.state.refs:
            oid, pointed = where(above.refs(tag(run)), tag(run))
            if oid:
                raise Tampered(
                    "early-tag", f"{short(tag(run))} is there already, at {oid}", "no tag upstream before publication",
                    place=above.name, next_step="Find out who pushed it, and delete it there.",
                )  # fmt: skip
            events.append(TagSeen(above.name, tag(run), oid, pointed))
        facts = {"remote": place.url, "commit": commit, "tag": tagged, LOG: cursor}
        made = outputs(run, git_commit=(short(branch(run)), commit), git_tag=(short(tag(run)), tagged))
        return Outcome(made, facts, events=tuple(events))
