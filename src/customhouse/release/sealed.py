"""A line of the journal: an event, who says so and when, chained to the line before and signed.

``payload`` is the canonical JSON (RFC 8785) of ``run``, ``seq``, ``previous``, ``at``, ``by``, ``kind`` and ``body``;
``hash`` is its SHA-256. The engine signs the DSSE encoding of it (PAE) with Ed25519. Where an actor's machine speaks,
it has signed the DSSE encoding of the canonical JSON of ``run``, ``by``, ``kind`` and ``body``; that is its ``said``,
a part of the payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from customhouse.release.events import Event

ENGINE = "engine"
"""Who speaks where no actor does."""
EVENT_TYPE = "application/vnd.customhouse.release-event+json"
SAID_TYPE = "application/vnd.customhouse.release-said+json"
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Said:
    """An actor's own signature over what he says."""

    key: str
    """Ed25519, hexadecimal: one that a `Joined` event gave to the actor."""
    signature: str
    """Base64."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """One line."""

    run: str
    seq: int
    """From 0, without gaps."""
    previous: str
    """The hash of the line before; `GENESIS` at the first."""
    at: datetime
    """Aware, in UTC, whole microseconds; never before the line before it."""
    by: str
    """An actor's id, or `ENGINE`."""
    event: Event
    hash: str
    signature: str
    """Of the engine, base64."""
    said: Said | None = None
