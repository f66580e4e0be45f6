"""How long ago something was: ``"< 7d"``. Upstream says when; what upstream dates into the future is new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from customhouse.formats.policy.conditions.model import Condition, Look, later, moment_words
from customhouse.formats.policy.durations import duration_words
from customhouse.formats.policy.model import Fact

_INSTANT = timedelta(microseconds=1)
_BEGAN = {
    "age": "uploaded",
    "project-age": "the project began",
    "last-release-age": "the newest release came",
    "added-file-age": "added to a release that was old by then",
    "owner-changed": "the owners changed",
}


@dataclass(frozen=True, slots=True)
class Age(Condition):
    """``< 7d``: the moment lies less than seven days back."""

    operator: Literal["<", "<=", ">", ">="] = "<"
    length: timedelta = timedelta()

    def holds(self, fact: Fact, look: Look) -> bool | None:
        """Compare, and note from when on the answer is the other one."""
        if not isinstance(fact.value, datetime):
            return None
        end = self._end(fact.value)
        is_young = end is None or look.now < end
        if is_young and end is not None:
            look.turns_at(end)
        return is_young if self.operator in ("<", "<=") else not is_young

    def _end(self, began: datetime) -> datetime | None:
        """The first moment at which the answer is the other one."""
        exact = later(began, self.length)
        return exact if exact is None or self.operator in ("<", ">=") else later(exact, _INSTANT)

    def says(self, fact: Fact) -> str:
        """``uploaded 2026-11-25 13:02 UTC; waits 7 days, until 2026-12-02 13:02 UTC``."""
        began = f"{_BEGAN.get(self.signal, self.signal)} {moment_words(fact.value)}"
        if self.operator in (">", ">="):
            return f"{began}, more than {duration_words(self.length)} ago"
        end = self._end(fact.value)
        until = f", until {moment_words(end)}" if end else ""
        return f"{began}; waits {duration_words(self.length)}{until}"
