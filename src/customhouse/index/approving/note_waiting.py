"""Noting why a release waits: on its session, in the ledger, and so in letters to those who can end it."""

from __future__ import annotations

from collections.abc import Sequence

from customhouse.catalog.staged import Session, files_of_session
from customhouse.catalog.staged_events import told
from customhouse.catalog.staged_tables import upload_session
from customhouse.index.approving.events import ReleaseHeld, ReleaseWaits
from customhouse.index.approving.holds_now import holds_now
from customhouse.index.approving.model import Reason
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import Identity


def note_waiting(tx: Tx, session: Session, reasons: Sequence[Reason], by: Identity) -> tuple[Reason, ...]:
    """Add reasons to a session that is locked; those with a new code are told. Returns all of them.

    Called with what `reasons_to_wait` has found, whenever a file comes in. What the rows of all files show besides is
    added. Saying the same again changes nothing.
    """
    known = tuple(Reason.of(row) for row in session.reasons)
    codes = {one.code for one in known}
    found = {
        one.code: one for one in (*holds_now(tx.sql, session, files_of_session(tx.sql, session.id), tx.now()), *reasons)
    }
    new = tuple(one for one in found.values() if one.code not in codes)
    if not new:
        return known
    everything = known + new
    tx.sql.execute(
        upload_session.update()
        .where(upload_session.c.id == session.id)
        .values(reasons=[one.row for one in everything])
    )  # fmt: skip
    held = tuple(one for one in new if one.hold)
    event = ReleaseHeld if held else ReleaseWaits
    shown = held or new
    waits = event(
        by, session.normalized, version=session.version, session=session.id,
        codes=tuple(one.code for one in shown), why=" ".join(one.sentence for one in shown),
    )  # fmt: skip
    tx.record(told(session, waits))
    return everything
