"""The team's own VEX statements, which an audit finds by itself beside what it audits.

Only where people keep their project: what lies inside an environment, an image or a wheel came from others, who must
not be able to silence what is said of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from customhouse.formats.inventory.model import Subject

NAME = "customhouse.vex.json"
"""What the file is called unless somebody says otherwise."""
_PROJECTS = frozenset({"requirements", "uv-lock", "pylock", "poetry-lock", "pipfile-lock", "pyproject"})


def statements_beside(targets: Iterable[tuple[str, Sequence[Subject]]]) -> tuple[Path, ...]:
    """The files beside some targets and in projects' folders; where there is none, the one in the working folder."""
    return tuple({one.resolve(): one for one in _each(targets)}.values())


def _each(targets: Iterable[tuple[str, Sequence[Subject]]]) -> Iterator[Path]:
    for target, subjects in targets:
        folder = _folder(Path(target), subjects)
        found = folder / NAME if folder is not None else None
        if found is not None and found.is_file():
            yield found
        elif Path(NAME).is_file():
            yield Path(NAME)


def _folder(target: Path, subjects: Sequence[Subject]) -> Path | None:
    if not any(one.kind in _PROJECTS for one in subjects):
        # A wheel, an image or a bill of materials is a file among others; an environment is no place for it.
        return target.parent if target.is_file() else None
    return target if target.is_dir() else target.parent
