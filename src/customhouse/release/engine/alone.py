"""A run alone on one machine: its conductor, and its people at the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from customhouse.release.actions import Problem
from customhouse.release.children import Children
from customhouse.release.engine.anchor import anchored_by
from customhouse.release.engine.conduct import Conductor
from customhouse.release.engine.folder import RunFolder
from customhouse.release.engine.perform import Words
from customhouse.release.engine.person import Person
from customhouse.release.engine.secrets import Secrets
from customhouse.release.events import Event, Noted
from customhouse.release.state import State
from customhouse.terms.clock import Clock, SystemClock
from customhouse.terms.errors import Refused

SIGSTORE = "sigstore"
_TRIES = 20


@dataclass
class Alone:
    """What a local run needs of its surroundings."""

    run: RunFolder
    tell: Callable[[str], None] = lambda _text: None
    clock: Clock = field(default_factory=SystemClock)
    words: Words = field(default_factory=Words)
    secrets: Callable[[str], str] = field(default_factory=Secrets)
    answer: Callable[[Conductor], bool] | None = None
    changed: Callable[[State], None] = lambda _state: None

    def conduct(self, *, wait: bool = False) -> State:
        """Go on with the run until it has ended, stands still or waits for people.

        Raises `Refused` if another process conducts it. At the end of a run a note tells how much time was its own.
        """
        with self.run.conducting():
            conductor = self.conductor(wait=wait)
            began = time.monotonic()
            state = conductor.conduct(until=_is_over)
            if not _is_over(state):
                return state
            self._note_share(conductor, began)
            return conductor.conduct()

    def conductor(self, *, wait: bool = False) -> Conductor:
        """A conductor of this run."""
        conductor = Conductor(
            journal=self.run.journal, store=self.run.store, key=self.run.key, work=self.run.work, clock=self.clock,
            children=Children(), tell=self.tell, secrets=self.secrets, words=self.words, answer=self.answer,
            wait=wait, changed=self.changed,
        )  # fmt: skip
        self._seal(conductor, conductor.catch_up())
        return conductor

    def _seal(self, conductor: Conductor, state: State) -> None:
        """Sign and log what happens, at the place ``sigstore``; ``attest = "false"`` there leaves it out."""
        place = state.places.get(SIGSTORE)
        if place is None or place.get("attest") == "false":
            return
        from customhouse.release.evidence.attest import attested_by, sealers  # noqa: PLC0415 - slow to import
        from customhouse.release.signing.trust_config import read_trust  # noqa: PLC0415 - as above

        try:
            sealer, shown = sealers(read_trust(place).config, lambda: self.secrets("sigstore-token"), state)
        except Problem as problem:
            self.tell(f"Nothing is signed or logged on the way: {problem}")
            return
        conductor.anchor = anchored_by(sealer)
        conductor.attest = attested_by(sealer, conductor.store, shown=shown)

    def _note_share(self, conductor: Conductor, began: float) -> None:
        """How much of the time the engine itself took: what no program of a step covers."""
        wall, covered = time.monotonic() - began, conductor.children.covered_seconds
        conductor.say([Noted(share_words(wall, covered))])


def share_words(wall: float, covered: float) -> str:
    """The note that ends a run."""
    own = max(0.0, wall - covered)
    return f"This process took {wall:.3f} s; programs of steps ran {covered:.3f} s of it; own share {own:.3f} s."


def speak(run: RunFolder, person: Person, events: Callable[[State], Sequence[Event]], clock: Clock) -> State:
    """Let a person say something in a local run; he joins first, if he has not. Raises `Refused` as the rules do.

    ``events`` is asked again when somebody else has written in between.
    """
    conductor = Conductor(journal=run.journal, store=run.store, key=run.key, work=run.work, clock=clock)
    for _ in range(_TRIES):
        try:
            state = conductor.catch_up()
            if not person.has_joined(state):
                joined = person.join()
                conductor.say([joined], by=person.actor.id, said=person.said(joined, state.run))
            for event in events(conductor.state):
                conductor.say([event], by=person.actor.id, said=person.said(event, state.run))
        except Refused as refusal:
            if refusal.code != "journal-moved":
                raise
        else:
            return conductor.state
    raise Refused("busy", "Others write to this run all the time.", "Try again.", status=409)


def _is_over(state: State) -> bool:
    """Whether only the last line is missing."""
    done = all(one.status in ("done", "skipped") for one in state.steps.values())
    return state.status == "open" and done and all(one.owed is None for one in state.steps.values())
