"""What the settings say of the disclosure desk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from customhouse.advisories.disclosure.clocks import DISCLOSE
from customhouse.infra.settings import Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """Who works at the desk, how its advisories are called, where mail for it goes."""

    team: tuple[str, ...] = ()
    """User names; empty: the operators."""
    prefix: str = "x_CUSTOMHOUSE"
    disclose: timedelta = DISCLOSE
    address: str = ""
    """Where reports come in by mail; empty: they do not."""
    site: str = ""
    publisher: str = "Customhouse"
    """In whose name advisories are published."""

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """From the settings."""
        return cls(
            settings.security_team, settings.advisory_prefix, timedelta(days=settings.disclosure_days),
            settings.security_address, settings.public_url, settings.site_name,
        )  # fmt: skip
