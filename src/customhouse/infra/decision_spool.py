"""What views were asked for and what they answered, noted without slowing anybody down.

As downloads are counted (`infra/count_spool.py`): noted in memory, written by a thread to ``DATA/decisions/``, folded
into the database by the worker. A kill loses what was noted since the last flush. What a client fetches is private, so
only a keyed hash of its network is written, by a key that differs from day to day.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from customhouse.formats.decision_line import Asked, Noted, encode_decision
from customhouse.formats.user_agent import LONGEST, Agent, read_agent
from customhouse.infra.client_address import Network
from customhouse.infra.client_hash import ClientHashes, ClientsOfDay
from customhouse.infra.spool_file import Flushing, SpoolFile
from customhouse.terms.clock import Clock

ENDING = ".decisions"
WHAT = "decisions of views"
MOST_NOTED = 200_000
_LONGEST_FORWARDED = 1000
_REMEMBERED = 20_000


def decisions_folder(data: Path) -> Path:
    """Where the spool files of a data folder lie."""
    return data / "decisions"


_Key = tuple[Asked, int, str, str | None, str]
"""What was asked and answered, the day's ordinal, the peer, its X-Forwarded-For, the tool."""


class DecisionSpool:
    """Notes the decisions of this process. `note` may be called from any thread; the rest has one caller."""

    def __init__(
        self, data: Path, clock: Clock, hashes: ClientHashes, trusted: Sequence[Network], *, days: int = 30
    ) -> None:
        """``days`` as of the setting ``decisions_days``: with 0 nothing is noted. ``hashes`` are this spool's alone."""
        self._clock = clock
        self._trusted = bool(trusted)
        self._keeps = days > 0
        self._file = SpoolFile(decisions_folder(data), ENDING, WHAT)
        self._flushing = Flushing(self.flush, WHAT)
        # Summed up at once: a tuple for each request that lives for a second keeps the garbage collector busy.
        self._guard = threading.Lock()
        self._noted: dict[_Key, int] = {}
        self._agents: dict[str, Agent] = {}
        self._clients = ClientsOfDay(hashes, trusted)

    def note(self, asked: Asked, scope: Mapping[str, Any]) -> None:
        """Note one answer to the client of an ASGI request. Touches neither disk nor database."""
        if not self._keeps:
            return
        client = scope.get("client")
        forwarded, agent = None, ""
        for name, value in scope["headers"]:
            if name == b"user-agent":
                agent = value[:LONGEST].decode("latin-1")
            elif name == b"x-forwarded-for" and self._trusted:
                forwarded = f"{forwarded},{value.decode('latin-1')}" if forwarded else value.decode("latin-1")
        forwarded = forwarded[-_LONGEST_FORWARDED:] if forwarded else None
        key = (asked, self._clock.now().toordinal(), client[0] if client else "", forwarded, agent)
        with self._guard:
            times = self._noted.get(key, 0)
            # If the disk stands still for long, what is new is lost: memory stays bounded.
            if times or len(self._noted) < MOST_NOTED:
                self._noted[key] = times + 1

    def start(self) -> None:
        """Start to write, every second."""
        self._flushing.start()

    def close(self) -> None:
        """Write what is left and let go of the file."""
        self._flushing.close()
        self._file.close()

    def flush(self) -> None:
        """Write what was noted since the last time, the same thing once with its number."""
        with self._guard:
            noted, self._noted = self._noted, {}
        taken: Counter[tuple[date, Asked, bytes, Agent]] = Counter()
        for (asked, ordinal, peer, forwarded, agent), times in noted.items():
            day = date.fromordinal(ordinal)
            taken[day, asked.cut(), self._clients.of(day, peer, forwarded), self._agent(agent)] += times
        lines = [
            encode_decision(Noted(day, asked, client, agent.family, agent.ci, times))
            for (day, asked, client, agent), times in taken.items()
        ]
        self._file.append(b"".join(lines))

    def _agent(self, text: str) -> Agent:
        found = self._agents.get(text)
        if found is None:
            if len(self._agents) >= _REMEMBERED:
                self._agents.clear()
            found = self._agents[text] = read_agent(text)
        return found
