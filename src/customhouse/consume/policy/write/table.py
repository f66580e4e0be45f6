"""What a policy would do, for a terminal of 80 columns. Names and reasons are strangers' (`formats/plain`)."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from statistics import median

from customhouse.consume.policy.exceptions_toml import exceptions_toml
from customhouse.consume.policy.model import Dead, Excepted, LogReport, Outcome, Report, Verdict
from customhouse.formats.plain import plain
from customhouse.formats.policy.decide import DATA
from customhouse.formats.policy.unknown import LOAD_ADVISORIES

COLUMNS = 80
MOST_ROWS = 40
WORDS = {"allow": "let in", "warn": "let in with a warning", "hide": "hidden", "deny": "denied", "hold": "held"}


def table(report: Report, now: datetime) -> str:
    """The whole text, with a line feed at the end."""
    lines = [*_head(report), ""]
    if report.verdicts:
        lines += [*_by_rule(report.verdicts), "", *_dataless(report.verdicts)]
    for one in report.outcomes:
        if one.target.kind != "log":
            lines += [*_outcome(one), ""]
    if report.log is not None:
        lines += [*_log(report.log), ""]
    lines += [*_newest(report), *_delayed(report), *_attacks(report)]
    wanted = exceptions_of(report)
    if wanted:
        lines += [*_exceptions(report, wanted, now), ""]
    lines += [*_gaps(report), *_end(report)]
    return "\n".join(lines) + "\n"


def exceptions_of(report: Report) -> tuple[Excepted, ...]:
    """Those of all targets, each once."""
    every = {(one.name, one.version): one for part in report.outcomes for one in part.exceptions}
    return tuple(every[key] for key in sorted(every))


def counted(verdicts: Sequence[Verdict]) -> list[tuple[str, str, int]]:
    """Action, rule, and how many versions: what is let in first, then by number."""
    words = Counter((one.action, one.rule) for one in verdicts if one.found)
    order = list(WORDS)
    return [
        (action, rule, number)
        for (action, rule), number in sorted(
            words.items(), key=lambda row: (order.index(row[0][0]) if row[0][0] in order else 9, -row[1], row[0][1])
        )
    ]


def _head(report: Report) -> Iterator[str]:
    when = f", as of {report.as_of:%Y-%m-%d %H:%M} UTC" if report.as_of is not None else ""
    yield from _wrapped(f"The policy {plain(report.policy, 200)} on the view {plain(report.view, 60)}{when}.", 0)


def _by_rule(verdicts: Sequence[Verdict]) -> Iterator[str]:
    total = len(verdicts)
    yield f"{'versions':>8}  what becomes of them"
    for action, rule, number in counted(verdicts):
        yield _cut(f"{number:>8,}  {WORDS.get(action, action)}{f' by {plain(rule, 50)}' if rule else ''}")
    if missing := sum(not one.found for one in verdicts):
        yield f"{missing:>8,}  not in this view at all"
    yield f"{total:>8,}  in all"


def _dataless(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """That the policy could not be tried, because the index lacks what it rests on."""
    first = next((one for one in verdicts if one.found and one.rule == DATA), None)
    if first is None:
        return
    yield from _wrapped(f"! The index lacks data that the policy rests on: {plain(first.reason, 200)}.", 2)
    if "advisories" in first.reason:
        yield "  Whoever runs it loads them, and then it may look quite different:"
        yield f"  {LOAD_ADVISORIES}"
    yield ""


def _outcome(one: Outcome) -> Iterator[str]:
    target = plain(one.target.title, 200)
    if one.satisfiable is None:
        yield from _wrapped(f"? {target}: nobody can tell, see NOT LOOKED UP.", 0)
    elif one.satisfiable and not one.target.loose:
        yield from _wrapped(f"✓ {target} installs as it is.", 0)
    elif one.satisfiable:
        others = _many(len(one.moved), "project gets", "projects get")
        same = f"; {others} another version" if one.moved else " with the same versions"
        yield from _wrapped(f"✓ {target} resolves{same}.", 0)
    elif one.target.loose:
        yield from _wrapped(f"✗ {target} is UNSATISFIABLE.", 0)
    else:
        yield from _wrapped(
            f"✗ {target} does not install: {_many(len(_refused(one)), 'pin is', 'pins are')} refused.", 0
        )
        yield from _again(one)
    for row in _refused(one)[:MOST_ROWS] if not one.target.loose else ():
        yield from _wrapped(f"{plain(row.name, 60)} {plain(row.version, 40)}: {_why(row)}", 4)
    for moved in one.moved[:MOST_ROWS]:
        yield _cut(f"    {plain(moved.name, 40)}  {plain(moved.before, 20) or '-'} → {plain(moved.after, 20) or '-'}")
    for dead in one.dead:
        yield from _dead(dead)
    if one.said and not one.dead and one.satisfiable is False and one.target.loose:
        yield from _wrapped(f"uv says: {plain(one.said, 600)}", 4)


def _again(one: Outcome) -> Iterator[str]:
    if one.relocks is None:
        return
    if one.relocks:
        changed = _many(len(one.moved), "version", "versions")
        yield from _wrapped(f"Locking again finds a solution: {changed} would be other ones.", 2)
    else:
        yield from _wrapped(f"Locking again finds none. uv says: {plain(one.said, 500)}", 2)


def _dead(dead: Dead) -> Iterator[str]:
    yield from _wrapped(f"No version of {plain(dead.name, 60)} is left that fits:", 2)
    for path in dead.paths:
        for depth, step in enumerate(path):
            sure = "" if step.confirmed else "  (not confirmed)"
            yield from _wrapped(f"└─ {plain(step.by, 60)} requires {plain(step.requirement, 100)}{sure}", 4 + 2 * depth)
    for version, rule, reason in dead.hidden:
        yield from _wrapped(
            f"{plain(version, 40)} would fit, and {plain(rule, 50)!r} keeps it back: {plain(reason)}", 4
        )
    left = ", ".join(plain(one, 30) for one in dead.left)
    yield from _wrapped(f"Let through: {left or 'no version at all'}.", 4)


def _log(log: LogReport) -> Iterator[str]:
    more = " The log holds more than was looked at." if log.cut else ""
    yield from _wrapped(
        f"Of {_many(log.builds, 'build', 'builds')} in {_many(log.days, 'day', 'days')} of the view's log"
        f" {log.passed:,} would have gone on as they did, {log.builds_fell_back:,} would have got another version,"
        f" {log.builds_failed:,} would have failed.{more}", 0,
    )  # fmt: skip
    for title, rows in (("failed", log.failed), ("another version", log.fell_back)):
        for name, version, rule, number in rows[:MOST_ROWS]:
            words = f"{title}: {plain(name, 40)} {plain(version, 20)} ({plain(rule, 40)})"
            yield _cut(f"    {number:>6,}  {words}")


def _newest(report: Report) -> Iterator[str]:
    rows = [one for one in report.newest if one.today != one.candidate]
    if not rows:
        return
    yield f"{'newest version':<34} {'today':<20}    candidate"
    for one in rows[:MOST_ROWS]:
        yield _cut(
            f"  {plain(one.name, 30):<32} {plain(one.today, 20) or '-':<20} →  {plain(one.candidate, 20) or '-'}"
        )
    if len(rows) > MOST_ROWS:
        yield f"  and {len(rows) - MOST_ROWS} more"
    yield ""


def _delayed(report: Report) -> Iterator[str]:
    if not report.delayed:
        return
    yield "Security fixes that wait:"
    for one in report.delayed[:MOST_ROWS]:
        days = f"{one.days:.0f} days after its upload" if one.days is not None else "until somebody decides"
        names = ", ".join(plain(name, 40) for name in one.advisories[:4])
        yield from _wrapped(f"{plain(one.name, 40)} {plain(one.version, 30)} mends {names}: {days}.", 2)
    yield ""


def _attacks(report: Report) -> Iterator[str]:
    if report.waits:
        yield f"New versions wait {median(report.waits):.1f} days in the median, {max(report.waits):.1f} at most."
    if not report.attacks:
        return
    stopped = sum(one.stopped for one in report.attacks)
    others = ", not:" if stopped < len(report.attacks) else "."
    yield f"Known attacks stopped: {stopped} of {len(report.attacks)}{others}"
    for one in report.attacks:
        if not one.stopped:
            yield _cut(f"  {one.day[:7]}  {plain(one.title, 100)}")
    yield ""


def _exceptions(report: Report, wanted: Sequence[Excepted], now: datetime) -> Iterator[str]:
    proven = all(one.proven for one in report.outcomes)
    size = "The smallest set of exceptions" if proven else "A set of exceptions (a smaller one may exist)"
    tried = [one.confirmed for one in report.outcomes if one.exceptions]
    sure = ", tried: it passes" if tried and all(tried) else ""
    yield from _wrapped(f"{size} with which everything passes{sure}. Put below the policy, with an owner:", 0)
    yield from exceptions_toml(wanted, now).rstrip("\n").split("\n")


def _gaps(report: Report) -> Iterator[str]:
    gaps = [*report.gaps, *(gap for one in report.outcomes for gap in (*one.target.gaps, *one.gaps))]
    gaps = list(dict.fromkeys(gaps))
    if gaps:
        yield f"NOT LOOKED UP ({len(gaps)}):"
    for one in gaps[:MOST_ROWS]:
        step = f" Next: {plain(one.next_step)}." if one.next_step else ""
        yield from _wrapped(f"{plain(one.where, 200)}: {plain(one.why)}.{step}", 2)
    if len(gaps) > MOST_ROWS:
        yield f"  and {len(gaps) - MOST_ROWS} more"


def _end(report: Report) -> Iterator[str]:
    never = [(row, part) for part in report.outcomes for row in part.verdicts if row.refused and row.never]
    for row, _ in never:
        yield from _wrapped(f"No exception is proposed for {plain(row.name, 60)} {plain(row.version, 40)}:"
                            f" {plain(row.never)}.", 0)  # fmt: skip
    if report.breaks:
        yield "Something breaks that works today."
    elif report.partial:
        yield "Nothing breaks of what could be looked up."
    else:
        yield "Nothing breaks."


def _refused(one: Outcome) -> list[Verdict]:
    return [row for row in one.verdicts if row.refused]


def _why(row: Verdict) -> str:
    until = f", until {row.changes_at:%Y-%m-%d}" if row.changes_at is not None else ""
    return f"{WORDS.get(row.action, row.action)} by {plain(row.rule, 50)!r}{until}: {plain(row.reason)}"


def _many(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def _wrapped(text: str, indent: int) -> list[str]:
    blanks = " " * indent
    return textwrap.wrap(
        text, COLUMNS, initial_indent=blanks, subsequent_indent=blanks + "  ", break_on_hyphens=False
    ) or [""]  # fmt: skip


def _cut(line: str) -> str:
    return line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…"
