"""What a mandate is: who must have which second factor, from when on; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from customhouse.accounts.factors import Method
from customhouse.terms.errors import Rejected

Scope = Literal["critical", "all", "organization", "project", "staff"]
Methods = Literal["any", "webauthn"]
Stage = Literal["planned", "announced", "warned", "enforced", "ended"]

SCOPES: Mapping[Scope, str] = {
    "critical": "everybody who publishes a critical project",
    "all": "everybody who publishes any project",
    "organization": "everybody who publishes a project of one organization",
    "project": "everybody who publishes one project",
    "staff": "operators and support",
}
METHODS: Mapping[Methods, str] = {
    "any": "a second factor: a security key, a passkey or an authenticator app",
    "webauthn": "a security key or a passkey (WebAuthn), which cannot be phished",
}
ACCEPTED: Mapping[Methods, frozenset[Method]] = {
    "any": frozenset({"totp", "webauthn"}),
    "webauthn": frozenset({"webauthn"}),
}
TITLE_LENGTH = 120
TEXT_LENGTH = 4000


@dataclass(frozen=True, slots=True)
class Dates:
    """When people are told, when each upload reminds them, and when uploads are refused. In this order."""

    announced_at: datetime
    warned_at: datetime
    enforced_at: datetime

    def stage(self, now: datetime) -> Stage:
        """The last date that has come."""
        if now >= self.enforced_at:
            return "enforced"
        if now >= self.warned_at:
            return "warned"
        return "announced" if now >= self.announced_at else "planned"


@dataclass(frozen=True, slots=True)
class Mandate:
    """One mandate. ``organization`` and ``project`` are names, empty unless the scope says so."""

    id: int
    title: str
    text: str
    scope: Scope
    methods: Methods
    dates: Dates
    created_at: datetime
    created_by: str
    organization: str = ""
    organization_id: int | None = None
    project: str = ""
    ended_at: datetime | None = None
    end_reason: str = ""

    def stage(self, now: datetime) -> Stage:
        """How far it has come."""
        return "ended" if self.ended_at is not None else self.dates.stage(now)

    @property
    def accepted(self) -> frozenset[Method]:
        """The methods of which one is enough."""
        return ACCEPTED[self.methods]

    def met_by(self, methods: Collection[Method]) -> bool:
        """Whether somebody with these methods has what it asks for."""
        return bool(self.accepted & frozenset(methods))

    @property
    def covers(self) -> str:
        """Whom it concerns, in words."""
        if self.scope == "organization":
            return f"everybody who publishes a project of the organization {self.organization}"
        if self.scope == "project":
            return f"everybody who publishes {self.project}"
        return SCOPES[self.scope]


@dataclass(frozen=True, slots=True)
class Exemption:
    """Somebody, or everybody in one project, is let off until a day."""

    id: int
    mandate_id: int
    account_id: int | None
    account: str
    project: str
    reason: str
    until: datetime
    made_at: datetime
    made_by: str
    ended_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it still counts."""
        return self.ended_at is None and now < self.until


def parse_methods(text: str) -> Methods:
    """``any`` or ``webauthn``; raises `Rejected`."""
    if text not in METHODS:
        raise Rejected("bad-methods", "methods", f"{text[:40]!r} is none", ", ".join(METHODS))
    return cast("Methods", text)


def parse_scope(text: str) -> Scope:
    """One of `SCOPES`; raises `Rejected`."""
    if text not in SCOPES:
        raise Rejected("bad-scope", "scope", f"{text[:40]!r} is no scope", ", ".join(SCOPES))
    return cast("Scope", text)


def parse_moment(text: str, where: str, now: datetime) -> datetime:
    """``now``, a day as 2026-12-01 (its beginning in UTC; today is now), or a moment in ISO 8601; `Rejected` else."""
    try:
        moment = now if text.strip() == "now" else datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Rejected("bad-date", where, f"{text[:40]!r} is no date", "a day as 2026-12-01, or now") from error
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    is_today = len(text.strip()) == len("2026-12-01") and moment.date() == now.date()
    return now if is_today else moment


def is_lowering(before: Mandate, methods: Methods, dates: Dates) -> bool:
    """Whether a change asks for less: a later day, or a method that did not count so far."""
    return dates.enforced_at > before.dates.enforced_at or bool(ACCEPTED[methods] - before.accepted)
