"""Which of the known attacks a policy would have kept from those who asked while they were on."""

from __future__ import annotations

from datetime import datetime

from customhouse.consume.policy.model import Stopped


def attacks_stopped(_policy: str, _now: datetime) -> tuple[Stopped, ...]:
    """Each record of `formats.policy.attacks` under this policy."""
    return ()
