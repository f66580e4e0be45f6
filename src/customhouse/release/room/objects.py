"""Files of a run: each under its digest, taken in only if its bytes have it, by members alone, up to a quota."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.catalog.release_objects import add_object, bytes_of_run, object_of
from customhouse.infra import sweep_marks
from customhouse.infra.spool import Spooled
from customhouse.ledger.tx import Tx
from customhouse.release.room.runs import find_run
from customhouse.terms.errors import Refused, Rejected

LARGEST_OBJECT_BYTES = 4 * 2**30
MOST_BYTES_OF_RUN = 20 * 2**30


@dataclass(frozen=True, slots=True)
class Keep:
    """A file that lies in the store already, to be named in a run."""

    run: str
    digest: str
    """As the sender named it."""
    spooled: Spooled
    added_by: str


def check_digest(digest: str) -> str:
    """A SHA-256 in hexadecimal; raises `Rejected`."""
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):  # noqa: PLR2004 - the length of a SHA-256
        raise Rejected("bad-digest", "digest", f"{digest[:80]!r} is no SHA-256", "64 hexadecimal digits, small letters")
    return digest


def check_bytes(command: Keep) -> None:
    """What came must be what was announced."""
    if command.spooled.sha256 != command.digest:
        raise Rejected(
            "digest-mismatch", "body", f"the bytes have the SHA-256 {command.spooled.sha256}", command.digest
        )  # fmt: skip


def keep(command: Keep, seen: sweep_marks.Seen, tx: Tx) -> bool:
    """Name the file in the run; False if it was named there. Twice is harmless."""
    run = find_run(tx.sql, command.run, lock=True)
    if object_of(tx.sql, run.id, command.digest) is None:
        if run.over:
            raise Refused("run-over", f"This run is {run.status}: nothing more is taken in.", status=409)
        used = bytes_of_run(tx.sql, run.id)
        if used + command.spooled.size_bytes > MOST_BYTES_OF_RUN:
            raise Refused(
                "run-full", f"The files of this run have {used:,} bytes already.",
                f"At most {MOST_BYTES_OF_RUN:,} bytes of one run are kept.", status=413,
            )  # fmt: skip
    new = add_object(
        tx.sql, run.id, command.digest, command.spooled.size_bytes, command.added_by, tx.now()
    )  # fmt: skip
    tx.serialize()
    sweep_marks.check_unchanged(tx.sql, seen)
    return new
