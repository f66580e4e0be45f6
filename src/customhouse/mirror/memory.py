"""What this process remembers of upstreams for a moment: that they have not got a name, and that they are away."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta

from customhouse.terms.errors import Unavailable

ABSENT_FOR = timedelta(seconds=30)
FAILED_FOR = timedelta(seconds=10)
"""For so long a name is not asked for again at an upstream that could not answer."""
FAILURES = 3
"""After so many in a row, of whatever names, the upstream is taken for away, and asked nothing for as long."""
MOST = 10_000


class Memory:
    """Short and bounded: a stranger who asks for a million names fills nothing. For any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._absent: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        self._failed: OrderedDict[tuple[str, str], tuple[datetime, Unavailable]] = OrderedDict()
        self._in_a_row: dict[str, int] = {}

    def is_absent(self, upstream: str, name: str, now: datetime) -> bool:
        """Whether the upstream has said a moment ago that it has no such project."""
        with self._guard:
            until = self._absent.get((upstream, name))
            return until is not None and now < until

    def failure(self, upstream: str, name: str, now: datetime) -> Unavailable | None:
        """Why the upstream could not be asked a moment ago, about this name or at all."""
        with self._guard:
            for key in ((upstream, name), (upstream, "")):
                until, error = self._failed.get(key, (now, None))
                if error is not None and now < until:
                    return error
        return None

    def note_absent(self, upstream: str, name: str, now: datetime) -> None:
        """The upstream has no such project."""
        with self._guard:
            self._fine(upstream, name)
            self._absent[upstream, name] = now + ABSENT_FOR
            self._absent.move_to_end((upstream, name))
            while len(self._absent) > MOST:
                self._absent.popitem(last=False)

    def note_fine(self, upstream: str, name: str) -> None:
        """The upstream has answered about a project that it has."""
        with self._guard:
            self._fine(upstream, name)
            self._absent.pop((upstream, name), None)

    def note_failure(self, upstream: str, name: str, error: Unavailable, now: datetime, *, answered: bool) -> None:
        """The upstream could not be asked; or it has ``answered`` what cannot be taken, which says nothing of others.

        Else a stranger who knows three broken projects could keep the upstream from being asked about anything.
        """
        with self._guard:
            if answered:
                self._in_a_row.pop(upstream, None)
                self._failed.pop((upstream, ""), None)
            else:
                self._in_a_row[upstream] = self._in_a_row.get(upstream, 0) + 1
            keys = [(upstream, name)] + [(upstream, "")] * (self._in_a_row.get(upstream, 0) >= FAILURES)
            for key in keys:
                self._failed[key] = (now + FAILED_FOR, error)
                self._failed.move_to_end(key)
            while len(self._failed) > MOST:
                self._failed.popitem(last=False)

    def forget(self, name: str) -> None:
        """Ask anew about a name, whoever was asked."""
        with self._guard:
            for known in (self._absent, self._failed):
                for key in [key for key in known if key[1] == name]:
                    del known[key]

    def _fine(self, upstream: str, name: str) -> None:
        self._in_a_row.pop(upstream, None)
        self._failed.pop((upstream, name), None)
        self._failed.pop((upstream, ""), None)
