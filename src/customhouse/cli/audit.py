"""``customhouse audit``: its flags, for people and for cyclopts. What they lead to stands in `audit_run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from customhouse.cli.audit_flags import Flags
from customhouse.cli.audit_run import run
from customhouse.consume.snapshot.place import OLD_DAYS

Target = Annotated[
    str,
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
    list[Path] | None,
    Parameter(
        name="--vex",
        negative="",
        help="VEX statements (OpenVEX, CSAF, CycloneDX) beside those in customhouse.vex.json with the target.",
    ),
]
NoVex = Annotated[
    bool,
    Parameter(name="--no-vex", negative="", show_default=False, help="Leave customhouse.vex.json beside the target."),
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
    *targets: Target, offline: Offline = False, snapshot: SnapshotFile = None,
    advisories: Advisories = None, kev: Kev = "", epss: Epss = "", refresh: Refresh = False,
    level: LevelFlag = "low", groups: Groups = None,
    only_group: OnlyGroup = None, no_dev: NoDev = False, format: Format = "table", output: Output = None,  # noqa: A002
    baseline: BaselineFile = None, write_baseline: WriteBaseline = False, ignore: Ignore = None, reason: Reason = "",
    vex: VexFiles = None, no_vex: NoVex = False, python: Python = "", index_url: IndexUrl = "",
    no_index: NoIndex = False, fix: Fix = False, dry_run: DryRun = False,
    install: Install = False, whole_index: WholeIndex = False, data: Data = None,
    old_after_days: OldAfter = OLD_DAYS,
) -> int:  # fmt: skip
    """Say what is known to be wrong with what is installed, locked or asked for. Nothing of it is run.

    Exit code 0: nothing known at or over the level; 1: findings; 2: usage; 3: no findings, but something could not be
    checked; 4: a service failed.
    """
    return run(
        Flags(
            targets, offline, snapshot, tuple(advisories or ()), kev, epss, refresh, level,
            tuple(groups or ()), tuple(only_group or ()), no_dev, format, output, baseline, write_baseline,
            tuple(ignore or ()), reason, tuple(vex or ()), no_vex, python, index_url, no_index, fix, dry_run, install,
            whole_index, data, old_after_days,
        )
    )  # fmt: skip
