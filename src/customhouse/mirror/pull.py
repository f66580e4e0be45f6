"""Projects of upstreams, as fresh as whoever asks wants them.

What is here is answered at once while it is young enough, and renewed behind the caller's back when it is half a minute
old. Nobody is asked for a name that is ours, and a name that one upstream has is never asked of another one. A name
that nobody has leaves no trace here but a moment's memory.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.engine import Connection

from customhouse.infra.db import Database, put_rows
from customhouse.infra.fetch import Outbound
from customhouse.ledger.tx import Deeds
from customhouse.mirror.ask import Absent, Asking, BadAnswer, Known, Page
from customhouse.mirror.look_once import Looks
from customhouse.mirror.memory import Memory
from customhouse.mirror.model import MirroredProject
from customhouse.mirror.names import Names, Owner
from customhouse.mirror.queries import confirmed_at, mirrored_project
from customhouse.mirror.record import RecordAbsence, RecordPage, confirm, known_of, record_absence, record_page
from customhouse.mirror.tables import upstream_health
from customhouse.mirror.upstream import UpstreamIndex
from customhouse.terms.clock import Clock
from customhouse.terms.errors import Unavailable

log = logging.getLogger("customhouse.mirror")

FRESH = timedelta(seconds=30)
"""What is older is renewed, whether or not anybody waits for it."""
AHEAD = timedelta(seconds=5)
"""So far the clocks of two machines, or of one before and after it was set, may lie apart."""
DETAILS_AGAIN = timedelta(hours=1)
"""When the older API is asked once more that could not answer."""
AT_ONCE = 8
"""So many requests for pages go to one upstream at a time."""
TURN_SECONDS = 10.0
FOLDER = "looks"


Orders = Callable[[Connection], Sequence[Sequence[str]]]


def with_earlier(asked: Sequence[str], orders: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """These upstreams, each behind all that stand before it in any of the orders."""
    found: dict[str, None] = {}
    for name in asked:
        for order in orders:
            if name in order:
                found.update(dict.fromkeys(order[: order.index(name)]))
        found[name] = None
    return tuple(found)


class Upstreams:
    """The upstreams of the settings, and what is known of their projects."""

    def __init__(
        self, deeds: Deeds, clock: Clock, outbound: Outbound, indexes: Mapping[str, UpstreamIndex], names: Names,
        data: Path, *, offline: bool = False, asking: Asking | None = None, orders: Orders = lambda _sql: (),
    ) -> None:  # fmt: skip
        """``orders`` are those in which anybody asks these upstreams: a name belongs to one for all of them."""
        self.indexes = indexes
        self.offline = offline
        self._deeds = deeds
        self._database: Database = deeds.database
        self._clock = clock
        self._names = names
        self._orders = orders
        self._asking = asking or Asking(outbound)
        self._looks: Looks[None] = Looks(data / FOLDER)
        self._memory = Memory()
        self._turns = {name: threading.BoundedSemaphore(AT_ONCE) for name in indexes}

    def project(
        self, normalized: str, upstreams: Sequence[str], *, within: timedelta, fresh: timedelta = FRESH
    ) -> MirroredProject | None:
        """What the upstream that has the project says, confirmed within that time if it can be asked.

        None if it is none of these that has the name, or if it is ours. Of a name that nobody has yet, these upstreams
        are asked in their order, and the first that has it keeps it. What was here before is answered with ``stale``
        if upstream is away, or if nothing is asked (``offline``); raises `Unavailable` if there is nothing.
        """
        owner, found = self._here(normalized)
        if owner.state in ("ours", "kept") or (owner.upstream and owner.upstream not in upstreams):
            return None
        if self.offline or (owner.upstream and owner.upstream not in self.indexes):
            return None if found is None else replace(found, stale=True)
        asked = (owner.upstream,) if owner.upstream else tuple(name for name in upstreams if name in self.indexes)
        if found is not None and found.checked_at is not None:
            age = self._clock.now() - found.checked_at
            # What was confirmed in the future was so by a clock that was wrong: it says nothing about when.
            if -AHEAD <= age <= within:
                if age > fresh:
                    self._looks.behind(normalized, lambda _waited: self._look_quietly(normalized, asked))
                return found
        elif all(self._is_absent(name, normalized) for name in asked):
            return None
        since = self._clock.now()
        try:
            self._looks.once(normalized, lambda waited: self._look(normalized, asked, since if waited else None))
        except Unavailable:
            if found is None:
                raise
            return replace(found, stale=True)
        owner, found = self._here(normalized)
        return found if owner.upstream in upstreams else None

    def forget_answers(self, normalized: str) -> None:
        """Forget that nobody had this name a moment ago."""
        self._memory.forget(normalized)

    def settle(self) -> None:
        """Wait for the looks that nobody waits for."""
        self._looks.settle()

    def close(self) -> None:
        """End what goes on in the background."""
        self._looks.close()
        self._asking.close()

    def _here(self, normalized: str) -> tuple[Owner, MirroredProject | None]:
        """Whose the name is, and what is known of its project if it is an upstream's."""
        with self._database.read(snapshot=True) as sql:
            owner = self._names.owner(sql, normalized)
            found = mirrored_project(sql, normalized) if owner.state == "upstream" else None
        return owner, found if found is not None and found.upstream == owner.upstream else None

    def _is_absent(self, upstream: str, normalized: str) -> bool:
        index = self.indexes[upstream]
        return not index.asks_for(normalized) or self._memory.is_absent(upstream, normalized, self._clock.now())

    def _look_quietly(self, normalized: str, asked: Sequence[str]) -> None:
        with suppress(Unavailable):
            self._look(normalized, asked, None)

    def _look(self, normalized: str, asked: Sequence[str], since: datetime | None) -> None:
        """Ask, in order, until one has it; write down what it says. Raises `Unavailable`.

        An upstream that is away ends it: the next one must not get the name because of that. ``since`` is set if
        another process may have looked after that moment.
        """
        with self._database.read() as sql:
            # The name may have become ours while we waited, or another process may have looked.
            owner = self._names.owner(sql, normalized)
            known, details_missing, details_at = known_of(sql, normalized)
            checked = confirmed_at(sql, normalized)
            # Whoever asks only a later one must not have it take a name that an earlier one has for somebody else.
            asked = asked if owner.upstream else with_earlier(asked, self._orders(sql))
        if owner.state in ("ours", "kept") or (owner.upstream and owner.upstream not in asked):
            return
        if since is not None and checked is not None and owner.upstream and checked >= since.replace(microsecond=0):
            return
        if details_missing and (details_at is None or self._clock.now() - details_at >= DETAILS_AGAIN):
            known = Known()
        for name in (owner.upstream,) if owner.upstream else asked:
            index = self.indexes.get(name)
            if index is not None and self._ask_one(index, normalized, known if owner.upstream else Known(), owner):
                return

    def _ask_one(self, index: UpstreamIndex, normalized: str, known: Known, owner: Owner) -> bool:
        """Ask one upstream; whether it has the name."""
        if not owner.upstream and self._is_absent(index.name, normalized):
            return False
        now = self._clock.now()
        if (failure := self._memory.failure(index.name, normalized, now)) is not None:
            raise failure
        try:
            with self._turn(index):
                said = self._asking.ask(index, normalized, known)
        except Unavailable as error:
            self._note_failure(index.name, normalized, error)
            raise
        if isinstance(said, Absent):
            self._memory.note_absent(index.name, normalized, self._clock.now())
            if owner.upstream:
                self._deeds.do(record_absence, RecordAbsence(normalized, index.name))
            return bool(owner.upstream)
        self._memory.note_fine(index.name, normalized)
        if isinstance(said, Page):
            self._deeds.do(record_page, RecordPage(normalized, index.name, said, self._names))
        else:
            with self._database.write() as sql:
                confirm(sql, normalized, self._clock.now())
        return True

    def _note_failure(self, upstream: str, normalized: str, error: Unavailable) -> None:
        log.warning("%s: %s", normalized, error)
        now = self._clock.now()
        self._memory.note_failure(upstream, normalized, error, now, answered=isinstance(error, BadAnswer))
        with suppress(Unavailable), self._database.write() as sql:
            put_rows(sql, upstream_health, [{"upstream": upstream, "failed_at": now, "error": str(error)[:1000]}])

    @contextmanager
    def _turn(self, index: UpstreamIndex) -> Iterator[None]:
        turn = self._turns[index.name]
        if not turn.acquire(timeout=TURN_SECONDS):
            raise Unavailable(f"The upstream {index.name!r}", "too many requests to it are under way")
        try:
            yield
        finally:
            turn.release()
