"""What a condition is: a question about one fact, answered yes, no, or "that is not known"."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from customhouse.formats.policy.model import Fact


class Look(Protocol):
    """One look at one file: what conditions may ask while they are tested."""

    @property
    def now(self) -> datetime:
        """The moment of which the answer is."""
        ...

    def fact(self, signal: str) -> Fact | None:
        """Another signal of the same file."""
        ...

    def turns_at(self, moment: datetime) -> None:
        """Note that the answer that was just given is another from this moment on."""
        ...


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one signal. Subclasses say when it holds."""

    signal: str
    wanted: str
    """As it is written."""

    @property
    def asks(self) -> frozenset[str]:
        """The signals that it looks at."""
        return frozenset((self.signal,))

    def test(self, fact: Fact | None, look: Look) -> bool | None:
        """Whether it holds; None if that is not known."""
        if fact is None:
            return None
        return False if fact.value is None else self.holds(fact, look)

    @abstractmethod
    def holds(self, fact: Fact, look: Look) -> bool | None:
        """The same, of a value that there is."""

    @abstractmethod
    def says(self, fact: Fact) -> str:
        """What is the case if it holds, for people. It does not change as time goes by."""


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """One of several."""

    options: tuple[Condition, ...] = ()

    @property
    def asks(self) -> frozenset[str]:
        """The signals of all."""
        return frozenset().union(*(one.asks for one in self.options))

    def test(self, fact: Fact | None, look: Look) -> bool | None:
        """Yes if one holds, no if none does."""
        return any_of(one.test(fact, look) for one in self.options)

    def holds(self, fact: Fact, look: Look) -> bool | None:
        """Yes if one holds, no if none does."""
        return any_of(one.test(fact, look) for one in self.options)

    def says(self, fact: Fact) -> str:
        """What the first says that holds at all times."""
        return self.options[0].says(fact)

    def holding(self, fact: Fact | None, look: Look) -> Condition:
        """The one that holds, for its words."""
        return next((one for one in self.options if one.test(fact, look)), self.options[0])


@dataclass(frozen=True, slots=True)
class Missing(Condition):
    """Nothing is known, or it is known that there is nothing. It is never unknown itself."""

    expected: bool = True

    def test(self, fact: Fact | None, _look: Look) -> bool:
        """Whether there is no value."""
        return (fact is None or fact.value is None) == self.expected

    def holds(self, _fact: Fact, _look: Look) -> bool:
        """There is a value."""
        return not self.expected

    def says(self, fact: Fact | None) -> str:
        """What is missing, or there."""
        return f"{self.signal} is {'missing' if fact is None or fact.value is None else 'known'}"


def any_of(answers: Iterable[bool | None]) -> bool | None:
    """Yes if one is yes; otherwise unknown if one is unknown. Stops at the first yes."""
    unknown = False
    for answer in answers:
        if answer:
            return True
        unknown = unknown or answer is None
    return None if unknown else False


def all_of(answers: Iterable[bool | None]) -> bool | None:
    """No if one is no; otherwise unknown if one is unknown. Stops at the first no."""
    unknown = False
    for answer in answers:
        if answer is None:
            unknown = True
        elif not answer:
            return False
    return None if unknown else True


def moment_words(moment: datetime) -> str:
    """A moment for people, as exact as anybody needs: ``2026-11-25 13:02 UTC``."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def later(moment: datetime, by: timedelta) -> datetime | None:
    """The moment after; None beyond the end of the calendar."""
    try:
        return moment + by
    except OverflowError:
        return None
