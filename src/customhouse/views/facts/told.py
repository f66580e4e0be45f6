"""What only somebody else can tell of a project: its owners, and how much it is used.

Of our own projects we have counted it. Of others an operator has loaded a dated list, or the upstream is a Customhouse
and says so itself (``_customhouse.facts``). Of two answers the one of the later day counts. Each says whose it is, and
of which day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from customhouse.catalog.public_signals import PublicSignals
from customhouse.formats.policy.model import Fact
from customhouse.formats.signal_list.model import FACTORS
from customhouse.formats.simple import SimpleFile
from customhouse.views.facts.subject import HERE, Answer, Unknown
from customhouse.views.signals.queries import LoadedValue

SIGNALS = ("owner-2fa", "owners", "owner-changed", "downloads", "dependents", "critical")
MOST = 10**15
AHEAD = timedelta(days=1)
"""Clocks differ, and days begin at other times elsewhere; what is dated later than that is not believed."""


class Told:
    """What was told of one project, by signal."""

    def __init__(self, facts: Mapping[str, Fact], why: str) -> None:
        self._facts = facts
        self._why = Unknown(why)

    def asked(self, signal: str) -> Callable[[SimpleFile], Answer]:
        """The answer to one signal, the same for every file."""
        answer: Answer = self._facts.get(signal, self._why)
        return lambda _file: answer


def of_ours(counted: PublicSignals | None) -> Told:
    """What we know of a project that we host."""
    if counted is None:
        return Told({}, "it is counted once a day and of public projects alone, and was not yet")
    day = _day(counted.day)
    told: dict[str, Any] = {
        "owners": counted.owners,
        "owner-changed": counted.owners_changed_at,
        "downloads": counted.downloads,
        "dependents": counted.dependents,
        "critical": counted.critical_since is not None,
    }
    if counted.owners_have_factors:
        told["owner-2fa"] = "all"
    return Told({signal: Fact(value, HERE, day) for signal, value in told.items()}, "nothing is told of who lacks one")


def of_others(
    upstream: str, loaded: Iterable[LoadedValue], said: object, marked_at: datetime | None, now: datetime
) -> Told:
    """What we were told of a project that is not ours; ``said`` is what the upstream has under ``_customhouse.facts``.

    ``marked_at``: since when an operator here has it marked as critical.
    """
    facts: dict[str, Fact] = {}
    for signal, fact in (*_loaded(loaded), *_said(upstream, said, now)):
        if signal not in facts or _rank(signal, fact) > _rank(signal, facts[signal]):
            facts[signal] = fact
    if marked_at is not None:
        facts["critical"] = Fact(value=True, source=HERE)
    why = f"{upstream} does not say it, and no list that names the project is loaded (customhouse signals)"
    return Told(facts, why)


def _rank(signal: str, fact: Fact) -> tuple[bool, datetime]:
    """The later word counts; but what anybody calls critical is."""
    return signal == "critical" and bool(fact.value), fact.dated or datetime.min.replace(tzinfo=UTC)


def _loaded(loaded: Iterable[LoadedValue]) -> Iterator[tuple[str, Fact]]:
    for one in loaded:
        if one.signal == "critical":
            # Whom a list of critical projects does not name is not critical to whoever made it.
            yield one.signal, Fact(one.value is not None, one.source, one.dated)
        elif one.value is not None:
            yield one.signal, Fact(_value(one.signal, one.value), one.source, one.dated)


def _value(signal: str, text: str) -> Any:
    if signal == "owner-changed":
        return datetime.fromisoformat(text)
    return text if signal == "owner-2fa" else int(text)


def _said(upstream: str, said: object, now: datetime) -> Iterator[tuple[str, Fact]]:
    """What an upstream says itself, as far as it is what it should be: nothing of it is believed to be well formed."""
    if not isinstance(said, Mapping):
        return
    dated = _day_of(said.get("date"))
    if dated is None or dated - now > AHEAD:
        return
    source = f"{upstream} says"
    for signal in ("downloads", "dependents", "owners"):
        value = said.get(signal)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
            yield signal, Fact(value, source, dated)
    if isinstance(said.get("critical"), bool):
        yield "critical", Fact(said["critical"], source, dated)
    if said.get("owner-2fa") in FACTORS:
        yield "owner-2fa", Fact(said["owner-2fa"], source, dated)
    changed = _moment_of(said.get("owner-changed"))
    if changed is not None and changed <= now:
        yield "owner-changed", Fact(changed, source, dated)


def _day(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _day_of(text: object) -> datetime | None:
    try:
        return _day(date.fromisoformat(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def _moment_of(text: object) -> datetime | None:
    """In UTC: what lies beyond the calendar there is none."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is None:
            return None
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
