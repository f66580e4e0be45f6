"""What is to be locked: requirements of files and projects, each with the place where it stands.

What would come past the view is refused and not passed over: an address, a folder, a line that cannot be read. Which
index a file names does not count: everything comes through the one that whoever locks has named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from customhouse.consume.audit.read.collected import Collected
from customhouse.consume.audit.read.requirements import collected
from customhouse.consume.audit.read.source import read_text
from customhouse.formats.inventory.model import PRODUCTION
from customhouse.formats.inventory.pyproject import read_pyproject
from customhouse.formats.inventory.requirements_file import Fault, Wanted, read_lines
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

CODE = "bad-lock-source"
DEFAULTS = ("pyproject.toml", "requirements.in")


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything that is asked for, and what was passed over on the way."""

    sources: tuple[Path, ...]
    wanted: tuple[tuple[str, Wanted], ...]
    """Each with its place, ``requirements.in:3``."""
    constraints: tuple[tuple[str, Wanted], ...]
    passed_over: tuple[str, ...]
    """Indexes that files name. Sentences."""


def read_asked(sources: Sequence[Path], groups: Sequence[str], extras: Sequence[str]) -> Asked:
    """Read the sources. Raises `Rejected` for what cannot be locked."""
    found = Collected()
    wanted_groups = {PRODUCTION, *groups, *extras}
    known: set[str] = set()
    for path in sources:
        if path.name == "pyproject.toml":
            known |= _project(path, wanted_groups, found)
        else:
            more = collected(path)
            found.wanted += more.wanted
            found.constraints += more.constraints
            found.gaps += more.gaps
            found.indexes += more.indexes
            found.find_links += more.find_links
    if missing := sorted({*groups, *extras} - known):
        raise Rejected(CODE, "--group or --extra", f"nothing asks for anything under {plain(missing[0], 60)!r}",
                       f"one of {', '.join(sorted(known - {PRODUCTION})) or 'none: there are no groups and no extras'}",
                       )  # fmt: skip
    if found.gaps:
        gap = found.gaps[0]
        raise Rejected(CODE, plain(gap.where, 200), plain(gap.why, 300), plain(gap.next_step, 200))
    for place, one in (*found.wanted, *found.constraints):
        if one.address or one.editable or not one.name:
            raise Rejected(
                CODE, plain(place, 200), f"{plain(one.text, 120)} comes from an address, past the index",
                "a package of the index; an exception belongs into the policy",
            )  # fmt: skip
    if not found.wanted:
        raise Rejected(CODE, ", ".join(str(one) for one in sources)[:200], "nothing is asked for", "a requirement")
    passed = [f"The index {plain(one, 200)} that a file names does not count: everything comes through one."
              for one in dict.fromkeys([*found.indexes, *found.find_links])]  # fmt: skip
    return Asked(tuple(sources), tuple(found.wanted), tuple(found.constraints), tuple(passed))


def _project(path: Path, groups: set[str], found: Collected) -> set[str]:
    """Add what a project asks for; returns the groups and extras that it has."""
    project = read_pyproject(read_text(path), str(path))
    own: dict[str, list[tuple[str, Wanted]]] = {}
    for one in project.asked:
        for line in read_lines(one.text.replace("\n", " ")):
            if isinstance(line, Fault):
                raise Rejected(CODE, one.place, line.why, "a requirement (PEP 508)")
            if not isinstance(line, Wanted):
                raise Rejected(CODE, one.place, f"{plain(one.text, 100)!r} is no requirement", "one (PEP 508)")
            own.setdefault(one.group, []).append((one.place, line))
    chosen, seen = [one for one in own if one in groups], set[str]()
    while chosen:
        group = chosen.pop(0)
        if group in seen:
            continue
        seen.add(group)
        for place, line in own[group]:
            if line.name == project.name and project.name:
                # "app[http2]" among app's own extras asks for what stands under http2.
                chosen += [one for one in own if one in line.extras]
            else:
                # Without hashes: new ones are what a lock is made for.
                found.wanted.append((place, line._replace(hashes=frozenset())))
    silent = groups - {PRODUCTION}
    found.gaps += [one for one in project.gaps if "optional-dependencies" not in one.where or silent]
    return set(own)
