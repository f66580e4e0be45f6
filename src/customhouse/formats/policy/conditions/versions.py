"""Conditions on the release: specifiers of PEP 440, pre-releases counted like all others."""

from __future__ import annotations

from dataclasses import dataclass, field

from packaging.specifiers import SpecifierSet

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
