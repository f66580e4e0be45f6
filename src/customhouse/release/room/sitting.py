"""One transaction on one run: its row locked, its state as of now, and the writer for what is said in it."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.server_key import ServerKey
from customhouse.formats.pipeline.model import Pipeline
from customhouse.ledger.tx import Tx
from customhouse.release.room.conduct import conduct
from customhouse.release.room.gates import stop_if_approvers_left
from customhouse.release.room.keys import engine_key
from customhouse.release.room.runs import Run, find_run
from customhouse.release.room.states import States
from customhouse.release.room.writer import Writer
from customhouse.release.sealed import Sealed
from customhouse.release.state import State


@dataclass
class Sitting:
    """What a deed on a run is given."""

    tx: Tx
    run: Run
    writer: Writer

    @property
    def state(self) -> State:
        """The state, with what was said here."""
        return self.writer.now_state

    @property
    def pipeline(self) -> Pipeline:
        """The run's pipeline, with every parameter filled in."""
        return self.state.pipeline

    def rise(self) -> tuple[Sealed, ...]:
        """Do what the server has to do now, and write everything; returns the new lines."""
        stop_if_approvers_left(self.writer)
        conduct(self.writer)
        return tuple(self.writer.lines)


def sit(key: ServerKey, states: States, run_id: str, tx: Tx) -> Sitting:
    """Lock the run and read where it stands; raises `Refused` (404) if there is none."""
    run = find_run(tx.sql, run_id, lock=True)
    state = states.of(tx.sql, run)
    return Sitting(tx, run, Writer(tx, run, engine_key(key, run.id), state, run.changed_at))
