"""What the journals of this server's runs say: read from the database, verified, folded, and remembered for a while.

Nothing is remembered that was not committed. A process that has seen lines up to some point reads and verifies only
those after it. A journal that was changed in the database is seen here: its chain is broken, or its head is another.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

from sqlalchemy.engine import Connection

from customhouse.accounts.server_key import ServerKey
from customhouse.release.events import Created
from customhouse.release.room.journal import first_line, lines_after
from customhouse.release.room.keys import engine_key
from customhouse.release.room.runs import Run
from customhouse.release.rules import apply, begin
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import Chain, verify_lines
from customhouse.release.state import State
from customhouse.terms.errors import Broken, Refused, Rejected

MOST_KEPT = 128
"""Runs: more than one page lists."""
MOST_PAST = 8
"""Earlier states of one run: who has begun to read a moment ago still asks for one of them."""


@dataclass(frozen=True, slots=True)
class _Known:
    chain: Chain
    state: State


@dataclass
class _Memory:
    """What is remembered of one run. Whoever reads its journal holds the guard, and holds up nobody else's run."""

    guard: Lock = field(default_factory=Lock)
    known: _Known | None = None
    past: OrderedDict[str, State] = field(default_factory=OrderedDict)
    """By the hash of its head."""
    beginning: State | None = None


@dataclass
class States:
    """The states of runs, by id; threads share it."""

    key: ServerKey
    _known: OrderedDict[str, _Memory] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, sql: Connection, run: Run) -> State:
        """The state at the run's head. Raises `Broken` if the journal is not what was sealed."""
        memory = self._memory(run.id)
        with memory.guard:
            found = memory.past.get(run.head.hash)
            if found is not None:
                return found
            known, memory.known = memory.known, None
            if known is not None and known.state.seq >= run.head.seq:
                # A backup was put back: what is remembered did not happen.
                known = None
            memory.known = self._read_on(sql, run, known)
            memory.past[run.head.hash] = memory.known.state
            while len(memory.past) > MOST_PAST:
                memory.past.popitem(last=False)
            return memory.known.state

    def beginning(self, sql: Connection, run: Run) -> State:
        """The state after the first line: the pipeline and who is in it, for lists that must not read all journals."""
        memory = self._memory(run.id)
        with memory.guard:
            if memory.beginning is None:
                memory.beginning = begin(first_line(sql, run.id))
            return memory.beginning

    def _memory(self, run_id: str) -> _Memory:
        with self._lock:
            memory = self._known.setdefault(run_id, _Memory())
            self._known.move_to_end(run_id)
            while len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
            return memory

    def _read_on(self, sql: Connection, run: Run, known: _Known | None) -> _Known:
        """What is new, or all of it where that does not follow what is remembered: another past was put back."""
        if known is not None:
            with suppress(Broken, Refused):
                return self._read(sql, run, known)
        return self._read(sql, run, None)

    def _read(self, sql: Connection, run: Run, known: _Known | None) -> _Known:
        try:
            lines = lines_after(sql, run.id, known.state.seq if known is not None else -1)
            chain = known.chain if known is not None else Chain(self._sealed_by(run, lines[0]), run.id)
            verify_lines(lines, chain)
            state = known.state if known is not None else begin(lines[0])
            for line in lines if known is not None else lines[1:]:
                state = apply(state, line)
        except (Rejected, IndexError) as error:
            raise Broken(f"The journal of the release run {run.id} is not what was sealed: {error}") from error
        if chain.head != run.head:
            raise Broken(f"The journal of the release run {run.id} does not end where its row says.")
        return _Known(chain, state)

    def _sealed_by(self, run: Run, first: Sealed) -> str:
        """Our key for this run; raises `Refused` if the server has another one since it began."""
        ours = engine_key(self.key, run.id).public
        if isinstance(first.event, Created) and first.event.engine_key != ours:
            raise Refused(
                "server-key-changed", f"The key of this server was replaced after the release run {run.id} began.",
                "Nothing of it can be sealed any more: keep its journal, and open another run.", status=409,
            )  # fmt: skip
        return ours
