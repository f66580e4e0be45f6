"""What a policy is tried on: lock files, requirements, environments and bills of materials, by the audit's readers.

A lock holds pins: it installs as it is or not at all. Requirements that are not pinned are resolved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from customhouse.consume.audit.read.collected import Collected
from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.requirements import PIN, collected
from customhouse.consume.audit.read.source import read_text
from customhouse.consume.policy.model import Root, Target, Wanted
from customhouse.formats.inventory.marks import Marks
from customhouse.formats.inventory.model import Component, Gap, Subject
from customhouse.formats.inventory.pyproject import read_pyproject
from customhouse.formats.inventory.requirements_file import Fault, Option, read_lines
from customhouse.formats.inventory.requirements_file import Wanted as Line
from customhouse.terms.versions import version_of

_LOCKS = ("uv.lock", "pylock.toml", "poetry.lock")


def read_targets(texts: Sequence[str], python: str = "") -> tuple[Target, ...]:
    """What these stand for. Raises `Rejected` if one of them cannot be read at all."""
    return tuple(one for text in texts for one in _targets(text, python))


def beside(text: str) -> Path | None:
    """The folder of a target, whose settings of uv count; None for a word such as ``environment``."""
    path = Path(text)
    return path if path.is_dir() else path.parent if path.is_file() else None


def _targets(text: str, python: str) -> Iterator[Target]:
    path = Path(text)
    if path.is_file() and path.name == "pyproject.toml" and not any(path.with_name(one).is_file() for one in _LOCKS):
        yield _of_project(path, python)
        return
    if path.is_file() and path.suffix in (".txt", ".in") and not path.name.endswith(".spdx.txt"):
        yield _of_requirements(collected(path), str(path), python)
        return
    for subject in read_target(text, ReadOptions(python=python, offline=True)):
        yield _of_subject(subject)


def _of_project(path: Path, python: str) -> Target:
    project = read_pyproject(read_text(path), str(path))
    found = Collected()
    found.gaps += project.gaps
    for one in project.asked:
        for line in read_lines(one.text.replace("\n", " ")):
            match line:
                case Fault():
                    found.gaps.append(Gap(one.place, line.why, "mend the requirement"))
                case Option():
                    found.gaps.append(Gap(one.place, f"{one.text[:100]!r} is no requirement", "mend it (PEP 508)"))
                case Line() if line.name != project.name or not project.name:
                    found.wanted.append((one.place, line))
    return _of_requirements(found, str(path), python)


def _of_requirements(found: Collected, title: str, python: str) -> Target:
    marks = Marks(python)
    wanted = [(place, one) for place, one in found.wanted if not python or marks.hold(one.marker)]
    gaps = [*found.gaps, *(_elsewhere(place, one) for place, one in wanted if one.address)]
    there = [(place, one) for place, one in wanted if not one.address]
    pins = [(place, one, found_pin[1]) for place, one in there if (found_pin := PIN.fullmatch(one.specifier))]
    constraints = tuple(one.text for _, one in found.constraints if not one.address)
    if len(pins) < len(there):
        roots = tuple(Root(one.text, place) for place, one in there)
        return Target(title, "requirements", roots=roots, constraints=constraints, loose=True, gaps=tuple(gaps))
    # A file that pip-tools or uv has written says who required what: those that nobody did were asked for.
    asked = [(place, one) for place, one in there if not one.via or any(who.startswith("-") for who in one.via)]
    return Target(
        title, "requirements",
        pins=tuple(Wanted(one.name, version) for _, one, version in pins),
        places=tuple(place for place, _, _ in pins),
        roots=_names(one.name for _, one in asked), gaps=tuple(gaps),
    )  # fmt: skip


def _elsewhere(place: str, one: Line) -> Gap:
    return Gap(place, f"{one.text[:120]} comes from an address: no view has a say in it", "take it from an index")


def _of_subject(subject: Subject) -> Target:
    kept = [one for one in subject.components if version_of(one.version) is not None]
    gaps = [Gap(one.where, f"{one.name[:60]} {one.version[:60]!r} is no version of PEP 440", "pin a release")
            for one in subject.components if one not in kept]  # fmt: skip
    return Target(
        subject.title, subject.kind,
        pins=tuple(Wanted(one.name, one.version) for one in kept),
        places=tuple(one.where for one in kept),
        roots=_names(one.name for one in _asked(kept)), gaps=(*subject.gaps, *gaps),
    )  # fmt: skip


def _asked(components: Sequence[Component]) -> Sequence[Component]:
    """What the user asked for himself; if the input does not say, everything."""
    return [one for one in components if one.direct] or components


def _names(names: Iterable[str]) -> tuple[Root, ...]:
    return tuple(Root(name, "you") for name in dict.fromkeys(names))
