"""What the user's own project asks of packages: of a lock the project beside it, of requirements what they come from.

It is looked at only for packages with findings, to say whose bound excludes a fix.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from customhouse.consume.audit.read.source import read_text
from customhouse.formats.inventory.model import Subject
from customhouse.formats.inventory.requirement import split_requirement
from customhouse.terms.errors import Rejected

_LOCKS = frozenset({"uv-lock", "pylock", "poetry-lock", "pyproject"})
_COMPILED = "pyproject.toml"
"""What a requirements file names that was made of a project (pip-tools, uv)."""


@dataclass(frozen=True, slots=True)
class OwnBound:
    """One line of the user's own: ``betalib<2`` in pyproject.toml."""

    name: str
    """Normalised."""
    specifier: str
    marker: str
    place: str


def own_bounds(target: Path, subject: Subject, names: Collection[str]) -> tuple[OwnBound, ...]:
    """The bounds on some packages. What cannot be read tells none: the audit has read the target without it."""
    folder = target if target.is_dir() else target.parent
    try:
        found = list(_bounds(target, folder, subject))
    except Rejected:
        return ()
    return tuple(dict.fromkeys(one for one in found if one.name in names and one.specifier))


def _bounds(target: Path, folder: Path, subject: Subject) -> Iterator[OwnBound]:
    if subject.kind in _LOCKS:
        yield from _of_project(folder / "pyproject.toml")
    elif subject.kind == "requirements":
        from customhouse.consume.audit.write.facts import place_of  # noqa: PLC0415

        files = [target, *(Path(place_of(one)[0]) for one in subject.components)]
        for file in dict.fromkeys(files):
            if file.is_file():
                yield from _of_requirements(file)


def _of_requirements(file: Path) -> Iterator[OwnBound]:
    """A pin in the file itself is what is audited and no bound; what the file was made of is."""
    from customhouse.consume.audit.read.requirements import PIN  # noqa: PLC0415 - a lock needs none of it

    yield from (one for one in _lines(file) if not PIN.fullmatch(one.specifier))
    source = file.with_suffix(".in")
    if source != file and source.is_file():
        yield from _lines(source)
    if _COMPILED in read_text(file):
        yield from _of_project(file.with_name(_COMPILED))


def _lines(file: Path) -> Iterable[OwnBound]:
    from customhouse.consume.audit.read.requirements import collected  # noqa: PLC0415

    found = collected(file)
    return [
        OwnBound(one.name, one.specifier, one.marker, place)
        for place, one in (*found.wanted, *found.constraints)
        if one.name and not one.address
    ]


def _of_project(file: Path) -> Iterator[OwnBound]:
    if not file.is_file():
        return
    from customhouse.formats.inventory.pyproject import read_pyproject  # noqa: PLC0415

    for asked in read_pyproject(read_text(file), str(file)).asked:
        one = split_requirement(asked.text)
        if one is not None:
            yield OwnBound(one.name, one.specifier, one.marker, asked.place)
