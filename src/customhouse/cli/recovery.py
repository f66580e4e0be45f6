"""``customhouse recovery``: reading only. Two people decide, each signed in, so the command line decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cyclopts import App
from rich.console import Console
from rich.table import Table

from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.formats.visible import visible_parts
from customhouse.index.recovery.delays import delays_of
from customhouse.index.recovery.queries import closed_cases, find_case, open_cases
from customhouse.index.recovery.show import KIND_WORDS, MISSING_WORDS, OUTCOME_WORDS, STATE_WORDS, CaseView, case_view
from customhouse.terms.errors import Refused

SHOWN = 1000
CLOSED_SHOWN = 50
WIDTH = 160

app = App(name="recovery", help="Cases of accounts whose factor is lost: read them. Two operators decide, on the page.")


@app.command(name="list")
def list_(*, closed: bool = False, data: Path | None = None) -> None:
    """List the open recovery cases, the oldest first.

    Args:
        closed: Those instead that ended last.
        data: The data folder (default ./customhouse-data).
    """
    table = Table()
    for column in ("case", "account", "stands", "proofs", "agreed", "opened", "due"):
        table.add_column(column)
    with _opened(data) as parts, parts.database.read() as sql:
        found = closed_cases(sql, limit=CLOSED_SHOWN) if closed else open_cases(sql, limit=SHOWN)
        for case, name in found:
            view = case_view(sql, case, delays_of(parts.settings))
            due = f"{case.due_at:%Y-%m-%d %H:%M}" if case.due_at is not None else ""
            accepted = sum(one.accepted for one in view.evidence)
            stands = case.outcome or STATE_WORDS[view.state]
            table.add_row(
                str(case.id), name, stands, str(accepted), str(len(view.approvals)),
                f"{case.opened_at:%Y-%m-%d %H:%M}", due,
            )  # fmt: skip
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH)).print(table)


@app.command
def show(number: int, /, *, data: Path | None = None) -> None:
    """Show one recovery case: its moments, its evidence, what is missing, and who has agreed or objected.

    Args:
        number: The case.
        data: The data folder (default ./customhouse-data).
    """
    with _opened(data) as parts, parts.database.read() as sql:
        case = find_case(sql, number)
        if case is None or case.account_id is None:
            raise Refused("unknown-case", f"There is no recovery case {number}.", status=404)
        view = case_view(sql, case, delays_of(parts.settings))
    for line in _lines(view):
        print("".join(part.text for part in visible_parts(line)))


def _lines(view: CaseView) -> Iterator[str]:
    case = view.case
    yield f"Case {case.id}: {view.name}, {OUTCOME_WORDS[case.outcome] or STATE_WORDS[view.state]} {case.note}".rstrip()
    for step in view.steps:
        yield f"  {step.at:%Y-%m-%d %H:%M} {step.words}"
    for one in view.evidence:
        yield ""
        yield f"{KIND_WORDS[one.kind]}: {one.subject}, {'accepted' if one.accepted else 'not accepted'}"
        yield f"  {one.how}"
        if one.rests_on:
            yield f"  rests on {', '.join(one.rests_on)}"
    if view.missing:
        yield ""
    for missing in view.missing:
        yield f"missing: {MISSING_WORDS[missing]}"
    for approval in view.approvals:
        yield f"{approval.name} agreed {approval.at:%Y-%m-%d %H:%M}: {approval.note}"
    for objection in view.objections:
        yield f"{objection.name} objected {objection.at:%Y-%m-%d %H:%M}: {objection.reason}"
        if objection.answered_at is not None:
            yield f"  {objection.answered_by} answered: {objection.answer}"


@contextmanager
def _opened(data: Path | None) -> Iterator[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        yield parts
