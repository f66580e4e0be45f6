"""Which of the known attacks a policy would have kept from those who asked while they were on."""

from __future__ import annotations

from datetime import datetime

from customhouse.consume.policy.model import Stopped
from customhouse.formats.policy.attacks import stopped_by
from customhouse.formats.policy.read import read_policy


def attacks_stopped(policy: str, now: datetime) -> tuple[Stopped, ...]:
    """Each record under this policy's text. Raises `Rejected` for one that cannot be read.

    Which names are an index's own only that index knows; none of the records is one of them.
    """
    return tuple(
        Stopped(
            one.attack.title, one.attack.package, one.attack.version, one.stopped, one.decision.rule,
            one.decision.reason, one.attack.day, one.attack.source,
        )
        for one in stopped_by(read_policy(policy, now=now, internal=("*",)))
    )  # fmt: skip
