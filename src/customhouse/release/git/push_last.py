"""Push branch and tag upstream, last, both at once or none of them: the branch only forward, the tag only once."""

from __future__ import annotations

from customhouse.release.actions import Outcome, Problem, StepRun, Tampered
from customhouse.release.events import TagSeen
from customhouse.release.git.brought import with_release
from customhouse.release.git.freeze import LOG
from customhouse.release.git.names import short
from customhouse.release.git.pushing import compare, push_all
from customhouse.release.git.released import branch, outputs, released, tag, upstream_at
from customhouse.release.git.remotes import Remote, Update, upstream, where


class PushLast:
    """`git.push_last`."""

    def do(self, run: StepRun) -> Outcome:
        """Move upstream's branch forward to the release's commit and make the tag there, both at once.

        Twice is harmless: each ref is moved from where it was seen, or not at all.
        """
        place = upstream(run)
        commit, tagged = released(run)
        self._refuse_early(run)
        seen = place.refs(branch(run), tag(run))
        was_branch, _ = where(seen, branch(run))
        was_tag, _ = where(seen, tag(run))
        if was_branch not in (upstream_at(run), commit):
            raise Tampered(
                "branch-moved", f"{short(branch(run))} is at {was_branch or 'nothing'}", upstream_at(run),
                place=place.name,
                next_step="Somebody pushed to the frozen branch. Nothing was pushed; decide what is to become of it.",
            )  # fmt: skip
        if was_tag not in ("", tagged):
            raise Tampered(
                "foreign-tag", f"{short(tag(run))} is there already, at {was_tag}", "no tag before this push",
                place=place.name, next_step="Find out who pushed it, and delete it there.",
            )  # fmt: skip
        if not with_release(run).descends(commit, upstream_at(run)):
            raise Tampered("not-forward", commit, f"a commit that follows {upstream_at(run)}", place=place.name)
        updates = [Update(branch(run), commit, was_branch), Update(tag(run), tagged, was_tag)]
        run.held()
        push_all(run, place, [one for one in updates if one.new != one.lease])
        return self._found(run, place)

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether upstream has branch and tag."""
        place = upstream(run)
        commit, tagged = released(run)
        seen = place.refs(branch(run), tag(run))
        if where(seen, branch(run))[0] != commit or where(seen, tag(run)) != (tagged, commit):
            return None
        return self._found(run, place)

    def undo(self, run: StepRun) -> str:
        """What strangers have fetched is not taken back."""
        del run
        return "nothing to undo"

    @staticmethod
    def _refuse_early(run: StepRun) -> None:
        if any(step.uses == "index.publish" for step in run.pipeline.steps) and run.state.published_at is None:
            raise Problem(
                "not-published", "the release is not published yet", "the tag upstream comes last", place=run.step.id,
                next_step="Put this step after index.publish.",
            )  # fmt: skip

    @staticmethod
    def _found(run: StepRun, place: Remote) -> Outcome:
        commit, tagged = released(run)
        cursor = compare(run, place, commit, tagged)
        events = (TagSeen(place.name, branch(run), commit, commit), TagSeen(place.name, tag(run), tagged, commit))
        facts = {"remote": place.url, "commit": commit, "tag": tagged, LOG: cursor}
        made = outputs(run, git_commit=(short(branch(run)), commit), git_tag=(short(tag(run)), tagged))
        return Outcome(made, facts, events=events)
