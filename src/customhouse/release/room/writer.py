"""Writing lines of one run in an open transaction: sealed by the run's own key, judged by `rules`, told to the ledger.

Whoever speaks, a line is written only here. A line that the rules refuse is not written, and takes what came with it
along.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from customhouse.ledger.events import Event as LedgerEvent
from customhouse.ledger.tx import Tx
from customhouse.release import events as happened
from customhouse.release.events import Event
from customhouse.release.journal import Head
from customhouse.release.machine_key import MachineKey
from customhouse.release.room.journal import append_lines
from customhouse.release.room.ledger_events import (
    RunAsks,
    RunDecided,
    RunFinished,
    RunJoined,
    RunOpened,
    RunPublished,
    RunStopped,
)
from customhouse.release.room.runs import Run
from customhouse.release.room.tables import release_run
from customhouse.release.rules import apply, begin
from customhouse.release.sealed import ENGINE, Said, Sealed
from customhouse.release.sealing import head_of, seal
from customhouse.release.state import State
from customhouse.terms.identity import SYSTEM, Identity

BUNDLE_JOB = "bundle-release"
"""Made afterwards, so that nobody waits for it."""
LONGEST_TOLD = 300
"""Of a text in the ledger that comes from a run."""


@dataclass
class Writer:
    """The end of one run's journal, while its row is locked. `finish` writes what was said, all of it or nothing."""

    tx: Tx
    run: Run
    key: MachineKey
    state: State | None
    """None before the first line."""
    at: datetime | None = None
    """Of the last line there is."""
    who: Identity = SYSTEM
    """Whom the ledger names for what is said by actors."""
    lines: list[Sealed] = field(default_factory=list)

    @property
    def head(self) -> Head:
        """The end, with what was said here."""
        return head_of(self.lines[-1]) if self.lines else self.run.head

    @property
    def now_state(self) -> State:
        """The state, once there is a first line."""
        if self.state is None:
            raise LookupError(self.run.id)
        return self.state

    def say(self, event: Event, *, by: str = ENGINE, said: Said | None = None) -> State:
        """Add a line; raises `Refused` if this may not happen now. No line is earlier than the one before it."""
        at = max(self.tx.now(), self.at) if self.at is not None else self.tx.now()
        line = seal(event, run=self.run.id, head=self.head, at=at, by=by, key=self.key, said=said)
        before = self.state
        self.state = apply(before, line) if before is not None else begin(line)
        self.at = at
        self.lines.append(line)
        self._tell(event, by)
        if self.state.status == "stopped" and (before is None or before.status != "stopped"):
            self._tell_stop(self.state)
        return self.state

    def finish(self, wake_at: datetime | None) -> State:
        """Write the lines, and what lists are told of the run."""
        state = self.now_state
        append_lines(self.tx.sql, self.run.id, self.lines, self.run.head)
        self.tx.sql.execute(
            release_run.update()
            .where(release_run.c.id == self.run.id)
            .values(
                status=state.status, published_at=state.published_at, finished_at=state.finished_at, wake_at=wake_at
            )
        )
        return state

    def _tell(self, event: Event, by: str) -> None:
        """What of a line the ledger notes."""
        who = SYSTEM if by == ENGINE else self.who
        project, run, version = self.run.told_of, self.run.id, self.run.version
        told: LedgerEvent
        match event:
            case happened.Created():
                told = RunOpened(
                    self.who, project, run=run, version=version, pipeline=event.pipeline_sha256,
                    pipeline_version=event.pipeline_version, rehearsal=event.rehearsal,
                )  # fmt: skip
            case happened.Joined():
                told = RunJoined(
                    who, project, run=run, version=version, actor_name=event.actor,
                    identity=event.identity[:LONGEST_TOLD], machine_key=event.machine_key,
                )  # fmt: skip
            case happened.Asked():
                told = RunAsks(
                    who, project, run=run, version=version, step=event.step, ask=event.ask[:LONGEST_TOLD],
                    quorum=event.quorum,
                )  # fmt: skip
            case happened.Confirmed() | happened.Resumed() | happened.Aborting():
                told = RunDecided(
                    self.who, project, run=run, version=version, decision=event.kind, step="", question=""
                )
            case happened.Restarted() if event.person:
                told = RunDecided(
                    self.who, project, run=run, version=version, decision=event.kind, step=event.step, question=""
                )
            case happened.Approved() | happened.DeclinedGate():
                told = RunDecided(
                    self.who, project, run=run, version=version, decision=event.kind, step=event.step,
                    question=event.question,
                )  # fmt: skip
            case happened.Published():
                told = RunPublished(who, project, run=run, version=version, address=event.address[:LONGEST_TOLD])
            case happened.Finished():
                told = RunFinished(who, project, run=run, version=version, outcome=event.outcome)
            case _:
                return
        self.tx.record(told)
        if isinstance(event, happened.Finished) and event.outcome == "released":
            self.tx.later(BUNDLE_JOB, {"run": run}, key=f"{BUNDLE_JOB}:{run}")

    def _tell_stop(self, state: State) -> None:
        stop = state.stop
        if stop is None:
            return
        self.tx.record(
            RunStopped(
                self.who if stop.by != ENGINE else SYSTEM, self.run.told_of, run=self.run.id, version=self.run.version,
                code=stop.code[:80], saw=stop.saw[:LONGEST_TOLD], expected=stop.expected[:LONGEST_TOLD],
                step=stop.step, place=stop.place[:LONGEST_TOLD],
            )
        )  # fmt: skip
