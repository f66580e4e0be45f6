"""The release room: what doors ask of it. Each method is one transaction, or one look.

The server is the sequencer. Machines and people say what they have done; the room looks who they are, has the rules
judge it, seals it with the run's key, and does at once what is for nobody else to do: open, ask, grant, skip, finish.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from customhouse.accounts.server_key import ServerKey
from customhouse.catalog.release_objects import object_of
from customhouse.infra.blobs import Blobs
from customhouse.infra.issuer import Issuers
from customhouse.infra.spool import Spooled
from customhouse.ledger.storing import put_and_do
from customhouse.ledger.tx import Deeds, Tx
from customhouse.release.events import Joined as JoinedEvent
from customhouse.release.room.decide import Decide, decide
from customhouse.release.room.join import Join, Shown, Welcome, check_signed, join, remove_machine, show_token
from customhouse.release.room.journal import texts_after
from customhouse.release.room.keys import is_machine_token, machine_of_token
from customhouse.release.room.members import Guest, Joined, Member, member_of, welcome_machine
from customhouse.release.room.objects import Keep, check_bytes, keep
from customhouse.release.room.open import open_run, opening
from customhouse.release.room.people import unknown_run
from customhouse.release.room.runs import Machine, Run, find_run, put_to_sleep, runs_of, runs_to_wake
from customhouse.release.room.say import Say, say
from customhouse.release.room.sitting import Sitting, sit
from customhouse.release.room.states import States
from customhouse.release.sealed import Said, Sealed
from customhouse.release.state import State
from customhouse.terms.errors import Broken, CustomhouseError
from customhouse.terms.identity import Actor
from customhouse.trust.issuers import PublisherIssuer
from customhouse.trust.roots import Root

if TYPE_CHECKING:
    from customhouse.trust.private_sigstore.logbook import Logbook

T = TypeVar("T")
log = logging.getLogger("customhouse.release")
ASLEEP = timedelta(hours=1)
"""So long a run that could not go on is left alone by the clock: others have their turn."""
MOST_LINES = 500
"""Of one answer."""


@dataclass(frozen=True, slots=True)
class Look:
    """A run as somebody sees it."""

    run: Run
    state: State
    member: Member | None
    """None: a stranger, who sees what is public."""


@dataclass(frozen=True)
class Room:
    """All runs of this server."""

    deeds: Deeds
    key: ServerKey
    blobs: Blobs
    issuers: Issuers
    known: Sequence[PublisherIssuer]
    audience: str
    server: str
    """Its address, without a slash at the end: what keys sign for, too."""
    states: States = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "states", States(self.key))

    def open(
        self, text: str, params: Mapping[str, str], places: Mapping[str, Mapping[str, str]], *, rehearsal: bool,
        by: Actor,
    ) -> Run:  # fmt: skip
        """Open a run; returns it as it is then."""
        wish = opening(text, params, places, rehearsal=rehearsal, server=self.server, by=by)
        run_id = self.deeds.do(lambda command, tx: open_run(self.key, command, tx), wish)
        with self.deeds.database.read() as sql:
            return find_run(sql, run_id)

    def look(self, run_id: str, by: Actor) -> Look:
        """A run for a person; raises `Refused` (404) for whoever may not know of it."""
        with self.deeds.database.read(snapshot=True) as sql:
            run = find_run(sql, run_id)
            state = self.states.of(sql, run)
            try:
                return Look(run, state, member_of(sql, run, state, by))
            except CustomhouseError:
                if run.shown_to_all:
                    return Look(run, state, None)
                raise

    def mine(self, by: Actor) -> list[Look]:
        """The newest runs that he may see."""
        if by.account_id is None:
            return []
        found = []
        with self.deeds.database.read(snapshot=True) as sql:
            for run in runs_of(sql, by.account_id):
                try:
                    # What is over stands still no more, and its journal may be long.
                    state = self.states.beginning(sql, run) if run.over else self.states.of(sql, run)
                    found.append(Look(run, state, member_of(sql, run, state, by)))
                except Broken as error:
                    # One run that cannot be read hides no other.
                    log.error("release run %s: %s", run.id, error)  # noqa: TRY400 - the error says it all
                except CustomhouseError:
                    continue
        return found

    def guest(
        self, run_id: str, token: str, authenticate: Callable[[str], Actor], *, writes: bool = False
    ) -> tuple[Run, State, Guest]:  # fmt: skip
        """Who stands at the door with this token, of a machine or of a person; raises `Refused` (401, 403 or 404).

        A person's token that cannot upload this version says nothing here, and his machine is welcome as long as he is.
        """
        by = None if is_machine_token(token) else authenticate(token)
        with self.deeds.database.read(snapshot=True) as sql:
            run = find_run(sql, run_id)
            if by is None:
                machine_id = machine_of_token(self.key, token, run.id)
                if machine_id is None:
                    raise unknown_run()
                state = self.states.of(sql, run)
                return run, state, Joined(welcome_machine(sql, run, state, machine_id))
            state = self.states.of(sql, run)
            return run, state, member_of(sql, run, state, by, writes=writes)

    def lines(self, run_id: str, after: int) -> list[str]:
        """The lines after this one, as they are written; at most `MOST_LINES`."""
        with self.deeds.database.read() as sql:
            return texts_after(sql, run_id, after, most=MOST_LINES)

    def say(self, run_id: str, command: Say) -> tuple[tuple[Sealed, ...], bool]:
        """What a machine says."""
        return self._do(run_id, partial(say, command))

    def show(self, token: str) -> Shown:
        """Verify an ID token, before anything else is looked at."""
        return show_token(token, self.issuers, self.known, self.audience, self.deeds.clock)

    @staticmethod
    def shown_by(member: Member) -> Shown:
        """What a person shows whose machine joins: himself."""
        return Shown(member=member)

    def join(self, run_id: str, joined: JoinedEvent, said: Said, shown: Shown) -> Welcome:
        """Let a machine in."""
        check_signed(run_id, joined, said)

        def deed(sitting: Sitting) -> Welcome:
            welcome = join(self.key, Join(joined, said, shown), sitting)
            sitting.rise()
            return welcome

        return self._do(run_id, deed)

    def decide(self, run_id: str, command: Decide) -> tuple[Sealed, ...]:
        """What a person decides."""
        return self._do(run_id, partial(decide, command))

    def remove(self, run_id: str, machine_id: int, member: Member) -> Machine:
        """Send a machine away."""

        def deed(sitting: Sitting) -> Machine:
            found = remove_machine(sitting, machine_id, member)
            sitting.rise()
            return found

        return self._do(run_id, deed)

    def keep(self, run_id: str, digest: str, spooled: Spooled, added_by: str) -> bool:
        """Take a file in; False if it was here."""
        command = Keep(run_id, digest, spooled, added_by)
        check_bytes(command)
        return put_and_do(self.deeds, self.blobs, {spooled.sha256: spooled.path}, partial(keep, command))

    def bundle(self, run_id: str, spool: Path, roots: Sequence[Root], book: Logbook | None = None) -> None:
        """Make the bundle of a run that has released something. One that is made stays as it is.

        ``book`` is the server's own log, if it has one.
        """
        # Evidence is loaded where it is made: most processes never do.
        from customhouse.release.room.bundling import Bundle, make_bundle, note_bundle  # noqa: PLC0415

        with self.deeds.database.read() as sql:
            run = find_run(sql, run_id)
        if run.bundle is not None or run.status != "released":
            return
        made = make_bundle(self.deeds.database, self.blobs, spool, roots, run.id, book)
        try:
            put_and_do(self.deeds, self.blobs, {made.sha256: made.path}, partial(note_bundle, Bundle(run.id, made)))
        finally:
            made.path.unlink(missing_ok=True)

    def size_of(self, run_id: str, digest: str) -> int | None:
        """The size of a run's file; None if it has no such one."""
        with self.deeds.database.read() as sql:
            return object_of(sql, run_id, digest)

    def wake(self) -> int:
        """Do what time alone brings about, in every run: leases that are over, questions that have expired.

        Doing it again finds nothing left to do. Returns how many runs were looked at.
        """
        with self.deeds.database.read() as sql:
            due = runs_to_wake(sql, self.deeds.clock.now())
        for run_id in due:
            try:
                self._do(run_id, lambda sitting: sitting.rise())
            except CustomhouseError as error:
                # One run that cannot go on keeps no other from it.
                log.warning("release run %s: %s", run_id, error)
                with self.deeds.database.write() as sql:
                    put_to_sleep(sql, run_id, self.deeds.clock.now() + ASLEEP)
        return len(due)

    def _do(self, run_id: str, deed: Callable[[Sitting], T]) -> T:
        def in_turn(_command: None, tx: Tx) -> T:
            return deed(sit(self.key, self.states, run_id, tx))

        # A long journal is read before anybody is kept from writing: on SQLite that is everybody.
        with self.deeds.database.read(snapshot=True) as sql:
            self.states.of(sql, find_run(sql, run_id))
        return self.deeds.do(in_turn, None)
