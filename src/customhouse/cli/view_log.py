"""``customhouse view log``: what a view was asked for, and what it answered."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.formats.plain import plain
from customhouse.infra.decision_spool import decisions_folder
from customhouse.terms.errors import Rejected
from customhouse.views.log.fold import fold_decisions
from customhouse.views.log.queries import Line, lines

COLUMNS = 80
MOST_DAYS = 3650
"""Nothing is kept longer by any setting."""


def log(
    name: Annotated[str, Parameter(help="The view's name.")], /, *,
    days: Annotated[int, Parameter(help="So many days, today among them.")] = 7,
    refused: Annotated[bool, Parameter(negative="", help="Only what was refused.")] = False,
    project: Annotated[str, Parameter(help="Only this project.")] = "",
    limit: Annotated[int, Parameter(help="At most so many lines.")] = 200,
    data: Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")] = None,
) -> None:  # fmt: skip
    """Show what a view was asked for: the newest day first, and what was asked most first.

    A client is a network on a day: nobody's address is written down.
    """
    refuse_bad_days(days)
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        view = parts.views.get(name)
        now = parts.clock.now()
        # What was noted a moment ago is in files still, if the worker has not come by.
        fold_decisions(parts.database, decisions_folder(settings.data), now, settings.decisions_days)
        since = (now - timedelta(days=days - 1)).date()
        with parts.database.read() as sql:
            found = lines(sql, view.name, since=since, refused=refused, project=project, limit=max(limit, 1))
    if not settings.decisions_days:
        print("Nothing is kept: the setting decisions_days is 0.")
    elif not found:
        print(f"Nothing{' was refused' if refused else ' was asked'} in {days} days.")
    for one in found:
        print(_line(one))


def refuse_bad_days(days: int) -> None:
    """A log of no days, or of more than any calendar has, is none."""
    if not 1 <= days <= MOST_DAYS:
        raise Rejected("bad-days", "--days", f"{days} days", f"1 to {MOST_DAYS}")


def _line(one: Line) -> str:
    what = f"page, offered {one.version or 'nothing'}" if one.kind == "page" else one.filename
    if one.kind == "metadata":
        what += " (metadata)"
    said = f"{one.verdict} (rule {one.rule})" if one.rule else one.verdict
    who = f"{one.agent or '?'}{' in a build' if one.ci else ''}"
    head = f"{one.day} {one.times:>6,}×  {plain(said, 40)}"
    tail = f"{plain(one.project, 60)}: {plain(what, 120)}  [{who}, {one.clients:,}]"
    line = f"{head}  {tail}"
    return line if len(line) <= COLUMNS else f"{head}\n    {tail}"
