"""``customhouse project rule`` and ``staged``: what a project asks of its releases, and which of them wait."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from customhouse.app import open_app, prepare
from customhouse.catalog import teams
from customhouse.catalog.staged import files_of_session, ongoing_sessions
from customhouse.cli.options import read_settings
from customhouse.index.approving.clearance import clearance_of, missing
from customhouse.index.approving.rule import rule_of
from customhouse.index.approving.set_rule import SetRule, in_words, set_rule
from customhouse.index.slow.model import PendingChange
from customhouse.index.subject import find_subject
from customhouse.terms.identity import COMMAND_LINE

Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
Approvals = Annotated[int | None, Parameter(help="How many people must approve each release; 0 to 10.")]
Factor = Annotated[Literal["any", "webauthn"], Parameter(help="With which second factor.")]
Uploader = Annotated[bool, Parameter(help="Whether somebody may approve what he has sent himself.")]
Hours = Annotated[int, Parameter(help="How many hours must pass after the last change of its files.")]
Team = Annotated[str, Parameter(help="A team of the organization; only its members approve.")]
Reason = Annotated[str, Parameter(help="Why; the owners read it.")]


def rule(
    name: str, *, approvals: Approvals = None, method: Factor = "any", uploader_may: Uploader = False,
    hours: Hours = 0, team: Team = "", reason: Reason = "", data: Data = None,
) -> None:  # fmt: skip
    """Show what a project asks of its releases; with --approvals, ask for that from now on."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        if approvals is None:
            with parts.database.read() as sql:
                found = find_subject(sql, name, "", "", COMMAND_LINE).project
                asked = rule_of(sql, found.id)
                named = teams.name_of_team(sql, asked.team_id) if asked.team_id is not None else ""
            print(f"{found.display}: {in_words(asked, named)}.")
            return
        wish = SetRule(name, approvals, method, not uploader_may, timedelta(hours=hours), team, reason)
        outcome = parts.do(set_rule, wish)
    print(outcome.says_when if isinstance(outcome, PendingChange) else f"{name}: {in_words(outcome, team)}.")


def staged(name: str, *, data: Data = None) -> None:
    """List the releases of a project that wait for people, and what each still needs."""
    settings = read_settings(data=data)
    prepare(settings)
    table = Table("version", "session", "begun", "files", "approved by", "missing", box=None)
    with open_app(settings) as parts, parts.database.read() as sql:
        now = parts.clock.now()
        found = find_subject(sql, name, "", "", COMMAND_LINE).project
        sessions = ongoing_sessions(sql, found.normalized, embargoed=True)
        for session in sessions:
            files = files_of_session(sql, session.id)
            clearance, waits = clearance_of(sql, session, now, files), missing(sql, session, None, now)
            table.add_row(
                session.version, session.id, f"{session.created_at:%Y-%m-%d %H:%M}", str(len(files)),
                ", ".join(one.name for one in clearance.approvals), waits.sentence if waits is not None else "nothing",
            )  # fmt: skip
    if sessions:
        Console().print(table)
    else:
        print("No release waits.")
