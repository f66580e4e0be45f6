"""Checks of the tag: where it is on each remote, and whether it ever was elsewhere (tj-actions/changed-files, 2025)."""

from __future__ import annotations

from customhouse.release.actions import Look, Outcome, StepRun
from customhouse.release.events import TagMoved
from customhouse.release.git.released import released, tag
from customhouse.release.git.remotes import both, where
from customhouse.release.git.watch import Watching, watch_once


class TagAtCommit:
    """`tag-at-commit`: on each remote that has the tag, it is the release's own object, on the release's commit."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Ask every remote; at least one must have it."""
        del outcome
        commit, tagged = released(run)
        expected = f"{tagged} on {commit}"
        seen = {place.name: where(place.refs(tag(run)), tag(run)) for place in both(run)}
        for name, found in seen.items():
            if found not in (("", ""), (tagged, commit)):
                return Look("tag-at-commit", False, expected, " on ".join(found), name)
        having = [name for name, found in seen.items() if found[0]]
        saw = f"{expected} ({', '.join(having)})" if having else "no remote has it"
        return Look("tag-at-commit", bool(having), expected, saw, ", ".join(seen))


class TagUnmoved:
    """`tag-unmoved`: no watched ref has moved, not even there and back, as far as the forges' logs reach."""

    def look(self, run: StepRun, outcome: Outcome | None) -> Look:
        """Look at every watched ref, and read each log from where the journal left it."""
        del outcome
        folder = run.repository.with_name(f"{run.repository.name}.scratch")
        events = watch_once(Watching(lambda: run.state, run.children, run.secrets, folder, run.step.id))
        moved = [event for event in events if isinstance(event, TagMoved)]
        for event in moved:
            saw = f"{event.ref} was at {event.now or 'nothing'}, seen by {event.seen_by}"
            return Look("tag-unmoved", False, event.was or "nothing", saw, event.remote)
        return Look("tag-unmoved", True, "no watched ref has moved", "no watched ref has moved", ", ".join(
            dict.fromkeys(name for name, _ref in run.state.refs)))  # fmt: skip
