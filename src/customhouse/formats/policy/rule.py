"""A policy that has been read: rules in the order in which they are looked at, exceptions, limits of data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from packaging.specifiers import SpecifierSet

from customhouse.formats.policy.conditions.model import Condition
from customhouse.formats.policy.model import Action

Unknown = Literal["skip", "allow", "warn", "hide", "deny", "hold"]
Table = tuple[Condition, ...]
"""Conditions that must all hold."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule."""

    name: str
    action: Action
    tables: tuple[Table, ...] = ()
    """One of these must hold; none at all: it applies to every file of its packages."""
    unless: tuple[Table, ...] = ()
    """If one of these holds, it does not apply."""
    packages: tuple[str, ...] = ()
    """As they are written; empty: all."""
    covers: Callable[[str], object] = lambda _name: True
    """Whether a project, by its normalised name, is one of them."""
    hosted: bool = False
    """Whether it binds our own projects, too."""
    unknown: Unknown = "skip"
    """What becomes of a file of which a condition's signal is unknown: ``skip`` looks at the next rule."""
    always: bool = False
    """Looked at before all others, so that no rule that allows leads past it."""
    reason: str = ""
    """What its author says."""
    level: str = ""
    """The level that it comes from; empty if the policy itself has it."""
    line: int = 0
    """Where it begins in the text that it comes from."""

    @property
    def signals(self) -> frozenset[str]:
        """The signals that it asks for."""
        return frozenset().union(*(condition.asks for table in (*self.tables, *self.unless) for condition in table))


@dataclass(frozen=True, slots=True)
class Spared:
    """An exception: somebody answers for it, until a day."""

    package: str
    covers: Callable[[str], object]
    rules: tuple[str, ...]
    reason: str
    version: str = ""
    specifier: SpecifierSet | None = None
    owner: str = ""
    expires: date | None = None
    """The last day on which it counts; None only for what is our own."""
    ends_at: datetime | None = None
    """The first moment at which it counts no more."""
    vex: str = ""
    for_hosted_only: bool = False
    """Without an end it counts only for projects that are hosted here."""
    line: int = 0

    @property
    def sentence(self) -> str:
        """The reason, with whose it is and until when."""
        who = [one for one in (self.vex, self.owner, f"until {self.expires}" if self.expires else "") if one]
        return f"{self.reason} ({', '.join(who)})" if who else self.reason


@dataclass(frozen=True, slots=True)
class Limit:
    """How old the data behind a signal may be."""

    source: str
    """The key under ``[data]``."""
    max_age: timedelta
    missing: Literal["deny", "unknown"] = "deny"
    """What it means that there is none at all."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy, ready to decide."""

    level: str
    rules: tuple[Rule, ...]
    default: Action
    """What becomes of a file from upstream that no rule decides."""
    exceptions: Mapping[str, tuple[Spared, ...]] = field(default_factory=dict)
    """By the rule that they spare from."""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    """By signal."""
    signals: frozenset[str] = frozenset()
    """All that its rules ask for."""
    text: str = ""
    """Its TOML, exactly as it was given."""
    remarks: tuple[str, ...] = ()
    """What its author should know, though it is no error."""
    unknown_counts_against: bool = False
    """What rules mean that do not say what unknown is."""

    def rule(self, name: str) -> Rule | None:
        """The rule of this name."""
        return next((one for one in self.rules if one.name == name), None)
