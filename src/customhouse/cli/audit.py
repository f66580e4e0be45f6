"""``customhouse audit``: what is known to be wrong with what is installed, locked or asked for.

Whatever not every audit needs is imported where it is needed: an audit offline takes a tenth of a second, and loading
is most of it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from customhouse.cli.audit_surroundings import Connections, ProgressLine, warn, write_whole
from customhouse.consume.audit.baseline import Baseline, read_baseline, write_baseline
from customhouse.consume.audit.engine import Engine, Scope
from customhouse.consume.audit.model import Finding, Report, Subject
from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.verdict import LEVELS, exit_code
from customhouse.consume.snapshot.place import OLD_DAYS, Wanted, default_path, is_old, open_snapshot
from customhouse.formats.inventory.model import PRODUCTION, Component
from customhouse.formats.plain import plain
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Rejected

if TYPE_CHECKING:
    from customhouse.consume.audit.index_pages import IndexPages
    from customhouse.formats.vex.model import Statement

FORMATS = ("table", "json", "sarif", "markdown", "cyclonedx")
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
OldAfter = Annotated[int, Parameter(name="--old-after-days", help="Warn if the newest advisory is older than this.")]


def audit(
    targets: Targets = None, /, *, offline: Offline = False, snapshot: SnapshotFile = None,
    advisories: Advisories = None, refresh: Refresh = False, level: LevelFlag = "low", groups: Groups = None,
    only_group: OnlyGroup = None, no_dev: NoDev = False, format: Format = "table", output: Output = None,  # noqa: A002
    baseline: BaselineFile = None, write_baseline: WriteBaseline = False, ignore: Ignore = None, reason: Reason = "",
    vex: VexFiles = None, python: Python = "", index_url: IndexUrl = "", no_index: NoIndex = False,
    old_after_days: OldAfter = OLD_DAYS,
) -> int:  # fmt: skip
    """Say what is known to be wrong with what is installed, locked or asked for. Nothing of it is run.

    Exit code 0: nothing known at or over the level; 1: findings; 2: usage; 3: no findings, but something could not be
    checked; 4: a service failed.
    """
    _must_have_reason(ignore, reason, baseline, writes=write_baseline)
    wanted = Wanted(snapshot or default_path(os.environ), tuple(advisories or ()), offline, refresh)
    clock = SystemClock()
    with ProgressLine() as line, Connections() as wires:
        read = ReadOptions(python=_version(python), offline=offline, index_url=index_url)
        subjects = [
            subject for target in _targets(targets, python) for subject in read_target(target, read)
        ]  # fmt: skip
        store, gaps = open_snapshot(wanted, os.environ, clock.now(), wires.get, line.show)
        if is_old(store, clock.now(), old_after_days):
            warn(f"The newest advisory is of {store.newest[:10] or 'no day'}: the advisories may be old.")
        scope = _scope(groups, only_group, no_dev=no_dev)
        pages = None if offline or no_index else _pages(wires, index_url)
        engine = Engine(store, scope, ignored=dict.fromkeys(ignore or (), reason))
        if pages is not None:
            engine.existing = lambda component: page.available if (page := pages.page(component)) else None
            pages.ask(_in_scope(subjects, scope), lambda _one: line.show("project pages", 0, 0))
        report = engine.audit(subjects)
        if pages is not None:
            statuses = tuple(pages.statuses(_in_scope(subjects, scope)))
            report = replace(report, statuses=statuses, gaps=(*report.gaps, *pages.gaps()))
        report = replace(report, gaps=(*gaps, *report.gaps))
    if vex:
        report = replace(report, findings=_mitigated(report, vex, clock))
    report = _with_baseline(report, baseline, reason, writes=write_baseline)
    _tell(report, level, format, output, clock)
    return exit_code(report, LEVELS[level])


def _must_have_reason(ignore: list[str] | None, reason: str, baseline: Path | None, *, writes: bool) -> None:
    if ignore and not reason.strip():
        raise Rejected("no-reason", "--ignore", "nobody knows in a year why", "--reason with a sentence")
    if writes and baseline is None:
        raise Rejected("no-baseline", "--write-baseline", "it is not said where", "--baseline FILE with it")


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


def _in_scope(subjects: list[Subject], scope: Scope) -> list[Component]:
    return [one for subject in subjects for one in subject.components if scope.holds(one)]


def _pages(wires: Connections, index_url: str) -> IndexPages:
    from customhouse.consume.audit.index_pages import IndexPages  # noqa: PLC0415

    return IndexPages(wires.get(), index_url)


def _mitigated(report: Report, files: list[Path], clock: SystemClock) -> tuple[Finding, ...]:
    from customhouse.consume.audit.mitigated import mitigate  # noqa: PLC0415
    from customhouse.formats.vex.read import MAX_BYTES, read_vex, statements_of  # noqa: PLC0415

    statements: list[Statement] = []
    for path in files:
        try:
            with path.open("rb") as file:
                body = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise Rejected("bad-vex", str(path), error.strerror or "it cannot be read", "a VEX document") from error
        statements += statements_of(read_vex(body, str(path)))
    there = [one for subject in report.subjects for one in subject.components]
    return mitigate(report.findings, statements, clock.now().date(), there)


def _with_baseline(report: Report, path: Path | None, reason: str, *, writes: bool) -> Report:
    if path is None:
        return report
    known = read_baseline(path) if path.exists() or not writes else Baseline({})
    if writes:
        if not reason.strip() and any(not one.known for one in known.marked(report.findings)):
            raise Rejected("no-reason", "--write-baseline", "new entries need one", "--reason with a sentence")
        known = known.renewed(report.findings, reason.strip())
        write_whole(path, write_baseline(known))
    for package, name in known.unused(report.findings):
        warn(f"{path} knows {package} {name}, which is not found any more: --write-baseline removes it.")
    return replace(report, findings=tuple(known.marked(report.findings)))


def _tell(report: Report, level: str, format_: str, output: Path | None, clock: SystemClock) -> None:
    text = _text(report, level, format_, clock, coloured=output is None and _is_coloured())
    if output is not None:
        write_whole(output, text)
    else:
        sys.stdout.write(text)


def _text(report: Report, level: str, format_: str, clock: SystemClock, *, coloured: bool) -> str:
    # Each writer is loaded only if it is used.
    match format_:
        case "json":
            from customhouse.consume.audit.write.json_report import json_report  # noqa: PLC0415

            return json_report(report, LEVELS[level])
        case "sarif":
            from customhouse.consume.audit.write.sarif import sarif  # noqa: PLC0415

            return sarif(report, _own_version())
        case "markdown":
            from customhouse.consume.audit.write.markdown import markdown  # noqa: PLC0415

            return markdown(report, LEVELS[level])
        case "cyclonedx":
            from customhouse.consume.audit.write.cyclonedx import cyclonedx  # noqa: PLC0415

            return cyclonedx(report, _own_version(), clock.now())
        case _:
            from customhouse.consume.audit.write.table import table  # noqa: PLC0415

            return table(report, LEVELS[level], coloured=coloured)


def _own_version() -> str:
    from importlib.metadata import version  # noqa: PLC0415

    return version("customhouse")


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
