"""The index's own list of false positives: ids and packages that are none, each with a reason."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.users import refuse_unless_operator
from customhouse.advisories.triage.events import TriageExceptionSet
from customhouse.advisories.triage.tables import triage_exception
from customhouse.infra.db import put_rows
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.terms.names import ProjectName

LONGEST_REASON = 1_000


@dataclass(frozen=True, slots=True)
class Except:
    """A wish to put an id (with a dash and digits, as CVE-2026-1234) or a package on the list."""

    entry: str
    reason: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class Readmit:
    """A wish to take one from the list."""

    entry: str
    by: Actor = COMMAND_LINE


def put_exception(command: Except, tx: Tx) -> str:
    """Put it on the list; returns the entry as it stands there. What was imported before is judged again on demand."""
    refuse_unless_operator(command.by)
    kind, entry = _kind_of(command.entry)
    reason = command.reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Rejected("no-reason", "reason", f"{len(reason)} characters", f"1 to {LONGEST_REASON}")
    by = command.by.as_operator
    put_rows(
        tx.sql, triage_exception,
        [{"kind": kind, "entry": entry, "reason": reason, "by": by.name, "added_at": tx.now()}],
    )  # fmt: skip
    tx.record(TriageExceptionSet(by, None, entry=entry, reason=reason, change="added"))
    return entry


def take_exception_back(command: Readmit, tx: Tx) -> str:
    """Take it from the list; raises `Refused` if it is not there."""
    refuse_unless_operator(command.by)
    kind, entry = _kind_of(command.entry)
    here = (triage_exception.c.kind == kind, triage_exception.c.entry == entry)
    if not tx.sql.execute(triage_exception.delete().where(*here)).rowcount:
        raise Refused("no-exception", f"{entry} does not stand on this index's list.", status=404)
    tx.record(TriageExceptionSet(command.by.as_operator, None, entry=entry, reason="", change="removed"))
    return entry


def _kind_of(text: str) -> tuple[str, str]:
    entry = text.strip()
    head, dash, number = entry.partition("-")
    if dash and head.isupper() and number[:1].isdigit():
        return "id", entry[:128]
    if entry.startswith(("GHSA-", "PYSEC-")):
        return "id", entry[:128]
    return "package", ProjectName.parse(entry, where="entry").normalized
