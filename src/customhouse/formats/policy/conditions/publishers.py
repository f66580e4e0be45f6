"""Conditions on who built the file, as its attestations say (PEP 740)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from customhouse.formats.policy.conditions.model import Condition, Look
from customhouse.formats.policy.model import Fact
from customhouse.formats.policy.signals import Publisher

KINDS = ("GitHub", "GitLab", "Google", "ActiveState", "Forgejo", "Gitea", "Buildkite", "CircleCI")
"""The providers that this index knows; PEP 740 leaves the list open."""


@dataclass(frozen=True, slots=True)
class Attested(Condition):
    """``true``, ``false``, or by whom."""

    expected: bool = True
    kinds: frozenset[str] = frozenset()
    place: Callable[[str], object] | None = None
    verified: bool | None = None

    def test(self, fact: Fact | None, look: Look) -> bool | None:
        """Known to have no attestation is an answer here."""
        if fact is None:
            return None
        return (fact.value is not None and bool(self.holds(fact, look))) == self.expected

    def holds(self, fact: Fact, _look: Look) -> bool:
        """Whether the publisher is the one that is asked for."""
        one = fact.value
        if not isinstance(one, Publisher):
            return False
        if self.kinds and one.kind.lower() not in self.kinds:
            return False
        if self.place is not None and not self.place(one.place):
            return False
        return self.verified is None or one.verified == self.verified

    def says(self, fact: Fact) -> str:
        """``attested by GitHub acme/web (verified)``."""
        one = fact.value
        if not isinstance(one, Publisher):
            return "not attested"
        return f"attested by {one.kind} {one.place} ({'verified' if one.verified else 'not verified here'})"
