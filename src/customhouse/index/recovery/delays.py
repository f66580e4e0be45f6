"""How long a recovery takes, from the settings."""

from __future__ import annotations

from datetime import timedelta

from customhouse.index.recovery.model import Delays
from customhouse.infra.settings import Settings


def delays_of(settings: Settings) -> Delays:
    """The delays that hold on this index."""
    return Delays(
        usual=timedelta(days=settings.recovery_delay_days),
        vouched=timedelta(hours=settings.slow_motion_hours),
        quiet=timedelta(hours=settings.recovery_quiet_hours),
        case=timedelta(days=settings.recovery_case_days),
    )
