"""Sealing a line, and verifying a chain of them: order, hashes, the engine's signatures and the actors' own.

Signatures are Ed25519 (RFC 8032) over the pre-authentication encoding of DSSE v1, so that a payload of one kind can
never stand for one of another. What a line *means* is not judged here; `rules.py` does that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from customhouse.formats.dsse import pae
from customhouse.release.codec import canonical, payload_bytes, payload_of, said_bytes
from customhouse.release.events import Anchored, Created, Event, Joined
from customhouse.release.journal import Head
from customhouse.release.machine_key import MachineKey, signed_by
from customhouse.release.sealed import ENGINE, EVENT_TYPE, GENESIS, SAID_TYPE, Said, Sealed
from customhouse.terms.errors import Rejected

EMPTY = Head(-1, GENESIS)
"""The head of a journal without lines."""


def seal(
    event: Event, *, run: str, head: Head, at: datetime, by: str, key: MachineKey, said: Said | None = None
) -> Sealed:
    """The next line after ``head``. ``key`` is the engine's; ``said`` the actor's own signature, if he speaks."""
    moment = at.astimezone(UTC)
    payload = canonical(
        payload_of(run=run, seq=head.seq + 1, previous=head.hash, at=moment, by=by, event=event, said=said)
    )
    return Sealed(
        run=run,
        seq=head.seq + 1,
        previous=head.hash,
        at=moment,
        by=by,
        event=event,
        hash=hashlib.sha256(payload).hexdigest(),
        signature=key.sign(pae(EVENT_TYPE, payload)),
        said=said,
    )


def head_of(line: Sealed) -> Head:
    """The end of a journal whose last line this is."""
    return Head(line.seq, line.hash)


def say(event: Event, *, run: str, by: str, key: MachineKey) -> Said:
    """An actor's own signature over what he says."""
    return Said(key.public, key.sign(pae(SAID_TYPE, said_bytes(run=run, by=by, event=event))))


def said_holds(event: Event, *, run: str, by: str, said: Said) -> bool:
    """Whether the signature is of this event, by the key that it names. Whose key that is, `Chain` knows."""
    return signed_by(said.key, said.signature, pae(SAID_TYPE, said_bytes(run=run, by=by, event=event)))


@dataclass
class Chain:
    """The chain as far as it has been verified. A line is either the next one or `Rejected`."""

    engine_key: str = ""
    """Where it is known from elsewhere; otherwise the first line says it."""
    run: str = ""
    head: Head = EMPTY
    at: datetime | None = None
    keys: dict[str, str] = field(default_factory=dict)
    """Which actor a machine key belongs to."""
    hashes: set[str] = field(default_factory=set)

    def add(self, line: Sealed) -> None:
        """Verify that this line follows; raises `Rejected` ("journal-broken") naming the line and the fault."""
        where = f"line {line.seq}"
        if line.seq != self.head.seq + 1:
            raise _broken(where, f"it follows line {self.head.seq}", f"line {self.head.seq + 1}")
        if line.previous != self.head.hash:
            raise _broken(where, "it does not name the hash of the line before it", self.head.hash)
        if line.seq == 0:
            self._first(line)
        if line.run != self.run:
            raise _broken(where, f"it is of the run {line.run[:80]!r}", f"the run {self.run!r}")
        if self.at is not None and line.at < self.at:
            raise _broken(where, f"its time {line.at:%Y-%m-%d %H:%M:%S.%f} is before that of the line before it")
        payload = payload_bytes(line)
        if hashlib.sha256(payload).hexdigest() != line.hash:
            raise _broken(where, "it has other contents than its hash says")
        if not signed_by(self.engine_key, line.signature, pae(EVENT_TYPE, payload)):
            raise _broken(where, "the engine has not signed it", f"a signature of the key {self.engine_key}")
        self._said(line, where)
        if isinstance(line.event, Anchored) and line.event.head not in self.hashes:
            raise _broken(where, "it anchors a head that this journal never had")
        self.head, self.at = head_of(line), line.at
        self.hashes.add(line.hash)

    def _first(self, line: Sealed) -> None:
        if not isinstance(line.event, Created):
            raise _broken("line 0", f"it says {line.event.kind!r}", "created")
        if self.engine_key and self.engine_key != line.event.engine_key:
            raise _broken("line 0", f"another engine has made it: {line.event.engine_key}", self.engine_key)
        if self.run and self.run != line.run:
            raise _broken("line 0", f"it is of the run {line.run[:80]!r}", f"the run {self.run!r}")
        self.engine_key, self.run = line.event.engine_key, line.run

    def _said(self, line: Sealed, where: str) -> None:
        said = line.said
        joined = line.event if isinstance(line.event, Joined) else None
        if joined is not None and (said is None or said.key != joined.machine_key):
            raise _broken(where, f"{line.by} has not signed it with the key that it names", joined.machine_key)
        if said is None:
            return
        owner = self.keys.get(said.key) or (joined.actor if joined is not None else "")
        if line.by == ENGINE or owner != line.by:
            raise _broken(
                where, f"{line.by} has signed it with a key that is not his", "a key that `joined` gave to him"
            )
        if not said_holds(line.event, run=line.run, by=line.by, said=said):
            raise _broken(where, f"the signature of {line.by} is not of what it says")
        if joined is not None:
            self.keys[joined.machine_key] = joined.actor


def verify_lines(lines: Iterable[Sealed], chain: Chain | None = None) -> Chain:
    """Verify lines from the first on, or after those that ``chain`` has seen; raises `Rejected` naming the first fault.

    Returns the chain, to go on from. Who the engine is, the caller compares (`Chain.engine_key`), or gives beforehand.
    """
    found = chain or Chain()
    for line in lines:
        found.add(line)
    return found


def _broken(where: str, why: str, accepted: str = "") -> Rejected:
    return Rejected("journal-broken", where, why, accepted)
