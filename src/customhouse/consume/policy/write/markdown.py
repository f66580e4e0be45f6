"""What a policy would do, as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from customhouse.consume.policy.exceptions_toml import exceptions_toml
from customhouse.consume.policy.model import Outcome, Report
from customhouse.consume.policy.write.table import MOST_ROWS, WORDS, counted, exceptions_of
from customhouse.formats.plain import plain

_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>|#!"})


def markdown(report: Report, now: datetime) -> str:
    """The whole text, with a line feed at the end."""
    return "\n".join(_lines(report, now)) + "\n"


def _lines(report: Report, now: datetime) -> Iterator[str]:
    when = f" as of {report.as_of:%Y-%m-%d}" if report.as_of is not None else ""
    verdict = "something breaks" if report.breaks else "nothing breaks"
    yield f"### Policy {_text(report.policy)} on view {_text(report.view)}{when}: {verdict}"
    yield ""
    if report.verdicts:
        yield "| versions | what becomes of them | rule |"
        yield "| ---: | --- | --- |"
        for action, rule, number in counted(report.verdicts):
            yield f"| {number} | {WORDS.get(action, action)} | {_text(rule)} |"
        yield ""
    for one in report.outcomes:
        if one.target.kind != "log":
            yield from _outcome(one)
    if (log := report.log) is not None:
        yield f"Of {log.builds} builds in {log.days} days of the log:"
        yield f"{log.builds_failed} would fail, {log.builds_fell_back} would get another version."
        yield ""
    if report.delayed:
        yield "**Security fixes that wait**"
        yield ""
        for fix in report.delayed[:MOST_ROWS]:
            days = f"{fix.days:.0f} days" if fix.days is not None else "until somebody decides"
            yield f"* {_text(fix.name)} {_text(fix.version)} mends {_text(', '.join(fix.advisories))}: {days}"
        yield ""
    if report.attacks:
        stopped = sum(row.stopped for row in report.attacks)
        yield f"Known attacks stopped: {stopped} of {len(report.attacks)}."
        yield ""
    if wanted := exceptions_of(report):
        yield "**Exceptions with which everything passes**"
        yield ""
        yield "```toml"
        yield exceptions_toml(wanted, now).strip("\n").replace("```", "")
        yield "```"


def _outcome(one: Outcome) -> Iterator[str]:
    word = {True: "✓", False: "✗", None: "?"}[one.satisfiable]
    what = "resolves" if one.target.loose else "installs as it is"
    yield f"{word} **{_text(one.target.title)}** {'' if one.satisfiable else 'no longer '}{what}"
    yield ""
    refused = [row for row in one.verdicts if row.refused]
    for row in refused[:MOST_ROWS] if not one.target.loose else ():
        yield f"* {_text(row.name)} {_text(row.version)}: {_text(row.rule)}: {_text(row.reason)}"
    for moved in one.moved[:MOST_ROWS]:
        yield f"* {_text(moved.name)} {_text(moved.before) or '-'} → {_text(moved.after) or '-'}"
    for dead in one.dead:
        ways = " → ".join(f"{step.by} requires {step.requirement}" for path in dead.paths[:1] for step in path)
        yield f"* no version of {_text(dead.name)} is left: {_text(ways)}"
    yield ""


def _text(text: str) -> str:
    return plain(text, 300).translate(_SIGNS)
