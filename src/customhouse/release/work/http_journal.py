"""A run's journal at a release room: read and verified here, written there.

The room is the sequencer. A machine sends what it says, signed with its key; the room seals it. Signatures of Ed25519
are the same each time, so whether something that got no answer has arrived is seen by its signature in the journal.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

from customhouse.release.codec import read_line, to_body
from customhouse.release.events import Event
from customhouse.release.journal import Head
from customhouse.release.machine_key import MachineKey
from customhouse.release.sealed import GENESIS, Sealed
from customhouse.release.sealing import say
from customhouse.release.work.room_door import RoomDoor
from customhouse.terms.errors import Refused

WAIT_SECONDS = 20


class HttpJournal:
    """The lines of one run, as one actor's machine reads and writes them. Any thread may read."""

    def __init__(self, door: RoomDoor, actor: str, key: MachineKey, memory: Path | None = None) -> None:
        """``memory`` is a file for the last line that was seen: a room that shows another past later is found out."""
        self._door = door
        self._memory = memory
        self._seen = _remembered(memory)
        self._actor = actor
        self._key = key
        self._guard = threading.Lock()
        self._lines: list[Sealed] = []

    def head(self) -> Head:
        """The end."""
        self._catch_up(0)
        return Head(self._lines[-1].seq, self._lines[-1].hash) if self._lines else Head(-1, GENESIS)

    def read(self, after: int = -1) -> Sequence[Sealed]:
        """The lines after this one, in order."""
        self._catch_up(0)
        return tuple(self._lines[after + 1 :])

    def wait(self, seconds: float = WAIT_SECONDS) -> None:
        """Return when there is a new line, or after so many seconds."""
        self._catch_up(min(seconds, WAIT_SECONDS))

    def append(self, lines: Sequence[Sealed], expected: Head) -> None:
        """Have these lines' events written and sealed anew, all or none; raises `Refused` ("journal-moved")."""
        self.say([line.event for line in lines], expected)

    def say(self, events: Sequence[Event], expected: Head | None = None) -> None:
        """Say something, all of it or nothing; raises `Refused` if the rules say no."""
        run, seen = self._door.place.run, len(self._lines)
        claims, signatures = [], set()
        for event in events:
            said = say(event, run=run, by=self._actor, key=self._key)
            signatures.add(said.signature)
            claims.append(
                {
                    "by": self._actor, "kind": event.kind, "body": to_body(event),
                    "said": {"key": said.key, "signature": said.signature},
                }
            )  # fmt: skip
        document: dict[str, object] = {"claims": claims}
        if expected is not None:
            document["expected"] = {"seq": expected.seq, "hash": expected.hash}

        def arrived() -> bool:
            self._catch_up(0)
            new = {line.said.signature for line in self._lines[seen:] if line.said is not None}
            return signatures <= new

        self._door.patiently_posted(lambda: self._door.post("/claims", document), arrived)

    def _catch_up(self, wait: float) -> None:
        while True:
            first = len(self._lines)
            text = self._door.get("/lines", after=first - 1, wait=int(wait))
            new = [read_line(one, where=f"line {seq}") for seq, one in enumerate(text.decode().splitlines(), first)]
            self._add(first, new)
            if not new or wait:
                return

    def _add(self, first: int, new: Sequence[Sealed]) -> None:
        """Keep what is new. A step that reads the journal in its own thread may have been quicker with the same."""
        with self._guard:
            for seq, line in enumerate(new, first):
                if line.seq != seq:
                    raise Refused("journal-broken", f"The room sent line {line.seq} as line {seq}.")
                if self._seen is not None and seq == self._seen.seq and line.hash != self._seen.hash:
                    raise Refused(
                        "journal-forked", f"The room shows another line {seq} than it did before.",
                        "An older journal was put back, or you are shown another one than others.", status=500,
                    )  # fmt: skip
                if seq == len(self._lines):
                    self._lines.append(line)
                elif line != self._lines[seq]:
                    raise Refused("journal-broken", f"The room sent two lines {seq} that are not the same.")
            if new:
                self._remember(new[-1])

    def _remember(self, last: Sealed) -> None:
        if self._memory is None or (self._seen is not None and last.seq <= self._seen.seq):
            return
        self._seen = Head(last.seq, last.hash)
        temporary = self._memory.with_name(f".{self._memory.name}")
        temporary.write_text(json.dumps({"seq": last.seq, "hash": last.hash}))
        temporary.replace(self._memory)


def _remembered(memory: Path | None) -> Head | None:
    if memory is None or not memory.exists():
        return None
    found = json.loads(memory.read_text())
    return Head(int(found["seq"]), str(found["hash"]))
