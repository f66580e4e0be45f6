"""The names that others may be mistaken for: popular ones, critical ones, and our own. Kept in memory, right by serial.

Whoever asks learns which public name it is. Of a private, deleted or reserved name nobody learns more than that it is
reserved.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import critical_mark, name, project
from customhouse.formats.look_alike import look_alike, popular_names, shapes_of
from customhouse.views.signals.tables import signal_list, signal_value

MOST_OWN = 100_000
"""An index of more names compares with popular and critical ones alone: nobody confuses a package with so many."""
MOST_REMEMBERED = 20_000
RESERVED = "a name that is reserved here"

_OURS = name.c.state != "upstream"
_COUNTS = sa.select(
    sa.select(sa.func.count()).select_from(name).where(_OURS).scalar_subquery(),
    sa.select(sa.func.count()).select_from(critical_mark).scalar_subquery(),
    sa.select(sa.func.coalesce(sa.func.max(signal_list.c.id), 0))
    .where(signal_list.c.signal == "critical", signal_list.c.whole)
    .scalar_subquery(),
    sa.select(sa.func.count())
    .select_from(signal_list)
    .where(signal_list.c.signal == "critical", signal_list.c.whole)
    .scalar_subquery(),
)
_OWN = sa.select(name.c.normalized).where(_OURS).limit(MOST_OWN)
_MARKED = sa.select(critical_mark.c.normalized)
_LISTED = (
    sa.select(signal_value.c.name)
    .join(signal_list, signal_list.c.id == signal_value.c.list_id)
    .where(signal_list.c.signal == "critical", signal_list.c.whole)
    .limit(MOST_OWN)
)
_PUBLIC = sa.select(project.c.normalized).where(
    project.c.normalized == sa.bindparam("name"), project.c.visibility == "public", project.c.deleted_at.is_(None)
)


class Resembled(NamedTuple):
    """The name that one can be mistaken for, and who knows it."""

    name: str
    source: str


class KnownNames:
    """The names of one process; safe to use from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._counts: tuple[int, ...] = ()
        self._own: frozenset[str] = frozenset()
        self._critical: frozenset[str] = frozenset()
        self._all: frozenset[str] = popular_names()
        self._shapes: Mapping[str, str] = {}
        self._found: dict[str, str | None] = {}
        """What each name looks like; an install asks for the same ones again and again."""

    def resembled(self, sql: Connection, normalized: str) -> Resembled | None:
        """The name that this one can be mistaken for, or None. What is popular or critical itself is no imitation."""
        with self._guard:
            self._catch_up(sql)
            own, critical, everything, shapes = self._own, self._critical, self._all, self._shapes
            remembered = self._found
        if normalized in critical or normalized in popular_names():
            return None
        # Its own name, if we have it, is not what it resembles.
        if normalized not in remembered:
            if len(remembered) >= MOST_REMEMBERED:
                remembered.clear()
            others = everything - {normalized} if normalized in everything else everything
            remembered[normalized] = look_alike(normalized, others, shapes)
        found = remembered.get(normalized)
        if found is None:
            return None
        if found in popular_names():
            return Resembled(found, "popular names")
        if found in own and sql.execute(_PUBLIC, {"name": found}).first() is None:
            return Resembled(RESERVED, "this index")
        return Resembled(found, "critical names" if found in critical else "this index")

    def _catch_up(self, sql: Connection) -> None:
        # Names are never free again, and marks are few: what is gone or new shows in the counts.
        counts = tuple(sql.execute(_COUNTS).one())
        if counts == self._counts:
            return
        own = frozenset(sql.execute(_OWN).scalars()) if counts[0] < MOST_OWN else frozenset()
        critical = frozenset(sql.execute(_MARKED).scalars()) | frozenset(sql.execute(_LISTED).scalars())
        self._own, self._critical = own, critical
        self._all = popular_names() | own | critical
        self._shapes = shapes_of(self._all)
        self._found = {}
        self._counts = counts
