"""Taking in what is attested of a file, before it is completed (PEP 740). It is verified when the bytes are known."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.catalog.staged_tables import upload_file
from customhouse.formats.attestations import parse_attestations
from customhouse.index.staging.files import file_subject, refuse_other_sender, refuse_unless_pending
from customhouse.index.staging.rights import refuse_unless_editable
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import Actor


@dataclass(frozen=True, slots=True)
class Attest:
    """The attestations of a file: a JSON list, as it was sent."""

    file_id: str
    text: str
    by: Actor


def attest(command: Attest, tx: Tx) -> None:
    """Keep them until the file is completed; others that were sent before are replaced. Refuses what is none."""
    file, session, _project = file_subject(tx, command.file_id, command.by)
    refuse_unless_editable(session, tx.now())
    refuse_unless_pending(file)
    refuse_other_sender(file, command.by)
    parse_attestations(command.text)
    tx.sql.execute(
        upload_file.update()
        .where(upload_file.c.id == file.id)
        .values(attestations=command.text, token_id=command.by.token_id)
    )
