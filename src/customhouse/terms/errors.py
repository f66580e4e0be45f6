"""The four things that can go wrong, told apart by who can mend them.

Raise one of these where the fault is known; a door (web, cli, worker) translates it once. Each carries a stable
``code`` for programs and a sentence for people that names the fault, the place and the next step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Record(Protocol):
    """Something that must be written although the deed was refused: a ledger event or a job."""

    @property
    def kind(self) -> str:
        """The stable name under which the record is stored."""
        ...


class CustomhouseError(Exception):
    """What every error that a door translates has in common."""

    code: str


class Rejected(CustomhouseError):
    """You sent something wrong (HTTP 400): what, where it stands, and what would be accepted instead."""

    def __init__(self, code: str, where: str, why: str, accepted: str = "", *, offset: int | None = None) -> None:
        """``where`` is a form field, a header or an archive member; ``offset`` counts bytes into the file."""
        self.code = code
        self.where = where
        self.why = why
        self.accepted = accepted
        self.offset = offset
        place = where if offset is None else f"{where} (byte {offset})"
        sentence = f"{place}: {why}" if place else why
        super().__init__(f"{sentence}. Accepted: {accepted}" if accepted else sentence)


class Refused(CustomhouseError):
    """The rules say no (HTTP 401, 403, 404, 409, 413 or 429; 400 where a protocol asks for it).

    ``records`` are written in a transaction of their own although the deed is rolled back.
    """

    def __init__(
        self, code: str, sentence: str, accepted: str = "", *, status: int = 403, records: Sequence[Record] = ()
    ) -> None:
        self.code = code
        self.sentence = sentence
        self.accepted = accepted
        self.status = status
        self.records = tuple(records)
        super().__init__(f"{sentence} {accepted}" if accepted else sentence)


class TooMany(Refused):
    """You have done this too often (HTTP 429): in how many seconds to try again."""

    def __init__(self, sentence: str, *, retry_after_seconds: int, records: Sequence[Record] = ()) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__("too-many", sentence, f"Try again in {retry_after_seconds} s.", status=429, records=records)


class Unavailable(CustomhouseError):
    """Someone we need is away (HTTP 503): who, and in how many seconds to try again."""

    code = "unavailable"

    def __init__(self, who: str, why: str, *, retry_after_seconds: int = 5) -> None:
        self.who = who
        self.why = why
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{who} is not available: {why}. Try again in {retry_after_seconds} s.")


class Broken(CustomhouseError):
    """One of our own invariants failed (HTTP 500): stop the operation, keep the evidence."""

    code = "broken"
