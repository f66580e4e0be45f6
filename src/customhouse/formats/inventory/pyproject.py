"""What a ``pyproject.toml`` asks for: requirements and extras (PEP 621), groups (PEP 735), uv's older list of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from customhouse.formats.inventory.model import PRODUCTION, Gap
from customhouse.formats.inventory.toml_lock import read_lock_toml, table, text, texts
from customhouse.terms.names import normalize

MOST_REQUIREMENTS = 20_000
MOST_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """One requirement, and where it stands."""

    group: str
    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Project:
    """What a pyproject.toml asks for."""

    name: str
    """Normalised; empty if it is no project, or does not say."""
    asked: tuple[Asked, ...]
    gaps: tuple[Gap, ...]
    requires_python: str = ""


def read_pyproject(body: str, where: str) -> Project:
    """Read a pyproject.toml. Raises `Rejected` if it is no TOML."""
    values = read_lock_toml(body, where, whole=True)
    project = table(values.get("project"))
    asked: list[Asked] = []
    gaps: list[Gap] = []
    for one in (*_standard(project, where), *_groups(values, where), *_others(values, where)):
        if isinstance(one, Gap):
            gaps.append(one)
        elif len(asked) < MOST_REQUIREMENTS:
            asked.append(one)
        else:
            gaps.append(Gap(where, f"more than {MOST_REQUIREMENTS} requirements", "audit a lock file"))
            break
    name = normalize(text(project.get("name")))
    return Project(name, tuple(asked), tuple(gaps), text(project.get("requires-python")))


def _standard(project: Mapping[str, Any], where: str) -> Iterator[Asked | Gap]:
    dynamic = set(texts(project.get("dynamic")))
    for field in ("dependencies", "optional-dependencies"):
        if field in dynamic:
            yield Gap(
                f"{where}: project.{field}", "it is dynamic: only a build tells it", "audit a lock or an environment"
            )
    place = f"{where}: project.dependencies"
    yield from _requirements(project.get("dependencies"), PRODUCTION, place)
    for extra, wanted in table(project.get("optional-dependencies")).items():
        yield from _requirements(wanted, extra, f"{where}: project.optional-dependencies.{extra}")


def _groups(values: Mapping[str, Any], where: str) -> Iterator[Asked | Gap]:
    groups = table(values.get("dependency-groups"))
    names = {normalize(name): name for name in groups}
    for name in groups:
        yield from _group(name, groups, names, where, (), set())


def _group(
    name: str,
    groups: Mapping[str, Any],
    names: Mapping[str, str],
    where: str,
    above: tuple[str, ...],
    seen: set[str],
) -> Iterator[Asked | Gap]:
    """One group with all that it includes, under the name of the outermost one (PEP 735)."""
    place = f"{where}: dependency-groups.{name}"
    outermost = (*above, name)[0]
    if name in above or len(above) > MOST_DEPTH:
        circle = " → ".join((*above[-5:], name))
        yield Gap(place, f"the groups include each other in a circle: {circle}", "take one include-group away")
        return
    if name in seen:
        # Groups that include each other crosswise would otherwise be read more often than there is time.
        return
    seen.add(name)
    wanted = groups[name]
    for one in wanted if isinstance(wanted, list) else [wanted]:
        match one:
            case str():
                yield Asked(outermost, one, place)
            case {"include-group": str(other)} if len(one) == 1:
                if normalize(other) in names:
                    yield from _group(names[normalize(other)], groups, names, where, (*above, name), seen)
                else:
                    yield Gap(place, f"it includes the group {other[:100]!r}, which is not there", "mend the name")
            case _:
                yield Gap(place, f"{str(one)[:100]} is neither a requirement nor an include-group", "mend it (PEP 735)")


def _others(values: Mapping[str, Any], where: str) -> Iterator[Asked | Gap]:
    tool = table(values.get("tool"))
    yield from _requirements(table(tool.get("uv")).get("dev-dependencies"), "dev", f"{where}: tool.uv.dev-dependencies")
    poetry = table(tool.get("poetry"))
    if any(poetry.get(key) for key in ("dependencies", "dev-dependencies", "group")):
        # A project of 2.x may have these tables beside PEP 621's, with what is no version in them.
        wanted = [name for name in table(poetry.get("dependencies")) if name.lower() != "python"]
        if wanted or poetry.get("dev-dependencies") or poetry.get("group"):
            yield Gap(
                f"{where}: tool.poetry",
                "its requirements are in Poetry's own words",
                "run `poetry lock`, audit poetry.lock",
            )


def _requirements(wanted: object, group: str, place: str) -> Iterator[Asked | Gap]:
    if wanted is None:
        return
    if not isinstance(wanted, list):
        yield Gap(place, "it is no list", "write a list of requirements")
        return
    for one in wanted:
        if isinstance(one, str):
            yield Asked(group, one, place)
        else:
            yield Gap(place, f"{str(one)[:100]} is no requirement", "write a text (PEP 508)")
