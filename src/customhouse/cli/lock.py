"""``customhouse lock``: its flags. What they lead to stands in `lock_run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from customhouse.cli.audit import Advisories, LevelFlag, SnapshotFile

Sources = Annotated[
    list[Path] | None,
    Parameter(help="What to lock: pyproject.toml, requirements files (default: the first of these that is here)."),
]
ViewFlag = Annotated[
    str,
    Parameter(show_default=False, help="The view to lock through: its name or its address (default: as before)."),
]
IndexFlag = Annotated[
    str, Parameter(name="--index", show_default=False,
                   help="The address of the Customhouse that has the view, or of any simple repository."),
]  # fmt: skip
Output = Annotated[
    Path | None, Parameter(name=["--output", "-o"], help="pylock.toml or a requirements file (default: pylock.toml).")
]
Python = Annotated[str, Parameter(show_default=False, help="Lock for this version (3.12) or this Python and upwards.")]
Upgrade = Annotated[
    bool, Parameter(name=["--upgrade", "-U"], negative="", show_default=False, help="Take the newest that is let in.")
]
UpgradePackage = Annotated[
    list[str] | None, Parameter(name=["--upgrade-package", "-P"], negative="", help="Take the newest of this one.")
]
Group = Annotated[list[str] | None, Parameter(negative="", help="Lock this dependency group of pyproject.toml, too.")]
Extra = Annotated[list[str] | None, Parameter(negative="", help="Lock this extra of pyproject.toml, too.")]
Check = Annotated[
    bool, Parameter(name="--check", negative="", show_default=False,
                    help="Write nothing; exit 1 if the lock is out of date or is not let in any more."),
]  # fmt: skip
Widen = Annotated[
    bool, Parameter(name="--widen", negative="", show_default=False,
                    help="Let amendments widen what packages require; those that narrow count anyway."),
]  # fmt: skip
ThisPlatform = Annotated[
    bool, Parameter(name="--this-platform", negative="", show_default=False,
                    help="Lock for this platform alone, and not for all."),
]  # fmt: skip
Build = Annotated[
    bool, Parameter(name="--build", negative="", show_default=False,
                    help="Let uv build what has no wheel, to learn what it requires. That runs its code."),
]  # fmt: skip


def lock(
    sources: Sources = None, /, *, view: ViewFlag = "", index: IndexFlag = "", output: Output = None,
    python: Python = "", upgrade: Upgrade = False, upgrade_package: UpgradePackage = None, group: Group = None,
    extra: Extra = None, check: Check = False, widen: Widen = False, this_platform: ThisPlatform = False,
    build: Build = False, snapshot: SnapshotFile = None, advisories: Advisories = None, level: LevelFlag = "low",
) -> int:  # fmt: skip
    """Make a lock with hashes through a view, audit it, and say what changed and why."""
    from customhouse.cli.lock_run import Flags, run  # noqa: PLC0415 - what --help need not load

    return run(
        Flags(
            tuple(sources or ()), view, index, output, python, None if upgrade else frozenset(upgrade_package or ()),
            tuple(group or ()), tuple(extra or ()), check, widen, not this_platform, build, snapshot,
            tuple(advisories or ()), level,
        )
    )  # fmt: skip
