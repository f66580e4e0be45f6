"""One line of a count spool: how often a client network took a file on a day. Fields are separated by tabs.

A fifth field says who it was, if somebody has shown that: the id of his API token, or ``account:ID``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from customhouse.terms.errors import Rejected

MAX_TIMES = 10**12
_WHO = re.compile(r"|[a-z2-7]{26}|account:[0-9]{1,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Noted:
    """A client network took a file so many times on a day (UTC). ``client`` is a keyed hash."""

    day: date
    filename: str
    client: bytes
    times: int
    who: str = ""
    """Empty for everybody who has shown nothing."""


def encode_count(noted: Noted) -> bytes:
    """The line, with its newline. A file name of the index holds neither tabs nor newlines."""
    who = f"\t{noted.who}" if noted.who else ""
    return f"{noted.day.isoformat()}\t{noted.filename}\t{noted.client.hex()}\t{noted.times}{who}\n".encode()


def decode_count(line: bytes) -> Noted:
    """The inverse of `encode_count`; raises `Rejected` for a line that a power cut has damaged."""
    try:
        day, filename, client, times, *who = line.decode("ascii").rstrip("\n").split("\t")
        found = Noted(date.fromisoformat(day), filename, bytes.fromhex(client), int(times), *who)
    except (ValueError, TypeError) as error:
        raise Rejected("bad-count-line", "count spool", "the line is damaged") from error
    if not filename or not found.client or not 0 < found.times <= MAX_TIMES or not _WHO.fullmatch(found.who):
        raise Rejected("bad-count-line", "count spool", "the line is damaged")
    return found
