"""``customhouse audit``: what is known to be wrong with what is installed, locked or asked for.

Whatever not every audit needs is imported where it is needed: an audit offline takes a tenth of a second, and loading
is most of it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from customhouse.cli.audit_surroundings import Connections, ProgressLine, write_whole
from customhouse.cli.audit_work import Asked, Work
from customhouse.cli.audit_written import written
from customhouse.consume.audit.baseline import Baseline, read_baseline
from customhouse.consume.audit.baseline import write_baseline as write_baseline_text
from customhouse.consume.audit.engine import Scope
from customhouse.consume.audit.model import Report
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.verdict import LEVELS, exit_code
from customhouse.consume.snapshot.place import OLD_DAYS, Wanted, default_path
from customhouse.formats.inventory.model import PRODUCTION
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Rejected

ENVIRONMENT = "environment"

Targets = Annotated[
    list[str] | None,
    Parameter(
        help="Lock files, requirements, pyproject.toml, wheels, sdists, SBOMs, images, environments, folders;"
        " environment (the active one: the default) or interpreter.",
    ),
]
Offline = Annotated[bool, Parameter(name="--offline", negative="", show_default=False, help="Ask nobody.")]
SnapshotFile = Annotated[
    Path | None, Parameter(help="The file that holds the advisories (default in the user's cache).")
]
Advisories = Annotated[
    list[str] | None,
    Parameter(
        negative="",
        help="Where advisories come from: the address of a Customhouse or of a store like OSV.dev's, a zip, a folder."
        " Remembered in the snapshot.",
    ),
]
Kev = Annotated[str, Parameter(show_default=False, help="CISA's catalogue (KEV): a file or an address. Remembered.")]
Epss = Annotated[str, Parameter(show_default=False, help="FIRST's scores (EPSS): a file or an address. Remembered.")]
Refresh = Annotated[
    bool, Parameter(name="--refresh", negative="", show_default=False, help="Ask for news even if that was just done.")
]
LevelFlag = Annotated[
    Literal["low", "medium", "high", "critical"],
    Parameter(help="From which level on findings fail the audit. What nobody has scored always does."),
]
Groups = Annotated[
    list[str] | None, Parameter(negative="", help="Audit these dependency groups beside production (default: all).")
]
OnlyGroup = Annotated[list[str] | None, Parameter(negative="", help="Audit this dependency group alone.")]
NoDev = Annotated[
    bool, Parameter(name="--no-dev", negative="", show_default=False, help="Audit what is installed in production.")
]
Format = Annotated[
    Literal["table", "json", "sarif", "markdown", "cyclonedx"],
    Parameter(name=["--format", "-f"], help="How to say it."),
]
Output = Annotated[Path | None, Parameter(name=["--output", "-o"], help="Write it to a file instead.")]
BaselineFile = Annotated[Path | None, Parameter(help="A file of findings that are known and do not fail the audit.")]
WriteBaseline = Annotated[
    bool,
    Parameter(
        name="--write-baseline",
        negative="",
        show_default=False,
        help="Write what is found now to the --baseline file; --reason says why.",
    ),
]
Ignore = Annotated[list[str] | None, Parameter(negative="", help="Pass over a vulnerability; needs a --reason.")]
Reason = Annotated[str, Parameter(show_default=False, help="Why --ignore or --write-baseline.")]
VexFiles = Annotated[
    list[Path] | None, Parameter(name="--vex", negative="", help="VEX statements: OpenVEX, CSAF or CycloneDX.")
]
Python = Annotated[
    str,
    Parameter(
        show_default=False, help="Another environment by its python, or the version that requirements are resolved for."
    ),
]
IndexUrl = Annotated[
    str, Parameter(show_default=False, help="The simple repository to ask for statuses, versions and resolutions.")
]
NoIndex = Annotated[
    bool,
    Parameter(
        name="--no-index", negative="", show_default=False, help="Ask no index for statuses, yanks and versions."
    ),
]
Fix = Annotated[
    bool,
    Parameter(
        name="--fix", negative="", show_default=False,
        help="Raise what can be raised in requirements files and uv.lock, hashes too, and audit again.",
    ),
]  # fmt: skip
DryRun = Annotated[
    bool, Parameter(name="--dry-run", negative="", show_default=False, help="With --fix: show, and write nothing.")
]
Install = Annotated[
    bool,
    Parameter(
        name="--install", negative="", show_default=False,
        help="Resolve requirements, audit what that gives, and install exactly that with uv if nothing counts.",
    ),
]  # fmt: skip
WholeIndex = Annotated[
    bool,
    Parameter(
        name="--index", negative="", show_default=False,
        help="Audit every release that the index on this machine holds (--data).",
    ),
]  # fmt: skip
Data = Annotated[Path | None, Parameter(help="With --index: the index's data folder (default ./customhouse-data).")]
OldAfter = Annotated[int, Parameter(name="--old-after-days", help="Warn if the newest advisory is older than this.")]


def audit(
    targets: Targets = None, /, *, offline: Offline = False, snapshot: SnapshotFile = None,
    advisories: Advisories = None, kev: Kev = "", epss: Epss = "", refresh: Refresh = False,
    level: LevelFlag = "low", groups: Groups = None,
    only_group: OnlyGroup = None, no_dev: NoDev = False, format: Format = "table", output: Output = None,  # noqa: A002
    baseline: BaselineFile = None, write_baseline: WriteBaseline = False, ignore: Ignore = None, reason: Reason = "",
    vex: VexFiles = None, python: Python = "", index_url: IndexUrl = "", no_index: NoIndex = False, fix: Fix = False,
    dry_run: DryRun = False, install: Install = False, index: WholeIndex = False, data: Data = None,
    old_after_days: OldAfter = OLD_DAYS,
) -> int:  # fmt: skip
    """Say what is known to be wrong with what is installed, locked or asked for. Nothing of it is run.

    Exit code 0: nothing known at or over the level; 1: findings; 2: usage; 3: no findings, but something could not be
    checked; 4: a service failed.
    """
    if index:
        # The only audit that needs the server's database.
        from customhouse.cli.audit_index import audit_index  # noqa: PLC0415

        return audit_index(LEVELS[level], format, output, data)
    _must_fit(ignore, reason, baseline, writes=write_baseline, fix=fix, dry_run=dry_run, install=install)
    asked = Asked(
        Wanted(snapshot or default_path(os.environ), tuple(advisories or ()), _lists(kev, epss), offline, refresh),
        ReadOptions(python=_version(python), offline=offline, index_url=index_url),
        _scope(groups, only_group, no_dev=no_dev), dict.fromkeys(ignore or (), reason), tuple(vex or ()), baseline,
        index_url, no_index, old_after_days,
    )  # fmt: skip
    clock = SystemClock()
    with ProgressLine() as line, Connections() as connections:
        work = Work(asked, clock, line, connections)
        if install:
            from customhouse.cli.audit_fix import install as install_  # noqa: PLC0415

            def judge(pinned: Path) -> int:
                report = work.report([str(pinned)])
                _tell(report, level, format, output, clock)
                return exit_code(report, LEVELS[level])

            where = python or os.environ.get("VIRTUAL_ENV") or sys.executable
            return install_(targets or [], where, index_url, judge, offline=offline)
        report = work.report(_targets(targets, python))
        if fix:
            from customhouse.cli.audit_fix import mend  # noqa: PLC0415

            done = mend(report, LEVELS[level], work.pages(), index_url, dry=dry_run)
            report = work.report(_targets(targets, python)) if done and not dry_run else report
    if write_baseline and baseline is not None:
        report = _rebased(report, baseline, reason)
    _tell(report, level, format, output, clock)
    return exit_code(report, LEVELS[level])


def _must_fit(
    ignore: list[str] | None, reason: str, baseline: Path | None, *, writes: bool, fix: bool, dry_run: bool,
    install: bool,
) -> None:  # fmt: skip
    """Flags that need each other, or exclude each other."""
    if ignore and not reason.strip():
        raise Rejected("no-reason", "--ignore", "nobody knows in a year why", "--reason with a sentence")
    if baseline is not None and not writes and not baseline.exists():
        raise Rejected("no-baseline", str(baseline), "there is no such file", "--write-baseline makes it")
    if writes and baseline is None:
        raise Rejected("no-baseline", "--write-baseline", "it is not said where", "--baseline FILE with it")
    if dry_run and not fix:
        raise Rejected("bad-dry-run", "--dry-run", "it shows what --fix would do", "--fix with it")
    if install and (fix or writes):
        raise Rejected("bad-install", "--install", "it contradicts --fix and --write-baseline", "one of them")


def _rebased(report: Report, path: Path, reason: str) -> Report:
    """Write what is found now to the baseline; then all of it is known."""
    known = read_baseline(path) if path.exists() else Baseline({})
    if not reason.strip() and any(not one.known for one in report.findings):
        raise Rejected("no-reason", "--write-baseline", "new entries need one", "--reason with a sentence")
    known = known.renewed(report.findings, reason.strip())
    write_whole(path, write_baseline_text(known))
    return replace(report, findings=tuple(known.marked(report.findings)))


def _lists(kev: str, epss: str) -> tuple[str, ...]:
    return tuple(f"{kind}:{place}" for kind, place in (("kev", kev), ("epss", epss)) if place)


def _targets(targets: list[str] | None, python: str) -> list[str]:
    if targets:
        return targets
    if python and not _version(python):
        return [python]
    return [os.environ.get("VIRTUAL_ENV") or ENVIRONMENT]


def _version(python: str) -> str:
    return python if python[:1].isdigit() else ""


def _scope(groups: list[str] | None, only: list[str] | None, *, no_dev: bool) -> Scope:
    if sum((bool(groups), bool(only), no_dev)) > 1:
        raise Rejected("bad-groups", "--groups", "it contradicts --only-group or --no-dev", "one of the three")
    if only:
        return Scope(frozenset(only))
    if groups or no_dev:
        return Scope(frozenset({PRODUCTION, *(groups or ())}))
    return Scope()


def _tell(report: Report, level: str, format_: str, output: Path | None, clock: SystemClock) -> None:
    text = written(report, LEVELS[level], format_, clock.now(), coloured=output is None and _is_coloured())
    if output is not None:
        write_whole(output, text)
    else:
        sys.stdout.write(text)


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
