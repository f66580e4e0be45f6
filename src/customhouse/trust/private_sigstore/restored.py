"""After the database was put back: what the logs have said and what it knows of it, and the two ways on.

The third way, which loses nothing, needs no command: a newer backup, with all that was said.
"""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.infra.settings import Settings
from customhouse.infra.sigstore_heads import Head
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import OPERATOR
from customhouse.trust.private_sigstore.events import SigstoreLogKept, SigstoreLogStarted
from customhouse.trust.private_sigstore.heads import LogRolledBack
from customhouse.trust.private_sigstore.keyring import name_new_log
from customhouse.trust.private_sigstore.logbook import Logbook
from customhouse.trust.private_sigstore.tree import CERTIFICATES, ENTRIES, LogName

LOGS: tuple[LogName, ...] = (ENTRIES, CERTIFICATES)


@dataclass(frozen=True, slots=True)
class Standing:
    """A log: what it has said last, and what the database has of it."""

    log: LogName
    said: Head | None
    now: Head
    fault: str
    """What is wrong; empty if nothing is."""

    @property
    def lost(self) -> int:
        """How many entries it has said to have, and has not."""
        return 0 if self.said is None or not self.fault else max(0, self.said.size - self.now.size)


def standing(logbook: Logbook, log: LogName) -> Standing:
    """How one log stands."""
    said = logbook.said(log)
    try:
        with logbook.view(log):
            fault = ""
    except LogRolledBack as error:
        fault = error.fault
    return Standing(log, said, logbook.head_now(log), fault)


def standings(logbook: Logbook) -> list[Standing]:
    """How both stand."""
    return [standing(logbook, log) for log in LOGS]


def start_log(settings: Settings, deeds: Deeds, logbook: Logbook) -> str:
    """Let the logs go on under another name, with new keys; returns it. Raises `Refused` if nothing is wrong.

    Both do, because one key stands for both where they are followed. The trust repository is the caller's business.
    """
    before = logbook.origin(ENTRIES)
    entries = _wrong(logbook, ENTRIES)
    origin = name_new_log(settings, deeds.clock.now())
    said = entries.said.size if entries.said is not None else 0
    deeds.do(
        _record, SigstoreLogStarted(OPERATOR, None, origin=origin, before=before, said=said, size=entries.now.size)
    )
    return origin


def keep_log(deeds: Deeds, logbook: Logbook, lost: int) -> None:
    """Let the logs go on under their name although they have said more. Raises `Refused` if nothing is wrong.

    ``lost`` is how many entries the caller knows to be lost, of both logs together: who says it has looked.
    """
    _wrong(logbook, ENTRIES)
    wrong = [one for one in standings(logbook) if one.fault]
    if lost != (really := sum(one.lost for one in wrong)):
        raise Refused(
            "other-loss", f"Entries that were shown and are lost: {really:,}, and not {lost:,}.", "Look again."
        )
    for one in wrong:
        said = one.said.size if one.said is not None else 0
        deeds.do(_record, SigstoreLogKept(OPERATOR, None, origin=one.now.origin, said=said, size=one.now.size))
        logbook.heads.replace(one.now)


def _wrong(logbook: Logbook, log: LogName) -> Standing:
    """How a log stands, if one of them has lost something."""
    found = standings(logbook)
    if not any(one.fault for one in found):
        raise Refused("nothing-lost", "The database has lost nothing that was shown.", "Go on: there is nothing to do.")
    return next(one for one in found if one.log == log)


def _record(event: SigstoreLogStarted | SigstoreLogKept, tx: Tx) -> None:
    tx.record(event)
