"""Reading the lists of signals that are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.views.signals.tables import signal_list, signal_value

_LISTS = (
    sa.select(signal_list)
    .where(signal_list.c.whole)
    .order_by(signal_list.c.upstream, signal_list.c.signal, signal_list.c.source)
)
_ONE = _LISTS.where(
    signal_list.c.upstream == sa.bindparam("upstream"), signal_list.c.signal == sa.bindparam("signal"),
    signal_list.c.source == sa.bindparam("source"),
)  # fmt: skip
# Lists that do not name the project are among the rows, with no value: a list of critical projects says no.
_OF_NAME = (
    sa.select(signal_list.c.signal, signal_list.c.source, signal_list.c.dated, signal_value.c.value)
    .outerjoin(
        signal_value,
        sa.and_(signal_value.c.list_id == signal_list.c.id, signal_value.c.name == sa.bindparam("name")),
    )
    .where(signal_list.c.whole, signal_list.c.upstream == sa.bindparam("upstream"))
    .order_by(signal_list.c.dated.desc(), signal_list.c.id.desc())
)


@dataclass(frozen=True, slots=True)
class LoadedList:
    """One list as it is loaded."""

    id: int
    upstream: str
    signal: str
    source: str
    dated: date
    loaded_at: datetime
    loaded_by: str
    rows: int

    @property
    def began(self) -> datetime:
        """The beginning of its day."""
        return datetime.combine(self.dated, time(), UTC)


@dataclass(frozen=True, slots=True)
class LoadedValue:
    """What one list says of one project."""

    signal: str
    source: str
    dated: datetime
    value: str | None
    """None: the list does not name it."""


def loaded_lists(sql: Connection) -> list[LoadedList]:
    """Every list, by upstream and signal."""
    return [_list(row) for row in sql.execute(_LISTS)]


def find_list(sql: Connection, upstream: str, signal: str, source: str) -> LoadedList | None:
    """One list, or None."""
    row = sql.execute(_ONE, {"upstream": upstream, "signal": signal, "source": source}).one_or_none()
    return _list(row) if row is not None else None


def loaded_values(sql: Connection, upstream: str, name: str) -> list[LoadedValue]:
    """What every list of an upstream says of a project, the newest list first."""
    return [
        LoadedValue(row.signal, row.source, datetime.combine(row.dated, time(), UTC), row.value)
        for row in sql.execute(_OF_NAME, {"upstream": upstream, "name": name})
    ]


def _list(row: Any) -> LoadedList:
    return LoadedList(row.id, row.upstream, row.signal, row.source, row.dated, row.loaded_at, row.loaded_by, row.rows)
