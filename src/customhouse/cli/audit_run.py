"""What ``customhouse audit`` does.

Whatever not every audit needs is imported where it is needed: an audit offline takes a tenth of a second, and loading
is most of it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from customhouse.cli.audit_flags import Flags
from customhouse.cli.audit_surroundings import Connections, ProgressLine, write_whole
from customhouse.cli.audit_work import Asked, Work
from customhouse.cli.audit_written import written
from customhouse.consume.audit.engine import Scope
from customhouse.consume.audit.model import Report
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.verdict import LEVELS, exit_code
from customhouse.consume.snapshot.place import Wanted, default_path
from customhouse.formats.inventory.model import PRODUCTION
from customhouse.terms.clock import Clock, SystemClock
from customhouse.terms.errors import Rejected

ENVIRONMENT = "environment"


def run(flags: Flags) -> int:
    """Do what the flags ask for; returns the exit code."""
    level = LEVELS[flags.level]
    if flags.whole_index:
        _must_fit_the_index(flags)
        # The only audit that needs the server's database.
        from customhouse.cli.audit_index import audit_index  # noqa: PLC0415

        return audit_index(level, flags.format, flags.output, flags.data)
    _must_fit(flags)
    clock = SystemClock()
    with ProgressLine() as line, Connections() as connections:
        work = Work(_asked(flags), clock, line, connections)
        if flags.install:
            return _install(flags, work, clock)
        report = work.report(_targets(flags))
        if flags.fix:
            from customhouse.cli.audit_fix import mend  # noqa: PLC0415

            done = mend(report, level, work.pages(), flags.index_url, dry=flags.dry_run)
            report = work.report(_targets(flags)) if done and not flags.dry_run else report
    if flags.write_baseline and flags.baseline is not None:
        report = _rebased(report, flags.baseline, flags.reason)
    _tell(report, flags, clock)
    return exit_code(report, level)


def _asked(flags: Flags) -> Asked:
    lists = tuple(f"{kind}:{place}" for kind, place in (("kev", flags.kev), ("epss", flags.epss)) if place)
    return Asked(
        Wanted(flags.snapshot or default_path(os.environ), flags.advisories, lists, flags.offline, flags.refresh),
        ReadOptions(python=_version(flags.python), offline=flags.offline, index_url=flags.index_url),
        _scope(flags), dict.fromkeys(flags.ignore, flags.reason), flags.vex, flags.no_vex, flags.baseline,
        flags.index_url, flags.no_index, flags.old_after_days,
    )  # fmt: skip


def _install(flags: Flags, work: Work, clock: Clock) -> int:
    from customhouse.cli.audit_fix import install  # noqa: PLC0415

    def judge(pinned: Path) -> int:
        report = work.report([str(pinned)])
        _tell(report, flags, clock)
        return exit_code(report, LEVELS[flags.level])

    where = flags.python or os.environ.get("VIRTUAL_ENV") or sys.executable
    return install(flags.targets, where, flags.index_url, judge, offline=flags.offline)


OF_THE_INDEX = frozenset({"whole_index", "data", "level", "format", "output", "offline", "no_index"})
"""The flags that go with auditing every release of the index, where nobody else is asked anyway."""


def _must_fit_the_index(flags: Flags) -> None:
    """An index is audited with its own advisories, and whole: a flag that is passed over would be a promise broken."""
    default = Flags()._asdict()
    for name, value in flags._asdict().items():
        if name not in OF_THE_INDEX and value != default[name]:
            flag = "targets" if name == "targets" else f"--{name.replace('_', '-')}"
            raise Rejected("bad-index", flag, "it does not go with --index", "--level, --format, --output and --data")


def _must_fit(flags: Flags) -> None:
    """Flags that need each other, or exclude each other."""
    if flags.ignore and not flags.reason.strip():
        raise Rejected("no-reason", "--ignore", "nobody knows in a year why", "--reason with a sentence")
    if flags.baseline is not None and not flags.write_baseline and not flags.baseline.exists():
        raise Rejected("no-baseline", str(flags.baseline), "there is no such file", "--write-baseline makes it")
    if flags.write_baseline and flags.baseline is None:
        raise Rejected("no-baseline", "--write-baseline", "it is not said where", "--baseline FILE with it")
    if flags.dry_run and not flags.fix:
        raise Rejected("bad-dry-run", "--dry-run", "it shows what --fix would do", "--fix with it")
    if flags.install and (flags.fix or flags.write_baseline):
        raise Rejected("bad-install", "--install", "it contradicts --fix and --write-baseline", "one of them")


def _rebased(report: Report, path: Path, reason: str) -> Report:
    """Write what is found now to the baseline; then all of it is known."""
    from customhouse.consume.audit.baseline import Baseline, read_baseline, write_baseline  # noqa: PLC0415

    known = read_baseline(path) if path.exists() else Baseline({})
    if not reason.strip() and any(not one.known for one in report.findings):
        raise Rejected("no-reason", "--write-baseline", "new entries need one", "--reason with a sentence")
    known = known.renewed(report.findings, reason.strip())
    write_whole(path, write_baseline(known))
    return replace(report, findings=tuple(known.marked(report.findings)))


def _targets(flags: Flags) -> tuple[str, ...]:
    if flags.targets:
        return flags.targets
    if flags.python and not _version(flags.python):
        return (flags.python,)
    return (os.environ.get("VIRTUAL_ENV") or ENVIRONMENT,)


def _version(python: str) -> str:
    return python if python[:1].isdigit() else ""


def _scope(flags: Flags) -> Scope:
    if sum((bool(flags.groups), bool(flags.only_group), flags.no_dev)) > 1:
        raise Rejected("bad-groups", "--groups", "it contradicts --only-group or --no-dev", "one of the three")
    if flags.only_group:
        return Scope(frozenset(flags.only_group))
    if flags.groups or flags.no_dev:
        return Scope(frozenset({PRODUCTION, *flags.groups}))
    return Scope()


def _tell(report: Report, flags: Flags, clock: Clock) -> None:
    coloured = flags.output is None and _is_coloured()
    text = written(report, LEVELS[flags.level], flags.format, clock.now(), coloured=coloured)
    if flags.output is not None:
        write_whole(flags.output, text)
    else:
        sys.stdout.write(text)


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
