"""What was found of attestations of files of upstreams. For operators alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class UpstreamAttestationSeen(Event):
    """Somebody has looked at the attestations of a file of an upstream: they hold, or do not."""

    kind: ClassVar[str] = "upstream-attestation-seen"
    upstream: str
    filename: str
    outcome: str
    """verified | failed"""
    why: str
