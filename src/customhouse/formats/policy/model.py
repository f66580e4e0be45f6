"""What a policy says of one file, as values: facts go in, a decision comes out.

A **signal** is a question about a file ("how old", "known to be vulnerable"); a **fact** is its answer with where it
comes from and of which day it is. No fact means unknown, and each rule states what unknown means to it. A fact whose
value is None is an answer too: it is known that there is nothing, and no condition on it matches.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

Action = Literal["allow", "warn", "hide", "deny", "hold"]
"""What a rule does. ``allow`` ends the search. ``warn``: a header, a line in the log, a mark on the page. ``hide``: not
listed and not handed out (403 with the reason). ``deny``: the same, whatever the client has locked; the words differ.
``hold``: as deny, until somebody has looked at it or until a day."""

LETS_THROUGH: frozenset[Action] = frozenset({"allow", "warn"})


@dataclass(frozen=True, slots=True)
class Fact:
    """The answer to a signal for one file."""

    value: Any
    """By the signal's type, see `signals`. Ages are moments: when it began."""
    source: str
    """Who says so, for people: ``pypi``, ``advisories``, ``downloads.csv``."""
    dated: datetime | None = None
    """Of when the answer is; None if it cannot age, such as a file's size."""


class Facts(Protocol):
    """What is known of one file, asked for signal by signal, so that nothing is looked up that no rule asks for."""

    def fact(self, signal: str) -> Fact | None:
        """The answer, or None if it is unknown."""
        ...


@runtime_checkable
class Explaining(Protocol):
    """Facts that also say why there is none."""

    def why_unknown(self, signal: str) -> str:
        """Why there is no answer, in words that follow "unknown: "; empty if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """One signal that a rule has looked at, for `explain`."""

    signal: str
    wanted: str
    """The condition as it is written."""
    fact: Fact | None
    matched: bool
    why_unknown: str = ""
    """Why there is no fact, if whoever was asked says so."""
    excuses: bool = False
    """Whether it is a condition under which the rule does not apply."""


@dataclass(frozen=True, slots=True)
class Match:
    """One rule on one file."""

    rule: str
    action: Action
    matched: bool
    """Whether the rule applies. One that is excepted does not."""
    reason: str
    """A sentence for people: "uploaded 3 days ago, and this view waits for 7"."""
    seen: tuple[Seen, ...] = ()
    exception: str = ""
    """The reason of the exception that spares this file, with its owner and its end."""
    changes_at: datetime | None = None
    """From then on the rule may say something else."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one file."""

    action: Action
    rule: str = ""
    """The rule that decided; empty if none did and the file is let in."""
    reason: str = ""
    matches: tuple[Match, ...] = ()
    """Every rule that was looked at, in order, also after the one that decided (only for `explain`)."""
    warnings: tuple[str, ...] = ()
    """The reasons of all rules that warn, whatever was decided."""
    changes_at: datetime | None = None
    """The earliest moment from which the decision may be another: a wait ends, an exception expires."""

    @property
    def lets_through(self) -> bool:
        """Whether the file is listed and handed out."""
        return self.action in LETS_THROUGH
