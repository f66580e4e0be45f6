"""What is read of the log: for operators, and for trying a policy on what was really asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.views.log.tables import view_decision

REFUSING = ("hide", "deny", "hold")
_T = view_decision.c


class Line(NamedTuple):
    """One thing that was asked for, summed up over the clients of a day."""

    day: date
    kind: str
    project: str
    filename: str
    version: str
    verdict: str
    rule: str
    agent: str
    ci: bool
    clients: int
    times: int


class Build(NamedTuple):
    """What one client network has fetched with one tool on a day: as near to a build as a log without addresses is."""

    day: date
    client: bytes
    agent: str
    ci: bool
    wanted: tuple[Wanted, ...]


class Wanted(NamedTuple):
    """One project of a build."""

    project: str
    version: str
    filename: str
    """Empty if only the page was asked for."""
    verdict: str
    times: int


def lines(
    sql: Connection, view: str, *, since: date, refused: bool = False, project: str = "", limit: int = 200
) -> Sequence[Line]:
    """What was asked for, the newest day first, and what was asked most first."""
    columns = (_T.day, _T.kind, _T.project, _T.filename, _T.version, _T.verdict, _T.rule, _T.agent, _T.ci)
    clients, times = sa.func.count(sa.distinct(_T.client)), sa.func.sum(_T.times)
    wanted = (
        sa.select(*columns, clients, times)
        .where(_T.view == view, _T.day >= since)
        .group_by(*columns)
        .order_by(_T.day.desc(), times.desc(), _T.project, _T.filename, _T.version, _T.kind, _T.verdict, _T.agent)
        .limit(limit)
    )
    if refused:
        wanted = wanted.where(_T.verdict.in_(REFUSING))
    if project:
        wanted = wanted.where(_T.project == project)
    return [_line(*row) for row in sql.execute(wanted)]


def _line(*values: Any) -> Line:
    """A row; PostgreSQL sums big numbers to decimals."""
    return Line._make((*values[:9], int(values[9]), int(values[10])))


def builds(sql: Connection, view: str, *, since: date, most: int = 20_000) -> tuple[list[Build], bool]:
    """The builds of the log, and whether there are more than ``most`` lines, so that some are missing."""
    wanted = (
        sa.select(_T.day, _T.client, _T.agent, _T.ci, _T.project, _T.version, _T.filename, _T.verdict, _T.times)
        .where(_T.view == view, _T.day >= since)
        .order_by(_T.day, _T.client, _T.agent, _T.ci, _T.project, _T.filename, _T.version)
        .limit(most + 1)
    )
    rows = sql.execute(wanted).all()
    found: dict[tuple[date, bytes, str, bool], list[Wanted]] = {}
    for row in rows[:most]:
        key = (row.day, bytes(row.client), row.agent, row.ci)
        found.setdefault(key, []).append(Wanted(row.project, row.version, row.filename, row.verdict, row.times))
    return [Build(*key, tuple(wanted)) for key, wanted in found.items()], len(rows) > most


def forget_log(sql: Connection, view: str) -> None:
    """Forget what a view was asked for: with the view its log goes."""
    sql.execute(view_decision.delete().where(_T.view == view))
