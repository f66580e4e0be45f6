"""Erasing: an operator removes the bytes of a file for ever, for a reason of law. The name stays taken."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.users import refuse_unless_operator
from customhouse.catalog import queries
from customhouse.catalog.bundled import forget_scan
from customhouse.catalog.lifecycle_events import Erased
from customhouse.catalog.tables import file, requirement
from customhouse.index.subject import lock_subject
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor

ERASE_JOB = "erase-objects"


@dataclass(frozen=True, slots=True)
class Erase:
    """An operator's deed: which file, why, under which reference (a court's, a request's), and its name typed again."""

    project: str
    filename: str
    reason: str
    reference: str
    typed: str
    by: Actor = COMMAND_LINE


def erase(command: Erase, tx: Tx) -> str:
    """Mark a file as erased and let a job remove its bytes; returns its digest."""
    refuse_unless_operator(command.by)
    for where, text in (("filename", command.filename), ("reason", command.reason), ("reference", command.reference)):
        if not text.strip():
            raise Rejected("missing-field", where, "is empty", "something: an erasure is forever and must be explained")
    subject = lock_subject(tx, command.project, "", command.filename, command.by)
    found = subject.file
    if found is None or command.typed.strip() != found.filename:
        raise Rejected("not-typed", "typed", f"{command.typed[:120]!r} was typed", f"exactly {command.filename!r}")
    if found.erased_at is not None:
        raise Refused("erased", f"{found.filename} was erased already.", status=410)
    tx.sql.execute(
        file.update()
        .where(file.c.id == found.id)
        .values(
            erased_at=tx.now(), erase_reason=command.reason, metadata=queries.pack_metadata(""), signals=[],
            requires_python=None,
        )
    )  # fmt: skip
    tx.sql.execute(requirement.delete().where(requirement.c.file_id == found.id))
    forget_scan(tx.sql, found.id)
    digests = [found.digest, *([found.metadata_digest] if found.metadata_served else [])]
    tx.later(ERASE_JOB, {"digests": digests})
    tx.record(
        Erased(
            command.by.as_operator, subject.project.normalized, version=subject.version, filename=found.filename,
            sha256=found.digest, reason=command.reason, reference=command.reference,
        )
    )  # fmt: skip
    return found.digest
