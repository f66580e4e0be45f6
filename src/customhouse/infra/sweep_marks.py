"""How a sweep and an upload of the same bytes keep out of each other's way.

The sweeper marks a digest without a row as ``sweeping``, deletes the object, then turns the mark to ``swept``; the next
sweep forgets old marks. An uploader supposes that its digests have no marks, puts the bytes, and compares inside its
deed, after it has become the only writer: if there are marks, a sweep may have taken the bytes, so it notes them and
puts the bytes again; if they differ again, once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.infra.tables import sweep_mark

_SEEN = (
    sa.select(sweep_mark.c.id, sweep_mark.c.state)
    .where(sweep_mark.c.digest.in_(sa.bindparam("digests", expanding=True)))
    .order_by(sweep_mark.c.id)
)
# Nearly always it is one: a list of any length is compiled again at each use.
_SEEN_ONE = (
    sa.select(sweep_mark.c.id, sweep_mark.c.state)
    .where(sweep_mark.c.digest == sa.bindparam("digest"))
    .order_by(sweep_mark.c.id)
)


class SweptMeanwhile(Exception):
    """A sweep has touched these digests since the uploader looked."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The marks of some digests at one moment."""

    digests: tuple[str, ...]
    marks: tuple[tuple[int, str], ...]

    @property
    def sweeping(self) -> bool:
        """Whether any of the digests is being swept right now."""
        return any(state == "sweeping" for _, state in self.marks)


def unmarked(digests: Sequence[str]) -> Seen:
    """What is nearly always seen: no mark. An uploader supposes it, and looks only when his deed finds otherwise."""
    return Seen(tuple(digests), ())


def seen(sql: Connection, digests: Sequence[str]) -> Seen:
    """Look at the marks of these digests."""
    if len(digests) == 1:
        rows = sql.execute(_SEEN_ONE, {"digest": digests[0]}).all()
    else:
        rows = sql.execute(_SEEN, {"digests": list(digests)}).all()
    return Seen(tuple(digests), tuple((row.id, row.state) for row in rows))


def check_unchanged(sql: Connection, before: Seen) -> None:
    """Raise `SweptMeanwhile` if any mark differs; call it as the only writer (after ``tx.serialize()``)."""
    if seen(sql, before.digests) != before:
        raise SweptMeanwhile


def mark(sql: Connection, digest: str, now: datetime) -> None:
    """Say that the object goes now; the caller has checked, as the only writer, that no row names it."""
    sql.execute(sweep_mark.delete().where(sweep_mark.c.digest == digest))
    sql.execute(sweep_mark.insert().values(digest=digest, state="sweeping", marked_at=now))


def unfinished(sql: Connection) -> list[str]:
    """Digests whose sweep was begun and not ended, for example by a worker that was killed."""
    return list(sql.execute(sa.select(sweep_mark.c.digest).where(sweep_mark.c.state == "sweeping")).scalars())


def mark_swept(sql: Connection, digests: Sequence[str]) -> None:
    """Say that the objects are gone."""
    sql.execute(sweep_mark.update().where(sweep_mark.c.digest.in_(digests)).values(state="swept"))


def forget(sql: Connection, before: datetime) -> None:
    """Drop old marks of finished sweeps."""
    sql.execute(sweep_mark.delete().where(sweep_mark.c.state == "swept", sweep_mark.c.marked_at < before))
