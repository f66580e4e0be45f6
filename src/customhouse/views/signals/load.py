"""Loading a dated list of one signal, and taking one away: all or nothing, however long it is.

A list is written beside the one that counts, in pieces that hold nobody up, and takes its place in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import islice

import sqlalchemy as sa

from customhouse.accounts.users import refuse_unless_operator
from customhouse.formats.signal_list.model import VALUES
from customhouse.infra.db import Database
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor
from customhouse.views.define import VoidViews, void_views
from customhouse.views.signals.events import SignalListForgotten, SignalListLoaded
from customhouse.views.signals.queries import LoadedList, find_list
from customhouse.views.signals.tables import signal_list, signal_value

AT_ONCE = 2_000
LONGEST_SOURCE = 60
LEFT_OVER = timedelta(days=1)
"""What was not finished after so long never will be."""
_SOME = sa.select(signal_value.c.name).where(signal_value.c.list_id == sa.bindparam("list")).limit(AT_ONCE)
_DROP_VALUES = signal_value.delete().where(
    signal_value.c.list_id == sa.bindparam("of"), signal_value.c.name.in_(sa.bindparam("names", expanding=True))
)


@dataclass(frozen=True, slots=True)
class LoadSignals:
    """An operator's wish that a list counts from now on."""

    signal: str
    upstream: str
    source: str
    dated: date
    values: Mapping[str, str]
    """By normalised name, as `formats.signal_list.read` gives them."""
    known: Collection[str]
    """The upstreams of the settings."""
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class ForgetSignals:
    """An operator's wish that a list counts no more."""

    signal: str
    upstream: str
    source: str
    by: Actor = COMMAND_LINE


def load_signals(deeds: Deeds, command: LoadSignals) -> LoadedList:
    """Load a list; one of the same source that is there already is replaced. Loading it again changes nothing more.

    Refused: a day that has not come, and one before that of the list that is there.
    """
    refuse_unless_operator(command.by)
    _check(deeds, command)
    _tidy(deeds)
    list_id = _begin(deeds, command)
    for piece in _pieces(command.values):
        rows = [{"name": name, "list_id": list_id, "value": value} for name, value in piece]
        with deeds.database.write() as sql:
            sql.execute(signal_value.insert(), rows)
    before = deeds.do(partial(_take_over, list_id=list_id), command)
    if before is not None:
        _remove(deeds.database, before)
    with deeds.database.read() as sql:
        found = find_list(sql, command.upstream, command.signal, command.source)
    if found is None:
        raise Refused("list-gone", "Somebody has taken the list away meanwhile.", "Load it again.", status=409)
    return found


def forget_signals(deeds: Deeds, command: ForgetSignals) -> LoadedList:
    """Take a list away; what it said is unknown from now on."""
    found = deeds.do(_forget, command)
    _remove(deeds.database, found.id)
    return found


def _check(deeds: Deeds, command: LoadSignals) -> None:
    if command.signal not in VALUES:
        raise Rejected("bad-signal", "signal", f"{command.signal[:40]!r} cannot be loaded", ", ".join(VALUES))
    if command.upstream not in command.known:
        known = ", ".join(sorted(command.known)) or "none is configured"
        raise Rejected("unknown-upstream", "upstream", f"there is no upstream {command.upstream[:40]!r}", known)
    source = command.source
    if not source.strip() or len(source) > LONGEST_SOURCE or not source.isprintable():
        raise Rejected("bad-source", "source", f"{source[:80]!r} is no name", f"1 to {LONGEST_SOURCE} characters")
    today = deeds.clock.now().date()
    if command.dated > today:
        raise Rejected("future-date", "date", f"{command.dated} has not come; today is {today}", "the list's own day")


def _begin(deeds: Deeds, command: LoadSignals) -> int:
    with deeds.database.write() as sql:
        made: int = sql.execute(
            signal_list.insert().returning(signal_list.c.id),
            {
                "upstream": command.upstream, "signal": command.signal, "source": command.source,
                "dated": command.dated, "loaded_at": deeds.clock.now(), "loaded_by": command.by.as_operator.name[:80],
                "rows": len(command.values), "whole": False,
            },
        ).scalar_one()  # fmt: skip
    return made


def _take_over(command: LoadSignals, tx: Tx, *, list_id: int) -> int | None:
    """Make the new list the one that counts; the id of the one that did."""
    tx.serialize()
    before = find_list(tx.sql, command.upstream, command.signal, command.source)
    if before is not None and before.dated > command.dated:
        raise Refused(
            "older-list",
            f"The list of {before.source!r} that is there is of {before.dated}, this one of {command.dated}.",
            "Forget that one first, if this is the right one.", status=409,
        )  # fmt: skip
    if before is not None:
        tx.sql.execute(signal_list.update().where(signal_list.c.id == before.id).values(whole=False))
    tx.sql.execute(signal_list.update().where(signal_list.c.id == list_id).values(whole=True))
    void_views(VoidViews(f"{command.signal} of {command.source} were loaded"), tx)
    tx.record(
        SignalListLoaded(
            command.by.as_operator, None, signal=command.signal, upstream=command.upstream, source=command.source,
            dated=command.dated.isoformat(), rows=len(command.values),
        )
    )  # fmt: skip
    return before.id if before is not None else None


def _forget(command: ForgetSignals, tx: Tx) -> LoadedList:
    refuse_unless_operator(command.by)
    tx.serialize()
    found = find_list(tx.sql, command.upstream, command.signal, command.source)
    if found is None:
        raise Refused(
            "unknown-list", f"No list of {command.signal[:40]!r} by {command.source[:60]!r} is loaded for"
            f" {command.upstream[:40]!r}.", "See `customhouse signals list`.", status=404,
        )  # fmt: skip
    tx.sql.execute(signal_list.update().where(signal_list.c.id == found.id).values(whole=False))
    void_views(VoidViews(f"{found.signal} of {found.source} were taken away"), tx)
    tx.record(
        SignalListForgotten(
            command.by.as_operator, None, signal=found.signal, upstream=found.upstream, source=found.source,
            dated=found.dated.isoformat(), rows=found.rows,
        )
    )  # fmt: skip
    return found


def _tidy(deeds: Deeds) -> None:
    """Remove what was broken off."""
    before = deeds.clock.now() - LEFT_OVER
    with deeds.database.read() as sql:
        left = sql.execute(
            sa.select(signal_list.c.id).where(sa.not_(signal_list.c.whole), signal_list.c.loaded_at < before)
        )
        ids = list(left.scalars())
    for list_id in ids:
        _remove(deeds.database, list_id)


def _remove(database: Database, list_id: int) -> None:
    """Remove a list that does not count, in pieces. Doing it again removes nothing."""
    while True:
        with database.write() as sql:
            names = list(sql.execute(_SOME, {"list": list_id}).scalars())
            if not names:
                sql.execute(signal_list.delete().where(signal_list.c.id == list_id, sa.not_(signal_list.c.whole)))
                return
            sql.execute(_DROP_VALUES, {"of": list_id, "names": names})


def _pieces(values: Mapping[str, str]) -> Iterator[Sequence[tuple[str, str]]]:
    waiting = iter(sorted(values.items()))
    while piece := list(islice(waiting, AT_ONCE)):
        yield piece
