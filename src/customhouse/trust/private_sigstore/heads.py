"""A log never takes back what it has said: before it says more, its tree must begin with the one it has shown last.

What was said last lies outside the database (`infra.sigstore_heads`), so that a database from a backup, or another one,
cannot sign a second log under the name of the first. It is read before the database is: whatever stands there was
committed then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from customhouse.infra.sigstore_heads import Head
from customhouse.terms.errors import Unavailable
from customhouse.trust.private_sigstore.tree import LogName

TITLES = {"entries": "log of signatures", "certificates": "log of certificates"}
RETRY_SECONDS = 300
"""Somebody has to come first."""
NEXT = "nothing is signed before an operator has run `customhouse sigstore restored`"
log = logging.getLogger(__name__)

RootAt = Callable[[int], bytes]
"""The root of the first so many leaves of the tree in the database; it has at least as many."""


class LogRolledBack(Unavailable):
    """The database has another tree than the one whose checkpoint was given out (HTTP 503)."""

    code = "log-rolled-back"

    def __init__(self, name: LogName, fault: str) -> None:
        self.log = name
        self.fault = fault
        super().__init__(f"The {TITLES[name]}", f"{fault}; {NEXT}", retry_after_seconds=RETRY_SECONDS)


def fault_of(said: Head | None, size: int, root_at: RootAt) -> str:
    """What is wrong with a tree of this size after that was said; empty if it continues it."""
    if said is None:
        return ""
    if size < said.size:
        return f"the database was put back: it has {size:,} entries, and its checkpoint of {said.size:,} was given out"
    if root_at(said.size) != said.root:
        return (
            f"the database is another: it has {size:,} entries, and its first {said.size:,} are not those whose "
            "checkpoint was given out"
        )
    return ""


class Told:
    """What this process has logged already: a fault is said once, not with each request."""

    def __init__(self) -> None:
        self._faults: dict[LogName, str] = {}

    def tell(self, name: LogName, fault: str) -> None:
        """Log a fault that is new, and its end."""
        if self._faults.get(name, "") == fault:
            return
        self._faults[name] = fault
        if fault:
            log.error("the %s: %s; %s", TITLES[name], fault, NEXT)
        else:
            log.warning("the %s continues what it has said before; it signs again", TITLES[name])
