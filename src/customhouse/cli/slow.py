"""``customhouse project pending`` and ``protect``: what waits, and asking for slow motion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.index import people
from customhouse.index.slow import queries
from customhouse.index.slow.protect import Protect, protect
from customhouse.index.subject import find_subject
from customhouse.terms.identity import COMMAND_LINE

Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]


def pending(name: str, *, data: Data = None) -> None:
    """Show which dangerous changes of a project wait, and until when."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts, parts.database.read() as sql:
        found = find_subject(sql, name, "", "", COMMAND_LINE).project
        waiting = queries.open_changes_of_project(sql, found.id)
        users = people.users_by_id(sql, [one.requested_by for one in waiting if one.requested_by is not None])
    if not waiting:
        print(f"Nothing waits for {found.display}.")
        return
    table = Table(title=f"What waits for {found.display}", title_justify="left")
    for column in ("change", "asked for by", "takes effect"):
        table.add_column(column)
    for one in waiting:
        asker = users[one.requested_by].name if one.requested_by is not None else "operator"
        when = "contested" if one.state == "contested" else f"{one.effective_at:%Y-%m-%d %H:%M} UTC"
        table.add_row(one.sentence, asker, when)
    Console().print(table, markup=False)


def guard(name: str, *, off: bool = False, reason: str = "", data: Data = None) -> None:
    """Let the dangerous changes of a project wait (slow motion), or end that with --off."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        waits = parts.do(protect, Protect(name, on=not off, reason=reason))
    print(waits.says_when if waits is not None else f"Dangerous changes of {name} {'no longer ' if off else ''}wait.")
