"""What an advisory on a library means here: the files that hold an affected version, and those nobody knows of."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.queries import Stored
from customhouse.catalog.bundled_tables import bundled_notice
from customhouse.formats.bundled.advisories import LibraryRange, verdict_on
from customhouse.formats.bundled.model import BundledLibrary
from customhouse.index.bundling.ranges import ranges_of
from customhouse.index.bundling.who import Answer, answer


def impact_of(sql: Connection, stored: Stored, now: datetime, *, private: bool = False) -> Answer | None:
    """The files that an advisory on libraries affects; None if it is on none. Private projects only if asked for."""
    ranges = ranges_of(sql, stored)
    return impact_of_ranges(sql, ranges, now, private=private) if ranges else None


def impact_of_ranges(
    sql: Connection, ranges: tuple[LibraryRange, ...], now: datetime, *, private: bool = False
) -> Answer:
    """The same for ranges that nobody has published yet: whom an embargo concerns."""

    def verdict(one: BundledLibrary) -> str:
        return verdict_on(one, ranges)

    names = list(dict.fromkeys(one.library for one in ranges))
    words = "; ".join(dict.fromkeys(f"{one.library} {one.words}" for one in ranges))
    return answer(sql, names, words, verdict, now, private=private)  # type: ignore[arg-type]  # literals of Verdict


def told_files(sql: Connection, advisory_id: str) -> set[int]:
    """The files of which owners have been told."""
    rows = sql.execute(sa.select(bundled_notice.c.file_id).where(bundled_notice.c.advisory_id == advisory_id))
    return set(rows.scalars())
