"""Licences as SPDX means them: with OR one may choose, with AND all bind, WITH adds permissions.

A list of licences that are not wanted (``in``) holds if *no* choice avoids them; a list of those that are wanted
(``not-in``) holds if no choice is made of them alone. An entry without an exception means the licence with every
exception, too: SPDX's exceptions only give further permissions. Source: SPDX 2.3, annex D.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from customhouse.formats.policy.conditions.model import Condition, Look
from customhouse.formats.policy.model import Fact

LONGEST = 1000
"""Characters of an expression that is understood."""
DEEPEST = 50
"""Parentheses within each other."""

Bad = Callable[[str], bool]
_GNU = re.compile(r"(A?GPL|LGPL|GFDL)-(\d+\.\d+)(\+?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Licence(Condition):
    """No choice that the expression leaves is a good one."""

    is_bad: Bad = bool

    def test(self, fact: Fact | None, look: Look) -> bool | None:
        """No statement is unknown: everything has a licence, even if nobody has said which."""
        return None if fact is None or fact.value is None else self.holds(fact, look)

    def holds(self, fact: Fact, _look: Look) -> bool | None:
        """Unknown for what is no expression."""
        words = words_of(str(fact.value))
        return None if words is None else _Reader(words, self.is_bad).unavoidable()

    def says(self, fact: Fact) -> str:
        """``licence: GPL-3.0-only``."""
        return f"licence: {fact.value}"


@lru_cache(2048)
def words_of(text: str) -> tuple[str, ...] | None:
    """The expression's words: parentheses, AND, OR, and licences with their exceptions; None for what is none."""
    if len(text) > LONGEST or text.count("(") > DEEPEST:
        return None
    try:
        written = canonicalize_license_expression(text)
    except (InvalidLicenseExpression, ValueError):
        return None
    found: list[str] = []
    for word in written.replace("(", " ( ").replace(")", " ) ").split():
        if found and (word == "WITH" or found[-1].endswith(" WITH")):
            found[-1] = f"{found[-1]} {word}"
        else:
            found.append(word if word in ("(", ")", "AND", "OR") else modern(word))
    return tuple(found)


def modern(licence: str) -> str:
    """Deprecated identifiers in their present spelling: ``GPL-3.0`` is ``GPL-3.0-only``."""
    old = _GNU.fullmatch(licence)
    if old is None:
        return licence
    return f"{old[1]}-{old[2]}-{'or-later' if old[3] else 'only'}"


class _Reader:
    """Reads ``a OR b AND (c)``: AND binds tighter than OR."""

    def __init__(self, words: tuple[str, ...], is_bad: Bad) -> None:
        self.words = words
        self.at = 0
        self.is_bad = is_bad

    def unavoidable(self) -> bool:
        """Whether every choice holds a bad licence."""
        bad = self._every()
        while self._takes("OR"):
            bad = self._every() and bad
        return bad

    def _every(self) -> bool:
        bad = self._one()
        while self._takes("AND"):
            bad = self._one() or bad
        return bad

    def _one(self) -> bool:
        if self._takes("("):
            bad = self.unavoidable()
            self._takes(")")
            return bad
        self.at += 1
        return self.is_bad(self.words[self.at - 1])

    def _takes(self, word: str) -> bool:
        if self.at < len(self.words) and self.words[self.at] == word:
            self.at += 1
            return True
        return False
