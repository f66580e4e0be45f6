"""Being the witness of a log (C2SP tlog-witness): co-sign a checkpoint only if it continues the last that was.

Whoever shows two people two different logs must do without the witness's signature for one of them, for ever.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customhouse.infra.db import put_rows
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import ANONYMOUS
from customhouse.trust.private_sigstore.events import CheckpointCosigned, CosignatureRefused
from customhouse.trust.private_sigstore.note import Checkpoint, NoteKey, SignedCheckpoint, read_checkpoint
from customhouse.trust.private_sigstore.tables import sigstore_witnessed
from customhouse.trust.private_sigstore.tiles import is_consistent

MOST_HASHES = 63
BODY_BYTES = 64 * 1024
SIZE_TYPE = "text/x.tlog.size"
EXPECTED = "old SIZE, a line for each hash of a consistency proof, an empty line, a checkpoint (C2SP tlog-witness)"
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint that a log wants to have co-signed."""

    old: int
    """The size that the log thinks we have signed last."""
    proof: tuple[bytes, ...]
    note: SignedCheckpoint


class OtherSize(Refused):
    """We have signed another size last than the log thinks: it may try again from there (409)."""

    def __init__(self, size: int, sentence: str, records: Sequence[CosignatureRefused] = ()) -> None:
        self.size = size
        super().__init__("other-size", sentence, status=409, records=records)


def read_submission(body: bytes) -> Submission:
    """Take it apart; raises `Rejected`."""
    try:
        head, gap, note = body.decode().partition("\n\n")
    except UnicodeDecodeError as error:
        raise _bad("is not written in UTF-8") from error
    first, *lines = head.split("\n")
    match = _OLD.fullmatch(first)
    if not gap or match is None or len(lines) > MOST_HASHES:
        raise _bad("cannot be read")
    try:
        proof = tuple(base64.b64decode(line, validate=True) for line in lines)
    except ValueError as error:
        raise _bad("holds a hash that is not written in base64") from error
    if any(len(one) != _HASH_BYTES for one in proof):
        raise _bad("holds a hash that does not have 32 bytes")
    return Submission(int(match[1]), proof, read_checkpoint(note))


def judge(submission: Submission, logs: Sequence[NoteKey], last: Checkpoint | None) -> None:
    """Whether it may be co-signed. Raises `Refused`: 404 for a log that is not ours to watch, 403, 409, 422, 400."""
    shown = submission.note.checkpoint
    known = [key for key in logs if key.name == shown.origin]
    if not known:
        raise Refused("unknown-log", "This witness does not watch a log of this name.", status=404)
    if not any(key.signed(submission.note) for key in known):
        raise Refused("unsigned", "None of the log's keys that this witness knows has signed it.", status=403)
    if submission.old > shown.size:
        raise Refused("bad-size", "The checkpoint is smaller than the size before it.", status=400)
    size, root = (0, b"") if last is None else (last.size, last.root)
    if submission.old != size:
        raise OtherSize(size, f"This witness has signed the size {size} last.")
    if submission.old == shown.size and size and shown.root != root:
        why = "it has the same size and another root"
        raise OtherSize(size, f"This checkpoint contradicts the last one: {why}.", [_refused(shown, why)])
    grown = is_consistent(size, root, shown.size, shown.root, submission.proof) if size else not submission.proof
    if not grown:
        why = "the proof does not show that the log has only grown"
        raise Refused("inconsistent", f"Not signed: {why}.", status=422, records=[_refused(shown, why)])


@dataclass(frozen=True, slots=True)
class Cosign:
    """The command of the deed."""

    submission: Submission
    logs: Sequence[NoteKey]
    key: NoteKey
    private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"Cosign({self.submission.note.checkpoint.origin})"


def cosign(wish: Cosign, tx: Tx) -> str:
    """Look again, remember, and sign: the line to answer with. What is remembered is durable before anybody sees it."""
    shown = wish.submission.note.checkpoint
    tx.serialize()
    judge(wish.submission, wish.logs, last_witnessed(tx.sql, shown.origin))
    row = {"origin": shown.origin, "size": shown.size, "root": shown.root, "signed_at": tx.now()}
    put_rows(tx.sql, sigstore_witnessed, [row])
    tx.record(CheckpointCosigned(ANONYMOUS, None, origin=shown.origin, size=shown.size, root=shown.root.hex()))
    return wish.key.cosign(wish.private, wish.submission.note.text, tx.now()).line()


def last_witnessed(sql: sa.Connection, origin: str) -> Checkpoint | None:
    """The last checkpoint of a log that this index has co-signed."""
    row = sql.execute(sa.select(sigstore_witnessed).where(sigstore_witnessed.c.origin == origin)).one_or_none()
    return None if row is None else Checkpoint(row.origin, row.size, row.root)


def all_witnessed(sql: sa.Connection) -> list[tuple[Checkpoint, datetime]]:
    """The last checkpoint of every log that this index has co-signed, and when."""
    rows = sql.execute(sa.select(sigstore_witnessed).order_by(sigstore_witnessed.c.origin))
    return [(Checkpoint(row.origin, row.size, row.root), row.signed_at) for row in rows]


def submission_text(old: int, proof: Sequence[bytes], note: str) -> str:
    """What a log sends to its witness."""
    hashes = "".join(base64.b64encode(one).decode() + "\n" for one in proof)
    return f"old {old}\n{hashes}\n{note}"


def _refused(shown: Checkpoint, why: str) -> CosignatureRefused:
    return CosignatureRefused(ANONYMOUS, None, origin=shown.origin[:300], size=shown.size, why=why)


def _bad(why: str) -> Rejected:
    return Rejected("bad-submission", "body", why, EXPECTED)
