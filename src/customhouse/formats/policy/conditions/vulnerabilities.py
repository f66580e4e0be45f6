"""Conditions on known vulnerabilities: one of them must be all that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from customhouse.formats.policy.conditions.model import Condition, Look, all_of, any_of
from customhouse.formats.policy.model import Fact
from customhouse.formats.policy.signals import Vulnerability

Question = Callable[[Vulnerability], bool | None]
_TOLD = 3
"""How many vulnerabilities a reason names."""


@dataclass(frozen=True, slots=True)
class Vulnerable(Condition):
    """There is a vulnerability of which all questions are answered yes."""

    questions: tuple[Question, ...] = ()

    def holds(self, fact: Fact, _look: Look) -> bool | None:
        """Yes if one is meant; unknown if one could be, and nobody has said how severe or how likely it is."""
        if not isinstance(fact.value, (tuple, list)) or not all(isinstance(one, Vulnerability) for one in fact.value):
            return None
        return any_of(self._is_meant(one) for one in fact.value)

    def _is_meant(self, one: Vulnerability) -> bool | None:
        return all_of(question(one) for question in self.questions)

    def says(self, fact: Fact) -> str:
        """``PYSEC-2024-1 (high, fixed in 2.0)``, of at most three."""
        # Asked about one that is unknown, too: then those that could be meant.
        meant = [one for one in fact.value if self._is_meant(one)] or [
            one for one in fact.value if self._is_meant(one) is None
        ]
        told = [_told(one) for one in meant[:_TOLD]]
        more = f" and {len(meant) - _TOLD} more" if len(meant) > _TOLD else ""
        return f"{', '.join(told)}{more}"


@dataclass(frozen=True, slots=True)
class NotVulnerable(Condition):
    """No vulnerability is known."""

    def test(self, fact: Fact | None, _look: Look) -> bool | None:
        """Whether the list is empty."""
        return None if fact is None else not fact.value

    def holds(self, fact: Fact, _look: Look) -> bool:
        """The same."""
        return not fact.value

    def says(self, _fact: Fact) -> str:
        """That there is none."""
        return "no vulnerability is known"


def _told(one: Vulnerability) -> str:
    said = [one.severity] if one.severity != "unknown" else []
    said += ["exploited"] if one.exploited else []
    said += [f"in {one.library}"] if one.library else []
    said += [f"fixed in {', '.join(one.fixed_in[:_TOLD])}"] if one.fixed_in else ["no fix"]
    return f"{one.id} ({', '.join(said)})"
