"""Conditions on plain values: numbers, flags, words, texts, sets of words."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from customhouse.formats.policy.conditions.model import Condition, Look
from customhouse.formats.policy.globs import matcher_of
from customhouse.formats.policy.model import Fact
from customhouse.formats.policy.signals import SIGNALS

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "is": operator.eq,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number(Condition):
    """``< 1000``."""

    operator: str = "is"
    limit: float = 0

    def holds(self, fact: Fact, _look: Look) -> bool | None:
        """Compare; what is no number is unknown."""
        value = fact.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return COMPARE[self.operator](value, self.limit)

    def says(self, fact: Fact) -> str:
        """``owners: 1``."""
        return f"{self.signal}: {fact.value} ({self.wanted})"


@dataclass(frozen=True, slots=True)
class Flag(Condition):
    """True or false."""

    expected: bool = True

    def holds(self, fact: Fact, _look: Look) -> bool | None:
        """Compare; what is no flag is unknown."""
        return fact.value is self.expected if isinstance(fact.value, bool) else None

    def says(self, fact: Fact) -> str:
        """What the signal means, or that it is not so."""
        means = SIGNALS[self.signal].means
        return means if fact.value else f"it is not so that {means}"


@dataclass(frozen=True, slots=True)
class Present(Condition):
    """``true``: there is something; ``false``: there is nothing."""

    expected: bool = True

    def test(self, fact: Fact | None, _look: Look) -> bool | None:
        """Known nothing is an answer here."""
        return None if fact is None else (not fact.value) != self.expected

    def holds(self, fact: Fact, _look: Look) -> bool:
        """The same."""
        return bool(fact.value) == self.expected

    def says(self, fact: Fact) -> str:
        """What there is."""
        return f"{SIGNALS[self.signal].means}: {_told(fact.value)}" if fact.value else f"{self.signal}: nothing"


@dataclass(frozen=True, slots=True)
class Text(Condition):
    """One of several patterns is the text, or none of them is."""

    patterns: tuple[str, ...] = ()
    inverted: bool = False
    matches: Callable[[str], object] = bool

    def holds(self, fact: Fact, _look: Look) -> bool | None:
        """Compare; what is no text is unknown. Of a set one member is enough."""
        if isinstance(fact.value, str):
            return bool(self.matches(fact.value)) != self.inverted
        if isinstance(fact.value, frozenset):
            return any(bool(self.matches(one)) != self.inverted for one in fact.value)
        return None

    def says(self, fact: Fact) -> str:
        """``archive: pth-file``."""
        if isinstance(fact.value, frozenset):
            found = [one for one in sorted(fact.value) if bool(self.matches(one)) != self.inverted]
            return f"{self.signal}: {', '.join(found)}"
        return f"{self.signal}: {fact.value}"


def text_condition(signal: str, wanted: str, patterns: tuple[str, ...], *, inverted: bool = False) -> Text:
    """A condition whose patterns are made ready."""
    return Text(signal, wanted, patterns, inverted, matcher_of(patterns))


def _told(value: object) -> str:
    return ", ".join(sorted(map(str, value))) if isinstance(value, (frozenset, tuple, list)) else str(value)
