"""Which versions of which libraries an advisory is on: what its record says, and what an operator has said here.

Many a CVE about a C library names no versions that can be compared, or only a distribution's. Then an operator says the
range; the record stays as it came (docs/decisions/0023).
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.users import refuse_unless_operator
from customhouse.advisories import queries as advisories
from customhouse.advisories.queries import Stored
from customhouse.catalog.bundled_events import LibraryRangeSaid
from customhouse.catalog.bundled_tables import library_range
from customhouse.formats.bundled.advisories import LibraryRange, library_name, library_ranges
from customhouse.formats.bundled.order import LONGEST, compare, parse_specifier
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor

MOST_RANGES = 50


@dataclass(frozen=True, slots=True)
class SayRange:
    """An operator's word: this advisory affects these versions of this library."""

    advisory_id: str
    library: str
    introduced: str = ""
    """Empty: from the beginning."""
    fixed: str = ""
    last_affected: str = ""
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class TakeBack:
    """An operator's wish to forget what was said of a library."""

    advisory_id: str
    library: str
    by: Actor = COMMAND_LINE


def ranges_of(sql: Connection, stored: Stored) -> tuple[LibraryRange, ...]:
    """All that is known of the libraries that an advisory is on; nothing if it was withdrawn."""
    if stored.withdrawn is not None:
        return ()
    ids = [one.id for one in advisories.same_as(sql, stored.id) if one.withdrawn is None] or [stored.id]
    records = {one.id: one.record for one in advisories.find_all(sql, ids)}
    found = [one for record in records.values() for one in library_ranges(record)]
    rows = sql.execute(
        sa.select(library_range).where(library_range.c.advisory_id.in_(ids)).order_by(library_range.c.id)
    )
    found += [LibraryRange(row.library, row.introduced, row.fixed, row.last_affected) for row in rows]
    return tuple(dict.fromkeys(found))


def say_range(command: SayRange, tx: Tx) -> LibraryRange:
    """Keep an operator's word beside the record."""
    refuse_unless_operator(command.by)
    if advisories.find(tx.sql, command.advisory_id) is None:
        raise Refused("unknown-advisory", f"Nothing is known here of {command.advisory_id[:100]!r}.",
                      "Import the record first: customhouse advisory import PLACE.", status=404)  # fmt: skip
    said = _checked(command)
    count = sa.select(sa.func.count()).where(library_range.c.advisory_id == command.advisory_id)
    if tx.sql.execute(count).scalar_one() >= MOST_RANGES:
        raise Refused("too-many-ranges", f"{MOST_RANGES} ranges were said of it already.", "Take some back.")
    tx.sql.execute(
        library_range.insert().values(
            advisory_id=command.advisory_id, library=said.library, introduced=said.introduced, fixed=said.fixed,
            last_affected=said.last_affected, said_at=tx.now(),
        )
    )  # fmt: skip
    tx.record(
        LibraryRangeSaid(
            command.by.as_operator, None, advisory=command.advisory_id, library=said.library, range=said.words
        )
    )
    return said


def take_back(command: TakeBack, tx: Tx) -> int:
    """Forget what was said of a library; returns how many ranges that were."""
    refuse_unless_operator(command.by)
    name = library_name(command.library)
    gone = tx.sql.execute(
        library_range.delete().where(
            library_range.c.advisory_id == command.advisory_id, library_range.c.library == name
        )
    ).rowcount
    if gone:
        tx.record(
            LibraryRangeSaid(
                command.by.as_operator, None, advisory=command.advisory_id, library=name, range="", taken_back=True
            )
        )
    return gone


def _checked(command: SayRange) -> LibraryRange:
    library = library_name(command.library)
    if not library or len(library) > 200:  # noqa: PLR2004 - the column's
        raise Rejected("bad-library", "library", "it is empty or too long", "the name of a library, as libwebp")
    if command.fixed and command.last_affected:
        raise Rejected("bad-range", "fixed", "a range ends either before what mends it or with the last that is bad",
                       "one of the two")  # fmt: skip
    for where in ("introduced", "fixed", "last_affected"):
        text: str = getattr(command, where).strip()
        clauses = parse_specifier(text)
        if text and (len(clauses) != 1 or clauses[0] != ("==", text) or len(text) > LONGEST):
            raise Rejected("bad-version", where, f"{text[:80]!r} is no version of a library", "for example 1.3.2")
    said = LibraryRange(
        library, command.introduced.strip() or "0", command.fixed.strip(), command.last_affected.strip()
    )
    end = said.fixed or said.last_affected
    if end and said.introduced != "0" and compare(said.introduced, end) > 0:
        raise Rejected("bad-range", "introduced", f"{said.introduced} is behind {end}", "a range that begins first")
    return said
