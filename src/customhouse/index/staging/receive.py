"""Taking the bytes of a file in, whole or in parts. Whoever sends them again before completion replaces them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.staged_tables import upload_file, upload_part
from customhouse.index.approving.only_stages import only_stages
from customhouse.index.staging.files import file_subject, refuse_other_sender, refuse_unless_pending
from customhouse.index.staging.policy import BYTES, MOST_PARTS, PARTS
from customhouse.index.staging.rights import refuse_unless_editable
from customhouse.infra import sweep_marks
from customhouse.infra.db import put_rows
from customhouse.infra.spool import Spooled
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import Actor


@dataclass(frozen=True, slots=True)
class Receive:
    """The bytes of a file, or of a part of it, that lie in the store and are what was announced."""

    file_id: str
    spooled: Spooled
    by: Actor
    offset: int = 0
    """Of a part."""


def receive(command: Receive, seen: sweep_marks.Seen, tx: Tx) -> None:
    """Note that all bytes of a file are in the store."""
    file, session, _project = file_subject(tx, command.file_id, command.by)
    refuse_unless_editable(session, tx.now())
    refuse_unless_pending(file)
    refuse_other_sender(file, command.by)
    refuse_other_mechanism(file.mechanism, BYTES)
    spooled = command.spooled
    tx.sql.execute(
        upload_file.update()
        .where(upload_file.c.id == file.id)
        .values(
            digest=spooled.sha256, md5=spooled.md5, blake2b_256=spooled.blake2b_256, received_at=tx.now(),
            token_id=command.by.token_id,
            # Whatever comes from who may only stage makes the file wait for people.
            stages_only=file.stages_only or only_stages(tx.sql, session.project_id, command.by),
        )
    )  # fmt: skip
    tx.serialize()
    sweep_marks.check_unchanged(tx.sql, seen)


def receive_part(command: Receive, seen: sweep_marks.Seen, tx: Tx) -> None:
    """Note a part that is in the store; another one at the same offset is replaced, and it overlaps no other.

    So the parts of a file are together never larger than what was announced, which the quotas have counted.
    """
    file, session, _project = file_subject(tx, command.file_id, command.by)
    refuse_unless_editable(session, tx.now())
    refuse_unless_pending(file)
    refuse_other_sender(file, command.by)
    refuse_other_mechanism(file.mechanism, PARTS)
    refuse_beyond(command.offset, command.spooled.size_bytes, file.size_bytes)
    _refuse_overlap(tx.sql, file.id, command.offset, command.spooled.size_bytes)
    count = sa.select(sa.func.count()).select_from(upload_part)
    if tx.sql.execute(count.where(upload_part.c.file_id == file.id)).scalar_one() >= MOST_PARTS:
        raise Refused("too-many-parts", f"The file has {MOST_PARTS} parts already.", "Send larger ones.", status=409)
    put_rows(
        tx.sql,
        upload_part,
        [
            {
                "file_id": file.id,
                "offset": command.offset,
                "size_bytes": command.spooled.size_bytes,
                "digest": command.spooled.sha256,
            }
        ],
    )
    tx.sql.execute(
        upload_file.update()
        .where(upload_file.c.id == file.id)
        .values(
            token_id=command.by.token_id,
            stages_only=file.stages_only or only_stages(tx.sql, session.project_id, command.by),
        )
    )
    tx.serialize()
    sweep_marks.check_unchanged(tx.sql, seen)


def refuse_other_mechanism(mechanism: str, wanted: str) -> None:
    """Bytes come by the mechanism that was agreed on."""
    if mechanism != wanted:
        raise Refused(
            "other-mechanism", f"This file was announced by the mechanism {mechanism}.", "Use the address it names.",
            status=409,
        )  # fmt: skip


def _refuse_overlap(sql: Connection, file_id: str, offset: int, size_bytes: int) -> None:
    table = upload_part.c
    query = sa.select(table.offset, table.size_bytes).where(
        table.file_id == file_id, table.offset != offset, table.offset < offset + size_bytes,
        table.offset + table.size_bytes > offset,
    )  # fmt: skip
    other = sql.execute(query.order_by(table.offset).limit(1)).one_or_none()
    if other is not None:
        raise Refused(
            "part-overlaps", f"{size_bytes} bytes at {offset} overlap the part of {other.size_bytes} bytes at"
            f" {other.offset}.", "Send parts that lie side by side; one at the same offset replaces the one before.",
            status=409,
        )  # fmt: skip


def refuse_beyond(offset: int, size_bytes: int, whole_bytes: int) -> None:
    """A part lies inside the file."""
    if size_bytes < 1 or offset + size_bytes > whole_bytes:
        raise Rejected(
            "bad-part", "offset", f"{size_bytes} bytes at {offset} are no part of {whole_bytes} bytes",
            "at least one byte, and none beyond the end",
        )  # fmt: skip
