"""The holds on critical projects: when the index itself asks the owners before a release appears. Pure.

Every mass incident of 2024 to 2026 was a valid upload by a valid identity (security digest, incidents 12 to 24). None
of these rules knows whether something is malicious; each knows that it is unlike what came before, and costs an honest
project one owner's second factor.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from customhouse.index.approving.model import Reason
from customhouse.trust.continuity import Continuity

SILENCE = timedelta(days=365)
BURST_WINDOW = timedelta(minutes=10)
# The worms of 2025 and 2026 published into 42 projects in six minutes and into 100 with one token; nobody who releases
# by hand comes to five in ten minutes. Release trains of many critical projects do, and are asked.
BURST_PROJECTS = 5
STARTUP_SIGNALS = ("pth-file", "sitecustomize")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """What the holds on one release of a critical project look at."""

    now: datetime
    last_upload: datetime | None
    """Of any file into the project before; None if there was none."""
    who: str
    """The identity that sends it, for people."""
    is_known: bool
    """Whether this identity has published into the project before."""
    startup_files: tuple[str, ...]
    """Names of members that run whenever Python starts, of the files that are sent."""
    earlier_startup_files: Collection[str]
    """The same of earlier releases."""
    projects_of_late: int
    """Other projects into which this identity has sent files within the window."""
    continuity: Continuity | None = None
    """None as long as there is nothing to compare with."""


def long_silence(facts: Facts) -> Reason | None:
    """Who takes over a sleeping project publishes into it first of all."""
    if facts.last_upload is None or facts.now - facts.last_upload <= SILENCE:
        return None
    return _hold("long-silence", f"The last upload was on {facts.last_upload:%-d %B %Y}, more than a year ago.")


def new_identity(facts: Facts) -> Reason | None:
    """A role or a publisher that is new is what a thief of an owner's session makes."""
    if facts.is_known or facts.last_upload is None:
        return None
    return _hold("new-identity", f"{facts.who} has never published into this project before.")


def new_startup_file(facts: Facts) -> Reason | None:
    """What litellm 1.82.8 (2026-03) and others hid in: a ``.pth`` file runs without being imported."""
    new = sorted(set(facts.startup_files) - set(facts.earlier_startup_files))
    if not new:
        return None
    names = ", ".join(new[:_SHOWN]) + (f" and {len(new) - _SHOWN} more" if len(new) > _SHOWN else "")
    return _hold("new-startup-file", f"No earlier release has {names}, which runs whenever Python starts.")


def burst(facts: Facts) -> Reason | None:
    """A worm publishes into everything that its victim may publish into, as fast as it can."""
    if facts.projects_of_late + 1 < BURST_PROJECTS:
        return None
    minutes = int(BURST_WINDOW.total_seconds() // 60)
    return _hold(
        "burst", f"{facts.who} has sent files into {facts.projects_of_late} other projects within {minutes} minutes."
    )


def provenance(facts: Facts) -> Reason | None:
    """Ultralytics (2024-12): after the publisher had been closed, a token without provenance was used."""
    alarms = facts.continuity.alarms if facts.continuity is not None else ()
    for alarm in alarms:
        if alarm.code in ("lost", "changed"):
            return _hold(f"provenance-{alarm.code}", alarm.sentence)
    return None


RULES: Sequence[Callable[[Facts], Reason | None]] = (new_startup_file, provenance, burst, new_identity, long_silence)
"""What tells most first."""


def holds(facts: Facts) -> tuple[Reason, ...]:
    """Every reason to ask the owners."""
    return tuple(reason for rule in RULES if (reason := rule(facts)) is not None)


def _hold(code: str, sentence: str) -> Reason:
    return Reason(code, sentence, hold=True)
