"""One line of a count spool: how often a client network took a file on a day. Fields are separated by tabs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from customhouse.terms.errors import Rejected

MAX_TIMES = 10**12


@dataclass(frozen=True, slots=True)
class Noted:
    """A client network took a file so many times on a day (UTC). ``client`` is a keyed hash."""

    day: date
    filename: str
    client: bytes
    times: int


def encode_count(noted: Noted) -> bytes:
    """The line, with its newline. A file name of the index holds neither tabs nor newlines."""
    return f"{noted.day.isoformat()}\t{noted.filename}\t{noted.client.hex()}\t{noted.times}\n".encode()


def decode_count(line: bytes) -> Noted:
    """The inverse of `encode_count`; raises `Rejected` for a line that a power cut has damaged."""
    try:
        day, filename, client, times = line.decode("ascii").rstrip("\n").split("\t")
        found = Noted(date.fromisoformat(day), filename, bytes.fromhex(client), int(times))
    except ValueError as error:
        raise Rejected("bad-count-line", "count spool", "the line is damaged") from error
    if not filename or not found.client or not 0 < found.times <= MAX_TIMES:
        raise Rejected("bad-count-line", "count spool", "the line is damaged")
    return found
