"""Whether a release is a security fix that may pass over a wait, with a guard against abuse.

Whoever has stolen a project's token could publish a release *and* an advisory that it is said to fix. So a fix counts
only if somebody else than the project has published the advisory or confirmed it, if the file is attested by the
project's usual publisher, and if it is a day old: attacks of 2024 to 2026 were mostly found within hours. Provenance
alone waives nothing. A release that must not wait for that day is let in by an exception, which is somebody's review.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from customhouse.formats.policy.conditions.model import Condition, Look, any_of, later
from customhouse.formats.policy.conditions.severities import Severities
from customhouse.formats.policy.model import Fact
from customhouse.formats.policy.signals import Fix, Publisher

OLD_ENOUGH = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SecurityFix(Condition):
    """It fixes a vulnerability of these severities, and all guards hold."""

    severities: Severities | None = None
    """None: of any severity, also of one that nobody has said."""

    @property
    def asks(self) -> frozenset[str]:
        """The guards ask for more than the fix."""
        return frozenset(("fixes", "attested", "publisher-changed", "provenance-lost", "age"))

    def holds(self, fact: Fact, look: Look) -> bool | None:
        """Unknown answers of a guard count against the file."""
        if not isinstance(fact.value, (tuple, list)) or not all(isinstance(one, Fix) for one in fact.value):
            return None
        found = any_of(self._is_meant(one) for one in fact.value)
        return found if not found else self._is_by_usual_publisher(look) and self._is_old_enough(look)

    def _is_meant(self, fix: Fix) -> bool | None:
        return fix.third_party and (self.severities is None or self.severities.meant(fix.severity))

    def _is_by_usual_publisher(self, look: Look) -> bool:
        """A verified attestation, and a publisher that earlier releases had, too."""
        attested, changed = look.fact("attested"), look.fact("publisher-changed")
        if attested is None or not isinstance(attested.value, Publisher) or not attested.value.verified:
            return False
        lost = look.fact("provenance-lost")
        return changed is not None and changed.value is False and not (lost is not None and lost.value)

    def _is_old_enough(self, look: Look) -> bool:
        age = look.fact("age")
        if age is None or not isinstance(age.value, datetime):
            return False
        end = later(age.value, OLD_ENOUGH)
        if end is None or look.now < end:
            if end is not None:
                look.turns_at(end)
            return False
        return True

    def says(self, fact: Fact) -> str:
        """``fixes PYSEC-2026-9 (high)``."""
        meant = [one for one in fact.value if self._is_meant(one)]
        return f"fixes {', '.join(f'{one.id} ({one.severity})' for one in meant[:3])}"
