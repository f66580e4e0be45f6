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
from customhouse.trust.private_sigstore.keyring import LOG_ROLES, name_new_log
from customhouse.trust.private_sigstore.logbook import Logbook, log_key
from customhouse.trust.private_sigstore.tree import LOGS, LogName


@dataclass(frozen=True, slots=True)
class Standing:
    """A log: what it has said last, and what the database has of it."""

    log: LogName
    said: Head | None
    now: Head
    fault: str
    """What is wrong; empty if nothing is."""

    @property
    def shown(self) -> int:
        """How many entries it has said to have."""
        return 0 if self.said is None else self.said.size

    @property
    def lost(self) -> int:
        """How many of them it has not."""
        return max(0, self.shown - self.now.size) if self.fault else 0


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
    wrong = _wrong(logbook)
    name = name_new_log(settings, deeds.clock.now())
    for one in wrong:
        origin = name + LOG_ROLES[log_key(one.log)]
        event = SigstoreLogStarted(
            OPERATOR, None, origin=origin, before=one.now.origin, said=one.shown, size=one.now.size
        )
        deeds.do(_record, event)
    return name


def keep_log(deeds: Deeds, logbook: Logbook, lost: int) -> None:
    """Let the logs go on under their name although they have said more. Raises `Refused` if nothing is wrong.

    ``lost`` is how many entries the caller knows to be lost, of both logs together: who says it has looked.
    """
    wrong = _wrong(logbook)
    if lost != (really := sum(one.lost for one in wrong)):
        raise Refused(
            "other-loss", f"Entries that were shown and are lost: {really:,}, and not {lost:,}.", "Look again."
        )
    for one in wrong:
        deeds.do(_record, SigstoreLogKept(OPERATOR, None, origin=one.now.origin, said=one.shown, size=one.now.size))
        logbook.heads.replace(one.now)


def _wrong(logbook: Logbook) -> list[Standing]:
    """The logs that have lost something; raises `Refused` if none has."""
    wrong = [one for one in standings(logbook) if one.fault]
    if not wrong:
        raise Refused("nothing-lost", "The database has lost nothing that was shown.", "Go on: there is nothing to do.")
    return wrong


def _record(event: SigstoreLogStarted | SigstoreLogKept, tx: Tx) -> None:
    tx.record(event)
