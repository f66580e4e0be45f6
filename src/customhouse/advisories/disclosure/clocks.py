"""The clocks of a case: acknowledge, decide, disclose. Pure; whoever asks brings the time.

Three days to acknowledge (then a coordinator is appointed), seven to decide, ninety to disclose, fourteen more once and
with a reason; at once when it is exploited. The numbers are those of PEP 811's response team and of common practice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from customhouse.advisories.disclosure.model import Case
from customhouse.terms.errors import Refused

ACKNOWLEDGE = timedelta(days=3)
DECIDE = timedelta(days=7)
DISCLOSE = timedelta(days=90)
EXTENSION = timedelta(days=14)
WARNING = timedelta(days=1)
LONG_WARNING = timedelta(days=14)
"""So long before the last one: a fix takes more than a day."""

What = Literal["acknowledge", "decide", "disclose", "exploited", "today"]


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock that runs."""

    what: What
    due_at: datetime
    warns_at: datetime

    def alarm(self, now: datetime) -> Alarm | None:
        """What it has to say now: nothing, a warning, or that it is late."""
        if now >= self.due_at:
            return Alarm(self.what, self.due_at, late=True)
        return Alarm(self.what, self.due_at, late=False) if now >= self.warns_at else None


@dataclass(frozen=True, slots=True)
class Alarm:
    """A warning, or that it is late: then everybody who runs the index hears of it."""

    what: What
    due_at: datetime
    late: bool

    @property
    def key(self) -> str:
        """By which it is told once: another time is another alarm."""
        return f"{self.what}:{'late' if self.late else 'soon'}:{self.due_at.isoformat()}"


def clocks_of(case: Case) -> tuple[Clock, ...]:
    """The clocks that run, the next one first; none in a case that is over."""
    if not case.open:
        return ()
    found = []
    if case.acknowledged_at is None:
        due = case.received_at + ACKNOWLEDGE
        found.append(Clock("acknowledge", due, due - WARNING))
    if case.decided_at is None:
        due = case.received_at + DECIDE
        found.append(Clock("decide", due, due - WARNING))
    if case.exploited_at is not None:
        found.append(Clock("exploited", case.exploited_at, case.exploited_at))
    else:
        found.append(Clock("disclose", case.disclose_by, case.disclose_by - LONG_WARNING))
    if case.scheduled_for is not None and case.state == "scheduled":
        found.append(Clock("today", case.scheduled_for, case.scheduled_for - WARNING))
    return tuple(sorted(found, key=lambda one: one.due_at))


def alarms_of(case: Case, now: datetime) -> tuple[Alarm, ...]:
    """What is to be told now and has not been told."""
    alarms = (clock.alarm(now) for clock in clocks_of(case))
    return tuple(one for one in alarms if one is not None and one.key not in case.told)


def may_extend(case: Case, reason: str) -> Refused | None:
    """Once, by fourteen days, with a reason; not while it is exploited: then silence protects nobody."""
    if not case.open:
        return Refused("case-over", "This case is over.", status=409)
    if not reason:
        return Refused("no-reason", "An extension wants a reason; the reporter reads it.", "Say why.", status=400)
    if case.exploited_at is not None:
        return Refused("exploited", "It is exploited, so it is disclosed at once.", "Publish it.", status=409)
    if case.extended_at is not None:
        return Refused(
            "extended-already", "It was extended already, and is so once.", "Publish it in time.", status=409
        )
    return None
