"""``customhouse verify LOCK``: is every file of a lock still there, unchanged and let in?"""

from __future__ import annotations

import json as json_text
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from customhouse.cli.audit import Advisories, LevelFlag, Offline, SnapshotFile
from customhouse.cli.audit_surroundings import Connections, ProgressLine
from customhouse.cli.audit_work import Asked as Audited
from customhouse.cli.audit_work import Work
from customhouse.cli.audit_written import written
from customhouse.cli.exit_codes import FINDINGS, PARTIAL
from customhouse.cli.place import in_use, refuse_elsewhere, token_for
from customhouse.consume.audit.engine import EVERY_GROUP
from customhouse.consume.audit.model import Report
from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.source import read_text
from customhouse.consume.audit.verdict import LEVELS, exit_code
from customhouse.consume.lock.record import read_record
from customhouse.consume.snapshot.place import Wanted, default_path
from customhouse.consume.verify.model import FAILING, UNSURE, Verified
from customhouse.consume.verify.shown import as_json, lines_of, summary
from customhouse.consume.view_address import Place, read_place
from customhouse.formats.inventory.locked_files import LockedFile, read_locked_files
from customhouse.formats.inventory.model import Component, Gap, Subject
from customhouse.formats.osv.severity import Level
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Rejected

KINDS = frozenset({"requirements", "pylock", "uv-lock", "poetry-lock", "pipfile-lock"})
WITH_FILES = frozenset({"pylock", "uv-lock", "poetry-lock"})
_OLD_DAYS = 14

Lock = Annotated[
    Path, Parameter(help="pylock.toml, a requirements file with hashes, uv.lock, poetry.lock, Pipfile.lock.")
]
ViewFlag = Annotated[
    str, Parameter(show_default=False,
                   help="The view to ask: its name or its address (default: what the lock says)."),
]  # fmt: skip
IndexFlag = Annotated[
    str, Parameter(name="--index", show_default=False,
                   help="The address of the Customhouse that has the view, or of any simple repository."),
]  # fmt: skip
Json = Annotated[bool, Parameter(name="--json", negative="", show_default=False, help="Say it as JSON.")]


def verify(
    lock: Lock, /, *, view: ViewFlag = "", index: IndexFlag = "", offline: Offline = False, json: Json = False,
    snapshot: SnapshotFile = None, advisories: Advisories = None, level: LevelFlag = "low",
) -> int:  # fmt: skip
    """Check a lock against the index as it is now: digests, removals, the policy of a view, amendments, advisories."""
    # Read as the lock that it is: pyproject.toml and folders lead elsewhere.
    if lock.name == "pyproject.toml" or lock.is_dir():
        raise Rejected("bad-lock", str(lock), "it is no lock", "pylock.toml, uv.lock, requirements with hashes, …")
    subjects = read_target(lock, ReadOptions(resolve="never"))
    if any(one.kind not in KINDS for one in subjects):
        raise Rejected("bad-lock", str(lock), f"it is {subjects[0].kind} and no lock", "a lock file")
    text = read_text(lock)
    place = _place(view, index, text, lock)
    if not index and "://" not in view and not offline:
        every = (one.index for subject in subjects for one in subject.components)
        refuse_elsewhere([place.simple] if place is not None else every)
    with ProgressLine() as line, Connections() as connections:
        wanted = Wanted(snapshot or default_path(os.environ), tuple(advisories or ()), offline=offline)
        audited = Audited(wanted, ReadOptions(resolve="never"), EVERY_GROUP, {}, (), False, None, "", True, _OLD_DAYS)
        report = Work(audited, SystemClock(), line, connections).report_on([(str(lock), subjects)])
        report = replace(report, index_asked=not offline)
        components = [one for subject in subjects for one in subject.components]
        if offline:
            found = _unasked(components)
        else:
            from customhouse.consume.verify.look import Looker  # noqa: PLC0415 - who is offline looks at nothing

            named = bool(index) or "://" in view
            if place is not None and (token := token_for(place, named=named)):
                connections.get().show(token, place.simple)
            looker = Looker(
                connections.get(), SystemClock().now(), place,
                lambda done, of: line.show("project pages", done, of),
            )  # fmt: skip
            found = looker.look(components, _files(text, lock, subjects))
        line.clear()
    against = "" if offline else place.title if place is not None else "the indexes that it names"
    severity = LEVELS[level]
    code = _exit_code(found, report, severity)
    if json:
        sys.stdout.write(_json(found, report, severity, code, place))
    else:
        sys.stdout.writelines(f"{one}\n" for one in [*lines_of(found), *summary(found, lock.name, against), ""])
        sys.stdout.write(written(report, severity, "table", SystemClock().now()))
    return code


def _place(view: str, index: str, text: str, lock: Path) -> Place | None:
    """What the flags say, else what the lock remembers; None for the index that it names for each package."""
    record = read_record(text, str(lock))
    remembered = record.index if record is not None else ""
    if view and not index and "://" not in view:
        index = remembered or in_use()
    if view or index:
        return read_place(view, index)
    if remembered:
        return read_place("", remembered)
    return None


def _files(text: str, lock: Path, subjects: Sequence[Subject]) -> tuple[LockedFile, ...]:
    return read_locked_files(text, str(lock)) if subjects[0].kind in WITH_FILES else ()


def _unasked(components: Sequence[Component]) -> Verified:
    gap = Gap("the index", "nobody was asked whether these files are still there and let in", "once without --offline")
    return Verified(len(components), sum(len(one.hashes) for one in components), 0, (), (gap,))


def _exit_code(found: Verified, report: Report, level: Level) -> int:
    if any(one.kind in FAILING for one in found.faults):
        return FINDINGS
    code = exit_code(report, level)
    unsure = found.gaps or any(one.kind in UNSURE for one in found.faults)
    return code or (PARTIAL if unsure else 0)


def _json(found: Verified, report: Report, level: Level, code: int, place: Place | None) -> str:
    whole = {
        "customhouse-verify": 1, "exit-code": code, "index": place.simple if place is not None else None,
        "view": place.view or None if place is not None else None, "packages": found.packages, "files": found.files,
        "same": found.same, "faults": as_json(found.faults),
        "gaps": [{"where": one.where, "why": one.why, "next-step": one.next_step} for one in found.gaps],
        "audit": json_text.loads(written(report, level, "json", SystemClock().now())),
    }  # fmt: skip
    return json_text.dumps(whole, indent=2) + "\n"
