"""Conditions on the release: specifiers of PEP 440, pre-releases counted like all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from customhouse.formats.policy.conditions.model import Condition, Look
from customhouse.formats.policy.model import Fact
from customhouse.terms.versions import version_of


@dataclass(frozen=True, slots=True)
class Release(Condition):
    """``>=1,<2``, or not."""

    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    inverted: bool = False

    def holds(self, fact: Fact, _look: Look) -> bool | None:
        """Compare; what is no version is unknown."""
        version = version_of(str(fact.value))
        return None if version is None else self.specifier.contains(version, prereleases=True) != self.inverted

    def says(self, fact: Fact) -> str:
        """``version 1.4``."""
        return f"version {fact.value}"


def is_possible(specifier: SpecifierSet) -> bool:
    """Whether a version can lie within all bounds; False only for what certainly none does, such as ``>=2,<1``."""
    least, most = list(_bounds(specifier, (">=", ">", "==", "~="))), list(_bounds(specifier, ("<=", "<", "==")))
    if not least or not most:
        return True
    (low, is_above), (high, is_below) = max(least), min(most, key=lambda one: (one[0], not one[1]))
    return low < high or (low == high and not is_above and not is_below)


def _bounds(specifier: SpecifierSet, operators: tuple[str, ...]) -> Iterator[tuple[Version, bool]]:
    """The bounds of one side, each with whether it is not allowed itself. Those with a star bound nothing here."""
    for one in specifier:
        version = version_of(one.version) if one.operator in operators else None
        if version is not None:
            yield version, one.operator in ("<", ">")
