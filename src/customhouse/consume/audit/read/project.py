"""``pyproject.toml`` as a subject: by the lock beside it, or resolved by uv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from customhouse.consume.audit.read.collected import Collected
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.consume.audit.read.requirements import subject_of
from customhouse.consume.audit.read.source import read_text
from customhouse.formats.inventory.model import PRODUCTION, Component, Gap, Subject
from customhouse.formats.inventory.pyproject import Asked, read_pyproject
from customhouse.formats.inventory.reach import groups_of
from customhouse.formats.inventory.requirements_file import Fault, Option, read_lines


def read_project(path: Path, options: ReadOptions) -> Subject:
    """What a pyproject.toml asks for, resolved."""
    project = read_pyproject(read_text(path), str(path))
    asked = [one for one in project.asked if _name(one) != project.name or not project.name]
    whole = _subject(asked, path, options)
    if not any(gap.where == "uv pip compile" for gap in whole.gaps) or len({one.group for one in asked}) <= 1:
        subject = whole
    else:
        # Groups that cannot be installed together are resolved one by one.
        subject = _one_by_one(asked, path, options)
    return replace(subject, gaps=(*project.gaps, *subject.gaps))


def _one_by_one(asked: Sequence[Asked], path: Path, options: ReadOptions) -> Subject:
    components: dict[tuple[str, str], Component] = {}
    gaps: list[Gap] = []
    for group in dict.fromkeys(one.group for one in asked):
        part = _subject([one for one in asked if one.group in (group, PRODUCTION)], path, options)
        gaps += part.gaps
        for one in part.components:
            first = components.get((one.name, one.version), one)
            components[one.name, one.version] = replace(
                first,
                groups=first.groups | one.groups,
                direct=first.direct or one.direct,
                requires=tuple(dict.fromkeys((*first.requires, *one.requires))),
            )
    return Subject(f"{path}, resolved by uv", "pyproject", tuple(components.values()), tuple(dict.fromkeys(gaps)))


def _subject(asked: Sequence[Asked], path: Path, options: ReadOptions) -> Subject:
    found = Collected()
    by_name: dict[str, set[str]] = {}
    for one in asked:
        for line in read_lines(one.text.replace("\n", " ")):
            match line:
                case Fault():
                    found.gaps.append(Gap(one.place, line.why, "mend the requirement, then audit again"))
                case Option():
                    found.gaps.append(Gap(one.place, f"{one.text[:100]!r} is no requirement", "mend it (PEP 508)"))
                case _:
                    found.wanted.append((one.place, line))
                    by_name.setdefault(line.name, set()).add(one.group)
    title = f"{path}, resolved by uv" if found.wanted else str(path)
    subject = subject_of(found, title, options, beside=path.parent)
    return replace(subject, kind="pyproject", components=_grouped(subject.components, by_name))


def _grouped(components: Sequence[Component], by_name: dict[str, set[str]]) -> tuple[Component, ...]:
    onward = {one.name: [edge.requires for edge in one.requires] for one in components}
    roots: dict[str, list[str]] = {}
    for name, groups in by_name.items():
        for group in groups:
            roots.setdefault(group, []).append(name)
    reached = groups_of(roots, lambda name: onward.get(name, ()))
    return tuple(
        replace(one, groups=frozenset(reached.get(one.name, ())) or frozenset({PRODUCTION})) for one in components
    )


def _name(asked: Asked) -> str:
    """The name alone: ``harbour[http2]`` of harbour's own extras asks for nothing new."""
    from customhouse.formats.inventory.requirement import split_requirement  # noqa: PLC0415 - small, and only here

    found = split_requirement(asked.text)
    return found.name if found is not None else ""
