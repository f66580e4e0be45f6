"""Asking witnesses to co-sign our logs, and keeping what they say. Each is asked by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from customhouse.infra.db import put_rows
from customhouse.infra.fetch import Order, Outbound
from customhouse.infra.settings import SigstoreWitness
from customhouse.infra.targets import Target
from customhouse.terms.errors import CustomhouseError, Rejected, Unavailable
from customhouse.trust.private_sigstore.logbook import Logbook
from customhouse.trust.private_sigstore.note import NoteKey, SignedCheckpoint, read_checkpoint, stamp_of
from customhouse.trust.private_sigstore.tables import sigstore_cosignature
from customhouse.trust.private_sigstore.tree import LOGS, LogName
from customhouse.trust.private_sigstore.witness import SIZE_TYPE, submission_text

SECONDS = 10.0
CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What one witness has said of one log last."""

    log: LogName
    witness: str
    size: int
    signed_at: datetime
    fault: str
    """Why it has not said more; empty if nothing is wrong."""


def collect(logbook: Logbook, witnesses: Sequence[SigstoreWitness], outbound: Outbound) -> list[str]:
    """Show every witness every log; returns what went wrong. Again, it asks for what is new since then alone."""
    faults = []
    for said in witnesses:
        key = NoteKey.read(said.key, "sigstore_witnesses")
        for log in LOGS:
            try:
                _ask(logbook, log, said, key, outbound)
            except CustomhouseError as error:
                faults.append(f"{key.name}: {error}")
                _note(logbook, log, key.name, fault=str(error)[:300])
    return faults


def cosigned(sql: sa.Connection) -> list[Cosigned]:
    """What all witnesses have said last."""
    rows = sql.execute(
        sa.select(sigstore_cosignature).order_by(sigstore_cosignature.c.witness, sigstore_cosignature.c.log)
    )
    return [Cosigned(row.log, row.witness, row.size, row.signed_at, row.fault) for row in rows]


def witnessed_checkpoint(logbook: Logbook, log: LogName) -> str:
    """The newest checkpoint that a witness has signed, with our signatures and all witnesses' of that size; or ours."""
    with logbook.database.read() as sql:
        chosen = sa.select(sigstore_cosignature.c.note).where(sigstore_cosignature.c.log == log)
        notes = [read_checkpoint(text) for text in sql.execute(chosen).scalars() if text]
    origin = logbook.origin(log)
    size = max((one.checkpoint.size for one in notes if one.checkpoint.origin == origin), default=0)
    if not size:
        return logbook.checkpoint(log).note()
    own = logbook.checkpoint_at(log, size)
    lines = tuple(line for note in notes if note.text == own.text for line in note.signatures)
    return SignedCheckpoint(own.checkpoint, own.text, (*own.signatures, *lines)).note()


def _ask(logbook: Logbook, log: LogName, said: SigstoreWitness, key: NoteKey, outbound: Outbound) -> None:
    with logbook.database.read() as sql:
        chosen = sa.select(sigstore_cosignature).where(
            sigstore_cosignature.c.log == log, sigstore_cosignature.c.witness == key.name
        )
        row = sql.execute(chosen).one_or_none()
    if row is not None and row.note and read_checkpoint(row.note).checkpoint.origin != logbook.origin(log):
        row = None  # what it has said was of the log that had this place before
    old, size = (0 if row is None else row.size), logbook.size(log)
    if not size or (row is not None and row.size == size and row.note):
        return
    if old > size:
        raise Rejected("rolled-back", key.name, f"has signed {old} entries, and the log has {size}", "a newer backup")
    for _attempt in range(2):
        _, _, proof = logbook.consistency(log, old, size)
        note = logbook.checkpoint_at(log, size)
        text = submission_text(old, proof, note.note())
        target = Target.parse(f"{said.url.rstrip('/')}/add-checkpoint", where="sigstore_witnesses")
        order = Order(target, "POST", {"Content-Type": "text/plain; charset=utf-8"}, text.encode())
        answer = outbound.fetch(order, seconds=SECONDS)
        if answer.fine:
            signed = read_checkpoint(f"{note.text}\n{answer.body.decode('utf-8', 'replace')}")
            signature = key.signed(signed)
            if signature is None:
                raise Rejected("false-cosignature", key.name, "has answered without a signature of its key")
            moment = stamp_of(signature) or logbook.deeds.clock.now()
            kept = SignedCheckpoint(note.checkpoint, note.text, (signature,)).note()
            _note(logbook, log, key.name, note=kept, size=size, at=moment)
            return
        told = answer.body.decode("utf-8", "replace").strip()
        is_size = answer.headers.get("content-type", "").partition(";")[0].strip() == SIZE_TYPE
        if answer.status == CONFLICT and is_size and told.isdigit() and len(told) < 20 and int(told) <= size != old:  # noqa: PLR2004 - digits of a size
            # It has seen more, or less, than we remember: our answer got lost, or we were restored from a backup.
            old = int(told)
            continue
        raise Unavailable(key.name, f"it answers {answer.status}: {told[:120]}")
    raise Unavailable(key.name, "it does not say from which size to go on")


def _note(
    logbook: Logbook, log: LogName, witness: str, *, note: str = "", size: int = 0, at: datetime | None = None,
    fault: str = "",
) -> None:  # fmt: skip
    now = at or logbook.deeds.clock.now()
    with logbook.database.write() as sql:
        chosen = sa.select(sigstore_cosignature).where(
            sigstore_cosignature.c.log == log, sigstore_cosignature.c.witness == witness
        )
        row = sql.execute(chosen).one_or_none()
        if fault and row is not None:
            note, size, now = row.note, row.size, row.signed_at
        values = {"log": log, "witness": witness, "note": note, "size": size, "signed_at": now, "fault": fault}
        put_rows(sql, sigstore_cosignature, [values])
