"""What would have to be raised, in which file, so that findings go away; and why some of them cannot be mended so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from customhouse.consume.audit.model import Finding, Report, Subject
from customhouse.consume.audit.verdict import counts
from customhouse.consume.audit.write.facts import place_of
from customhouse.formats.osv.severity import Level

WRITABLE = frozenset({"requirements", "uv-lock"})
"""What `--fix` can write. Other lock files belong to their own tools."""


@dataclass(frozen=True, slots=True)
class Raise:
    """One package to be raised in one file."""

    name: str
    version: str
    to: str
    file: Path
    line: int | None
    kind: str


@dataclass(frozen=True, slots=True)
class Left:
    """One package that stays as it is, and why."""

    name: str
    version: str
    why: str


def plan(report: Report, level: Level) -> tuple[list[Raise], list[Left]]:
    """What to raise for every finding that counts, each package once in each place."""
    raises: dict[tuple[str, str, str], Raise] = {}
    left: dict[tuple[str, str], Left] = {}
    of = {id(one): subject for subject in report.subjects for one in subject.components}
    for finding in report.findings:
        if not counts(finding, level):
            continue
        component = finding.component
        found = _judged(finding, of.get(id(component)))
        if isinstance(found, Left):
            left.setdefault((component.name, component.version), found)
        else:
            raises.setdefault((component.name, component.version, component.where), found)
    return _highest(raises.values()), list(left.values())


def _judged(finding: Finding, subject: Subject | None) -> Raise | Left:
    component = finding.component
    name, version = component.name, component.version
    if finding.library is not None:
        return Left(name, version, f"it bundles {finding.library.name}: only a new release of it can mend that")
    if finding.blocked is not None:
        whose = f"{finding.blocked.by} {finding.blocked.by_version}".rstrip()
        return Left(name, version, f"{whose} requires {finding.blocked.requirement}")
    if finding.upgrade is None:
        return Left(name, version, "no version is known that mends everything")
    if subject is None or subject.kind not in WRITABLE:
        return Left(name, version, f"{subject.title if subject else 'its file'} is not written by this command:"
                    f" raise it to {finding.upgrade} there")  # fmt: skip
    file, line = place_of(component)
    if subject.kind == "requirements" and line is None:
        return Left(name, version, f"it is pinned nowhere: {' > '.join(finding.paths[0]) if finding.paths else 'uv'}"
                    f" brings it; write {name}>={finding.upgrade} into the file")  # fmt: skip
    return Raise(name, version, finding.upgrade, Path(file), line, subject.kind)


def _highest(raises: Iterable[Raise]) -> list[Raise]:
    return sorted(raises, key=lambda one: (str(one.file), one.line or 0, one.name))
