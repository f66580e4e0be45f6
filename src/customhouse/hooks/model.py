"""What the rules of webhooks speak about: whose a hook is, what it hears of, and when something is tried again."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal

from customhouse.ledger.public import OF_PROJECT, PUBLIC
from customhouse.terms.errors import Rejected

ScopeKind = Literal["project", "organization", "index"]
DeliveryState = Literal["waiting", "delivered", "given-up"]

HOOKS_PER_SCOPE = 10
PATTERNS = 20
_PATTERN = re.compile(r"[a-z0-9*-]{1,80}", re.ASCII)

PROBE = "webhook-probed"
"""The kind of the event that a person makes to try one hook; it goes to that hook alone."""
OWN = "webhook-"
"""How the kinds of webhooks' own events begin. No hook hears of them, or two could talk for ever."""
OF_ORGANIZATION = ("organization-", "team-")

DELAYS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 8 * 3600)
)
"""How long to wait after each failed attempt; together a little less than a day."""
IN_ORDER = 3
"""Attempts that an event may take before others overtake it: outages of some minutes change no order."""
GIVE_UP_AFTER = timedelta(days=1)
SWITCH_OFF_AFTER = timedelta(days=5)
LONGEST_PAUSE = timedelta(minutes=15)
LONGEST_WISH = timedelta(hours=1)
"""The most that a Retry-After of the receiver is heeded."""
BOTH_KEYS_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose hooks: a project's, an organization's, or the whole index's (whose id is None)."""

    kind: ScopeKind
    id: int | None = None
    name: str = ""

    @property
    def project(self) -> str | None:
        """The normalised name for the ledger, if it is a project."""
        return self.name if self.kind == "project" else None


@dataclass(frozen=True, slots=True)
class Patterns:
    """Which kinds of events somebody wants: ``release-*``. None of them means all."""

    globs: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Patterns:
        """Patterns with blanks, commas or line ends between them; raises `Rejected`."""
        globs = tuple(dict.fromkeys(text.replace(",", " ").split()))
        for glob in globs:
            if not _PATTERN.fullmatch(glob):
                raise Rejected(
                    "bad-pattern",
                    "events",
                    f"{glob[:80]!r} is not a pattern",
                    "kinds such as release-created or file-*",
                )
        if len(globs) > PATTERNS:
            raise Rejected("too-many-patterns", "events", f"{len(globs)} patterns", f"at most {PATTERNS}")
        return cls(globs)

    def match(self, kind: str) -> bool:
        """Whether the kind is wanted."""
        return not self.globs or any(fnmatchcase(kind, glob) for glob in self.globs)

    def __str__(self) -> str:
        return " ".join(self.globs)


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as rules and pages see it."""

    id: str
    scope: ScopeKind
    project_id: int | None
    organization_id: int | None
    url: str
    patterns: Patterns
    active: bool
    why_off: str
    epoch: int
    rotated_at: datetime | None
    created_at: datetime
    failures: int
    first_failed_at: datetime | None
    failing_at: datetime | None
    paused_until: datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event happened, as it is now: the project's id and organization, and whether strangers may know."""

    project_id: int | None = None
    organization_id: int | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one hook, as the log shows it."""

    id: int
    serial: int
    kind: str
    state: DeliveryState
    attempts: int
    status: int | None
    answer: str
    problem: str
    queued_at: datetime
    tried_at: datetime | None
    next_at: datetime


def is_told(kind: str) -> bool:
    """Whether any hook could hear of events of this kind."""
    return kind == PROBE or (
        not kind.startswith(OWN) and (kind in PUBLIC or kind in OF_PROJECT or kind.startswith(OF_ORGANIZATION))
    )


def hears(hook: Hook, kind: str, place: Place, *, probe_of: str = "") -> bool:
    """A hook hears of the kinds that it wants, and if it says nothing, of all that everybody may read.

    A project's hook hears of its project; an organization's of itself and of the projects that it holds now; both may
    ask for what is only for owners. The index's hears of what is public and of no private project. Nothing private
    goes anywhere else. A probe goes to its hook alone.
    """
    if kind == PROBE:
        return hook.id == probe_of
    if not is_told(kind) or not hook.patterns.match(kind):
        return False
    if hook.scope == "index":
        return kind in PUBLIC and not place.private
    if hook.scope == "project":
        mine = hook.project_id == place.project_id
    else:
        mine = hook.organization_id == place.organization_id
        if kind.startswith(OF_ORGANIZATION):
            return mine
    return mine and (kind in PUBLIC or (kind in OF_PROJECT and bool(hook.patterns.globs)))


def wait_after(attempts: int, *, hook_id: str, serial: int) -> timedelta | None:
    """How long to wait after so many failed attempts, or None to give up.

    Up to a tenth more or less, so that many deliveries that failed together do not come back together.
    """
    if attempts > len(DELAYS):
        return None
    spread = hashlib.sha256(f"{hook_id}.{serial}.{attempts}".encode()).digest()[0] / 255
    return DELAYS[attempts - 1] * (0.9 + 0.2 * spread)


def pause_after(failures: int) -> timedelta:
    """How long a hook is left alone after so many failures in a row, whatever else waits for it.

    So a receiver that hangs costs one attempt each quarter of an hour, and not one for every event.
    """
    return min(DELAYS[min(failures, len(DELAYS)) - 1], LONGEST_PAUSE)


def heeded(retry_after: str) -> timedelta:
    """What we make of a Retry-After in seconds: at most an hour; nothing of anything else."""
    if not (retry_after.isascii() and retry_after.isdigit()) or len(retry_after) > len("999999"):
        return timedelta()
    return min(timedelta(seconds=int(retry_after)), LONGEST_WISH)


def switches_off(first_failed_at: datetime | None, now: datetime) -> bool:
    """A hook is switched off when a delivery is given up and nothing has succeeded for five days."""
    return first_failed_at is not None and now - first_failed_at >= SWITCH_OFF_AFTER
