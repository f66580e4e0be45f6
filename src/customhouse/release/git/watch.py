"""Watch the refs that must not move: on every remote, every few seconds, and by the forge's log of what was between.

What is expected stands in the journal (`TagSeen`). A ref that is elsewhere has moved. Where the forge keeps a log, each
move in it counts, so that a tag which was moved and put back between two looks is seen all the same; where it keeps
none, only a look at the right moment sees that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from customhouse.formats.pipeline.model import Pipeline
from customhouse.release.actions import Problem
from customhouse.release.children import Children
from customhouse.release.events import Event, Noted, TagMoved
from customhouse.release.git.forges.choose import forge_to_read
from customhouse.release.git.forges.forge import Log, RefChange
from customhouse.release.git.freeze import LOG
from customhouse.release.git.remotes import Remote, remote, where
from customhouse.release.state import State

SECONDS, CONFIRM_SECONDS = 5.0, 2.0
PUSHING = ("git.push", "git.push_last", "git.sync", "git.freeze", "git.unfreeze")
POLL, REFLOG = "poll", "reflog"


@dataclass(frozen=True)
class Watching:
    """What is needed to look. ``state`` gives the run as its journal is now."""

    state: Callable[[], State]
    children: Children
    secrets: Callable[[str], str]
    folder: Path
    """A folder of this machine, kept through the run: logs that were fetched lie there."""
    acting: str = ""
    """The step that looks, if one does: what it pushed itself is no move."""

    @property
    def pipeline(self) -> Pipeline:
        """With every parameter filled in."""
        return self.state().pipeline

    @property
    def places(self) -> Mapping[str, Mapping[str, str]]:
        """By environment."""
        return self.state().places


@dataclass
class Watcher:
    """Looks at every remote that the journal speaks of. One for each run; `watch_once` may be called at any time."""

    watching: Watching
    cursors: dict[str, str] = field(default_factory=dict)
    """By remote: up to where its log has been read."""
    _told: set[tuple[str, str, str]] = field(default_factory=set)

    def watch_once(self, *, strict: bool = False) -> list[Event]:
        """Look once. `TagMoved` for each ref that moved, `Noted` for pushes that were refused.

        What the release itself does now is no move: the journal is read once more after the look. A remote that does
        not answer is noted, once; ``strict`` raises its `Problem`.
        """
        state = self.watching.state()
        if state.status in ("aborting", "released", "abandoned"):
            return []
        events: list[Event] = []
        for name in dict.fromkeys(name for name, _ref in state.refs):
            try:
                events += self._look(name, state)
            except Problem as problem:
                if strict:
                    raise
                if self._is_new(name, "", str(problem)):
                    events.append(Noted(f"The watcher could not look at {name}: {problem}"))
        return events

    def run(
        self, stop: threading.Event, tell: Callable[[list[Event]], None], *, seconds: float = SECONDS,
        confirm: float = CONFIRM_SECONDS,
    ) -> None:  # fmt: skip
        """Look every few seconds until ``stop``: the body of a thread. A remote that is away is looked at next time.

        What looks moved is compared once more after ``confirm`` seconds: another machine may have pushed it for the
        release, and its line of the journal may be on its way to us.
        """
        while not stop.wait(seconds):
            seen = self.watch_once()
            if any(isinstance(event, TagMoved) for event in seen):
                stop.wait(confirm)
                seen = [event for event in seen if not self._is_ours(event)]
            if seen:
                tell(seen)

    def _is_ours(self, event: Event) -> bool:
        state = self.watching.state()
        if not isinstance(event, TagMoved) or (event.remote, event.ref) not in state.refs:
            return False
        by_commit = state.places.get(event.remote, {}).get("adapter") != "hook"
        ours = event.now in self._allowed(state, event.remote, event.ref, as_commit=by_commit)
        if ours:
            self._told.discard((event.remote, event.ref, event.now))
        return ours

    def _look(self, name: str, state: State) -> list[Event]:
        place = remote(self.watching, name)
        refs = sorted(ref for other, ref in state.refs if other == name)
        # The log first: whatever moves a ref after it is seen by the look at the refs, or next time.
        log = self._log(place, refs, state)
        seen = place.refs(*refs)
        # What the release did meanwhile stands in the journal now; what stood there before may have been seen still.
        then, state = state, self.watching.state()
        events: list[Event] = []
        if log is not None and log.rewritten:
            events.append(TagMoved(name, "the log of refs", self.cursors.get(name, ""), log.cursor, REFLOG))
        for change in log.changes if log is not None else ():
            by_commit = place.place.get("adapter") != "hook"
            allowed = {
                oid for one in (then, state) for oid in self._allowed(one, name, change.ref, as_commit=by_commit)
            }
            events += self._of_change(name, change, allowed, state)
        moved = {event.ref for event in events if isinstance(event, TagMoved)}
        for ref in refs:
            oid, _commit = where(seen, ref)
            allowed = self._allowed(then, name, ref) | self._allowed(state, name, ref)
            if ref not in moved and oid not in allowed and self._is_new(name, ref, oid):
                events.append(TagMoved(name, ref, state.refs.get((name, ref), ""), oid, POLL))
        if log is not None:
            self.cursors[name] = log.cursor
        return events

    def _log(self, place: Remote, refs: list[str], state: State) -> Log | None:
        forge = forge_to_read(self.watching, place, self.watching.folder / "watch", _no_key)
        if forge is None:
            return None
        cursor = self.cursors.get(place.name) or _noted_cursor(state, place.name)
        return forge.log(refs, cursor)

    def _of_change(self, name: str, change: RefChange, allowed: set[str], state: State) -> list[Event]:
        if change.refused:
            who = change.who or "Somebody"
            return [Noted(f"{who} tried to move {change.ref} on {name} to {change.new or 'nothing'}: refused.")]
        if change.new in allowed:
            return []
        was = state.refs.get((name, change.ref), "")
        return [
            TagMoved(name, change.ref, was, change.new, f"{REFLOG} ({change.who or 'unknown'}, {change.at:%H:%M:%S})")
        ]

    def _allowed(self, state: State, name: str, ref: str, *, as_commit: bool = False) -> set[str]:
        """Where the ref may be: where the journal says, and where a step that pushes there now may bring it.

        ``as_commit``: the forge's log names a tag's commit in the place of its object.
        """
        things = [thing for made in state.artifacts.values() for thing in made]
        made = {kind: {thing.digest for thing in things if thing.algorithm == kind} for kind in ("gitCommit", "gitTag")}
        allowed = {state.refs.get((name, ref), "")}
        for step in state.pipeline.steps:
            acts = step.id == self.watching.acting or state.steps[step.id].status in ("running", "failed")
            if step.uses in PUSHING and step.env == name and acts:
                allowed |= made["gitTag"] if ref.startswith("refs/tags/") else made["gitCommit"]
        return allowed | made["gitCommit"] if as_commit and allowed & made["gitTag"] else allowed

    def _is_new(self, *what: str) -> bool:
        name, ref, saw = what
        if (name, ref, saw) in self._told:
            return False
        self._told.add((name, ref, saw))
        return True


def watch_once(watching: Watching) -> list[Event]:
    """Look once, with the logs read from where the journal says; raises `Problem` if a remote does not answer."""
    return Watcher(watching).watch_once(strict=True)


def _noted_cursor(state: State, name: str) -> str:
    """Up to where the last step that wrote there had read the log."""
    here = [step for step in state.steps.values() if state.pipeline.step(step.id).env == name]
    noted = [(step.ended_at, step.facts[LOG]) for step in here if step.ended_at is not None and step.facts.get(LOG)]
    return max(noted)[1] if noted else ""


def _no_key() -> str:
    raise Problem("no-key", "a watcher has no key to a lock", place="watch")
