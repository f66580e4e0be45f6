"""``customhouse case``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Literal

from cyclopts import App
from rich.console import Console
from rich.table import Table

from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.formats.visible import visible_parts
from customhouse.index.cases import CaseFile, ReleaseRow, ReportRow, case_file, decided, queue
from customhouse.index.reporter_trust import TrustReporter, trust_reporter
from customhouse.index.verdict import GiveVerdict, UndoVerdict, give_verdict, undo_verdict
from customhouse.reports.model import Verdict

DECIDED_SHOWN = 30
WIDTH = 160

app = App(name="case", help="Cases: what people have reported, and what an operator decides.")


@app.command(name="list")
def list_(*, closed: bool = False, data: Path | None = None) -> None:
    """List the cases that wait for a verdict, the gravest first.

    Args:
        closed: Those instead that were decided last.
        data: The data folder (default ./customhouse-data).
    """
    with _opened(data) as parts, parts.database.read() as sql:
        if closed:
            table = _table("case", "project", "verdict", "by", "decided")
            for case, name in decided(sql, limit=DECIDED_SHOWN):
                table.add_row(str(case.id), name, case.verdict, case.decided_by, f"{case.decided_at:%Y-%m-%d %H:%M}")
        else:
            table = _table("case", "project", "reported for", "reports", "independent", "trusted", "since", "weight")
            for row in queue(sql, parts.clock.now(), _young_for(parts)):
                name = f"{row.display} ({row.status})" if row.status != "active" else row.display
                table.add_row(
                    str(row.case.id), name, ", ".join(row.kinds), str(row.reports), str(row.gravity.independent),
                    str(row.trusted), f"{row.case.opened_at:%Y-%m-%d %H:%M}", str(row.gravity.weight),
                )  # fmt: skip
    _console().print(table)


@app.command
def show(number: int, /, *, data: Path | None = None) -> None:
    """Show one case: the reports, the uploads and their signals, and what is held back.

    Args:
        number: The case.
        data: The data folder (default ./customhouse-data).
    """
    with _opened(data) as parts, parts.database.read() as sql:
        found = case_file(sql, number, parts.clock.now(), _young_for(parts))
    for line in _lines(found):
        print(line)


@app.command
def verdict(
    number: int,
    decision: Verdict,
    /,
    *,
    note: str,
    version: tuple[str, ...] = (),
    effect: Literal["quarantine", "archive"] = "quarantine",
    freeze: str = "",
    data: Path | None = None,
) -> None:
    """Decide a case.

    malware, spam, typosquat and dependency-confusion hold back the project, or the versions given; not-malware and
    unfounded lift what the case has quarantined and protect these files until the next upload; no-action and duplicate
    lift it and say nothing about the reporters.

    Args:
        number: The case.
        decision: The verdict.
        note: Why. The reporters and owners read it, and everybody else beside what is held back.
        version: Only this version is harmful; may be given several times.
        effect: What a harmful verdict does. Archived files stay, which is not for malware.
        freeze: The name of an uploader whose account is frozen.
        data: The data folder (default ./customhouse-data).
    """
    with _opened(data) as parts:
        done = parts.do(
            give_verdict, GiveVerdict(number, decision, note, effect=effect, versions=version, freeze=freeze)
        )
        parts.renderer.render_after_commit(done.project)
    print(f"Case {number} about {done.project} is decided: {decision}.")


@app.command
def undo(number: int, /, *, note: str, data: Path | None = None) -> None:
    """Take a verdict back: everything becomes as it was before, and the case is open again.

    Args:
        number: The case.
        note: Why.
        data: The data folder (default ./customhouse-data).
    """
    with _opened(data) as parts:
        done = parts.do(undo_verdict, UndoVerdict(number, note))
        parts.renderer.render_after_commit(done.project)
    print(f"The verdict of case {number} about {done.project} is undone.")


@app.command
def trust(user: str, /, *, reason: str, remove: bool = False, data: Path | None = None) -> None:
    """Mark somebody as a trusted reporter: two independent reports, one of them his, quarantine a young project.

    Args:
        user: The reporter.
        reason: Why.
        remove: Take the mark away.
        data: The data folder (default ./customhouse-data).
    """
    with _opened(data) as parts:
        found = parts.do(trust_reporter, TrustReporter(user, reason, trusted=not remove))
    print(f"{found.name} is {'no longer' if remove else 'now'} a trusted reporter.")


@contextmanager
def _opened(data: Path | None) -> Iterator[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        yield parts


def _lines(found: CaseFile) -> Iterator[str]:
    case, project = found.case, found.project
    state = "open" if case.open else f"{case.verdict}, by {case.decided_by}: {case.note}"
    yield f"Case {case.id}: {project.display}, {project.status}, since {project.created_at:%Y-%m-%d}"
    yield _shown(f"  {state}")
    gravity = found.gravity
    yield f"  weight {gravity.weight}, {gravity.independent} independent, {found.downloads:,} downloads in 30 days"
    if found.critical:
        yield _shown(f"  critical: {found.critical}")
    for report in found.reports:
        yield from _report(report)
    for release in found.releases:
        yield from _release(release)
    for hold in found.holds:
        what = found.held_versions[hold.release_id] if hold.release_id else "the project"
        end = f", lifted {hold.ended_at:%Y-%m-%d %H:%M} by {hold.ended_by}" if hold.ended_at else ""
        yield _shown(
            f"  {hold.status}: {what} since {hold.began_at:%Y-%m-%d %H:%M} by {hold.began_by}{end}: {hold.reason}"
        )


def _report(row: ReportRow) -> Iterator[str]:
    claim, past = row.filed.claim, row.reporter.reputation
    marks = ["trusted"] * past.trusted + ["silenced"] * past.silenced + ["owner or maintainer"] * row.reporter.concerned
    about = f" in {claim.version}" if claim.version else ""
    yield ""
    yield _shown(
        f"{claim.kind}{about}, {row.filed.created_at:%Y-%m-%d %H:%M} by {row.reporter.name}"
        f" ({', '.join([*marks, f'{past.confirmed} confirmed, {past.rejected} not'])})"
    )
    for label, text in (
        ("file", claim.filename), ("imitates", claim.imitates), ("evidence", claim.evidence_url),
        ("in", f"{claim.evidence_path}:{claim.evidence_line or ''}".strip(":")),
    ):  # fmt: skip
        if text:
            yield _shown(f"  {label}: {text}")
    for text in (claim.text, claim.evidence_excerpt):
        for line in text.split("\n") if text else ():
            yield _shown(f"  | {line}")


def _release(release: ReleaseRow) -> Iterator[str]:
    yield ""
    marks = ", reported" * release.reported + ", quarantined" * release.quarantined
    yield f"{release.version}{marks}" + (f" (before it: {release.previous})" if release.previous else "")
    for one in release.files:
        yield _shown(f"  {one.file.filename}, {one.file.uploaded_at:%Y-%m-%d %H:%M} by {one.uploader}")
        for signal in one.file.signals:
            yield _shown(f"    {signal['code']} {signal.get('where', '')} {signal.get('detail', '')}".rstrip())


def _shown(line: str) -> str:
    """A stranger's text for a terminal: what has no picture, escape sequences above all, stands as its number."""
    return "".join(part.text for part in visible_parts(line))


def _young_for(parts: Parts) -> timedelta:
    return timedelta(days=parts.settings.young_project_days)


def _table(*columns: str) -> Table:
    table = Table()
    for column in columns:
        table.add_column(column)
    return table


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)
