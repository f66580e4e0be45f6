"""A view: what one group of consumers sees. Hosted projects first, then upstreams in order, all under one policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from customhouse.formats.policy.model import Decision
from customhouse.formats.simple import SimplePage
from customhouse.mirror.model import MirroredProject

HOSTED = "hosted"
"""The origin of what we host ourselves."""


@dataclass(frozen=True, slots=True)
class View:
    """One view as its operator has defined it."""

    name: str
    """``[a-z0-9](-?[a-z0-9])*``, at most 40 characters; part of addresses."""
    upstreams: tuple[str, ...]
    """Names of upstreams of the settings, in the order in which they are asked."""
    policy: str
    """The policy's TOML, exactly as it was given."""
    epoch: int = 0
    """Rises whenever anything may look different in the whole view: its definition, dated signals."""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """One project in one view: what is listed, and what was decided of every file, those that are not listed too."""

    page: SimplePage
    """What consumers get: only files that are let through."""
    whole: SimplePage
    """What there would be without any policy."""
    origin: str
    """`HOSTED`, or the upstream's name."""
    decisions: dict[str, Decision] = field(default_factory=dict)
    """By file name."""
    remarks: tuple[str, ...] = ()
    """What each wrapper of the chain did, for `explain`: one sentence each."""
    renew_at: datetime | None = None
    """From then on the page may gain files; until it is renewed it is right to serve it."""
    ends_at: datetime | None = None
    """From then on the page may lose files and must not be served without a new look."""
    mirrored: MirroredProject | None = None
    """What the upstream says of the project; None for our own."""
    checked_at: datetime | None = None
    """When the upstream last confirmed it; None for our own, of which nobody needs to be asked."""
    gone: bool = False
    """It is deleted here: there is no page, and addresses of its files answer for a while."""
    stale: bool = False
    """The upstream could not be asked just now."""
