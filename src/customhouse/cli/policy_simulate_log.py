"""A policy on the log of a view, on the index's own machine: what clients fetch is for operators alone."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.cli.view_log import refuse_bad_days
from customhouse.consume.policy.model import (
    Delayed,
    Excepted,
    LogReport,
    Newest,
    Outcome,
    Report,
    Target,
    Verdict,
    Wanted,
)
from customhouse.consume.policy.stopped import attacks_stopped
from customhouse.formats.inventory.model import Gap
from customhouse.formats.policy.read import read_policy
from customhouse.views.log.queries import builds
from customhouse.views.offering import policy_of
from customhouse.views.simulate import model
from customhouse.views.simulate.decide_many import decide_many
from customhouse.views.simulate.replay import ENDED, FELL_BACK, PASSED, Replayed, replay, wanted_of
from customhouse.views.simulate.there import Looking

SECONDS = 600.0
MOST_LINES = 20_000
"""Of the log."""


def of_log(view: str, text: str, policy: str, days: int, data: Path | None) -> Report:
    """The candidate policy on so many days of the log."""
    refuse_bad_days(days)
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        return report_of(parts, view, text, policy, days)


def report_of(parts: Parts, name: str, text: str, policy: str, days: int) -> Report:
    """The same in an open app. Raises `Refused` if there is no such view."""
    now = parts.clock.now()
    view = parts.views.get(name)
    internal = parts.settings.internal_names
    candidate, today = read_policy(text, now=now, internal=internal), policy_of(view, internal)
    with parts.database.read() as sql:
        found, cut = builds(sql, view.name, since=(now - timedelta(days=days - 1)).date(), most=MOST_LINES)
    looking = Looking(parts.views)
    replayed = replay(looking, view, candidate, found)
    decided = decide_many(looking, view, candidate, today, wanted_of(found), seconds=SECONDS, rules=True)
    verdicts = tuple(_verdict(one) for one in decided.verdicts)
    log = _log(replayed, days, cut=cut)
    away = replayed.unknown | set(decided.left) | {one for one, _ in decided.failed}
    gaps = [Gap(one, "it could not be looked up", "try again") for one in sorted(away)]
    gone = "the view no longer has what was fetched, so its builds were not judged"
    gaps += [Gap(one, gone, "look whether they still need it") for one in sorted(replayed.gone - away)]
    if cut:
        gaps.append(Gap("the log", f"only the oldest {MOST_LINES:,} lines were looked at", "fewer --days"))
    if not parts.settings.decisions_days:
        gaps.append(Gap("the log", "nothing is kept (decisions_days = 0)", "keep some days, then try again"))
    return Report(
        view.name, policy, None, (_outcome(name, days, replayed, verdicts),),
        newest=tuple(Newest(*one) for one in decided.newest),
        delayed=tuple(Delayed(*one) for one in decided.delayed),
        attacks=attacks_stopped(text, now), waits=tuple(one for one in decided.waits if one is not None), log=log,
        gaps=tuple(gaps),
    )  # fmt: skip


def _outcome(view: str, days: int, replayed: Replayed, verdicts: tuple[Verdict, ...]) -> Outcome:
    """The log as a target: what builds could not do without needs an exception."""
    needed = {(name, version) for name, version, _ in replayed.failed}
    refused = [one for one in verdicts if one.refused and not one.never and (one.name, one.version) in needed]
    excepted = tuple(
        Excepted(one.name, one.version, one.rules or (one.rule,), f"builds need it: {one.reason}", one.changes_at)
        for one in refused
    )
    title = f"the log of {view}, {days} days"
    target = Target(title, "log", tuple(Wanted(one.name, one.version) for one in verdicts))
    return Outcome(target, verdicts, satisfiable=not replayed.failed, exceptions=excepted)


def _log(replayed: Replayed, days: int, *, cut: bool) -> LogReport:
    return LogReport(
        days, replayed.builds, replayed.outcomes[PASSED], _rows(replayed.fell_back), _rows(replayed.failed),
        replayed.outcomes[FELL_BACK], replayed.outcomes[ENDED], cut,
    )  # fmt: skip


def _rows(counted: Counter[tuple[str, str, str]]) -> tuple[tuple[str, str, str, int], ...]:
    return tuple((*key, number) for key, number in counted.most_common())


def _verdict(one: model.Verdict) -> Verdict:
    return Verdict(
        one.wanted.name, one.wanted.version, one.wanted.filename, one.found, one.action, one.rule, one.rules,
        one.reason, one.today, one.changes_at, one.vulnerabilities, one.never,
    )  # fmt: skip
