"""What changed in the metadata of two distribution files, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from packaging.requirements import InvalidRequirement, Requirement

from customhouse.formats.metadata import CoreMetadata

MAX_VALUES = 100
"""Values of one field that are kept."""
MAX_VALUE = 500
"""Characters of one value that are kept."""
# Those that decide what is installed where come first; the version always differs, and the description is a text.
_FIRST = ("requires_python", "requires_dist", "provides_extra", "entry_points")
_LEFT_OUT = frozenset({"version", "description"})


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that differs: values that went and values that came."""

    field: str
    """As `CoreMetadata` calls it; ``entry_points`` stands beside the metadata's own."""
    gone: tuple[str, ...]
    come: tuple[str, ...]
    left: int = 0
    """Values that were left out."""


def compare_metadata(
    old: CoreMetadata, new: CoreMetadata, old_entry_points: Iterable[str], new_entry_points: Iterable[str]
) -> tuple[FieldChange, ...]:
    """The fields that differ. Requirements are the same however they are spaced, and so is any order of values."""
    before = {**_values(old), "entry_points": tuple(old_entry_points)}
    after = {**_values(new), "entry_points": tuple(new_entry_points)}
    names = [*_FIRST, *(name for name in after if name not in _FIRST and name not in _LEFT_OUT)]
    changes = (_change(name, before[name], after[name]) for name in names)
    return tuple(change for change in changes if change is not None)


def entry_point_lines(groups: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Entry points as lines ``group: name = value``."""
    return [f"{group}: {name} = {value}" for group, entries in groups.items() for name, value in entries.items()]


def _change(name: str, old: tuple[str, ...], new: tuple[str, ...]) -> FieldChange | None:
    gone = sorted(set(old) - set(new))
    come = sorted(set(new) - set(old))
    if not gone and not come:
        return None
    left = max(0, len(gone) - MAX_VALUES) + max(0, len(come) - MAX_VALUES)
    return FieldChange(name, _short(gone), _short(come), left)


def _values(metadata: CoreMetadata) -> dict[str, tuple[str, ...]]:
    """Each field as a tuple of texts."""
    values: dict[str, tuple[str, ...]] = {}
    for field in fields(metadata):
        value = getattr(metadata, field.name)
        texts = (value,) if isinstance(value, str) else tuple(value or ())
        values[field.name] = tuple(one if isinstance(one, str) else ", ".join(one) for one in texts if one)
    values["requires_dist"] = tuple(map(_spelled, values["requires_dist"]))
    return values


def _spelled(requirement: str) -> str:
    try:
        return str(Requirement(requirement))
    except InvalidRequirement:
        return requirement


def _short(values: list[str]) -> tuple[str, ...]:
    return tuple(value if len(value) <= MAX_VALUE else f"{value[:MAX_VALUE]}…" for value in values[:MAX_VALUES])
