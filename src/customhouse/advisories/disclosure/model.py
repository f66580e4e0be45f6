"""The states of a disclosure case, its people, and who may do what in it. Pure.

One report is one case. Nothing of it is public before it is published; then release, advisory, CVE record and notices
appear in one transaction (docs/decisions/0024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from customhouse.terms.errors import Refused

State = Literal[
    "received", "acknowledged", "triage", "accepted", "cve-reserved", "fixing", "fix-ready", "notified", "scheduled",
    "published", "closed", "not-security", "duplicate", "invalid", "out-of-scope", "disputed", "rejected", "withdrawn",
]  # fmt: skip
STATES: tuple[State, ...] = get_args(State)
Role = Literal["reporter", "coordinator", "owner", "team", "downstream"]
Audience = Literal["case", "handlers", "downstreams"]
DownstreamStatus = Literal["unknown", "affected", "not-affected", "fixed"]
STATUSES: tuple[DownstreamStatus, ...] = get_args(DownstreamStatus)

VERDICTS: tuple[State, ...] = ("accepted", "not-security", "duplicate", "invalid", "out-of-scope")
"""What triage can end with."""
REFUSALS: frozenset[State] = frozenset(VERDICTS) - {"accepted"}
OVER: frozenset[State] = REFUSALS | {"published", "closed", "rejected", "withdrawn"}
"""In these no clock runs and nothing is under embargo any more, or nothing was ever to be told."""
HANDLERS: frozenset[Role] = frozenset({"coordinator", "owner", "team"})
"""Who works on a case, besides operators."""
LINE: tuple[State, ...] = (
    "received", "acknowledged", "triage", "accepted", "cve-reserved", "fixing", "fix-ready", "notified", "scheduled",
    "published", "closed",
)  # fmt: skip
"""The straight way."""

NEXT: Mapping[State, frozenset[State]] = {
    "received": frozenset({"acknowledged"}),
    "acknowledged": frozenset({"triage"}),
    "triage": frozenset(VERDICTS),
    "accepted": frozenset({"cve-reserved", "fixing", "rejected"}),
    "cve-reserved": frozenset({"fixing", "rejected"}),
    "fixing": frozenset({"fix-ready", "rejected"}),
    "fix-ready": frozenset({"fixing", "notified", "scheduled", "rejected"}),
    "notified": frozenset({"fixing", "scheduled", "rejected"}),
    "scheduled": frozenset({"fixing", "scheduled", "rejected"}),
    "published": frozenset({"closed"}),
    # A refusal is no last word: what the reporter answers may show that it is one after all.
    **dict.fromkeys(sorted(REFUSALS), frozenset({"triage"})),
    "rejected": frozenset({"triage"}),
    "closed": frozenset(),
    "withdrawn": frozenset(),
    "disputed": frozenset(),
}
"""Where each state leads by a person's step. ``disputed`` and ``withdrawn`` are reached from every open state, and
``published`` by the button alone."""
PUBLISHABLE: frozenset[State] = frozenset({"fix-ready", "notified", "scheduled"})
EXPLOITED: frozenset[State] = PUBLISHABLE | {"accepted", "cve-reserved", "fixing"}
"""From these it may be published at once when it is exploited: then a warning without a fix is worth more than none."""

CREDITS = (
    "reporter", "finder", "analyst", "coordinator", "remediation_developer", "remediation_reviewer",
    "remediation_verifier", "tool", "sponsor", "other",
)  # fmt: skip
"""The kinds of credits, as OSV (in capitals) and CVE (with blanks) have them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case as its row says."""

    id: int
    public_id: str
    project_id: int | None
    title: str
    state: State
    before: State | Literal[""]
    received_at: datetime
    acknowledged_at: datetime | None
    decided_at: datetime | None
    disclose_by: datetime
    extended_at: datetime | None
    exploited_at: datetime | None
    scheduled_for: datetime | None
    published_at: datetime | None
    closed_at: datetime | None
    told: list[str]
    advisory_id: str
    cve_id: str
    cve_state: str
    cve_asked_at: datetime | None
    draft: dict[str, object]
    session_id: str | None
    confirmed_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether somebody has still something to do before it may be told, or refused."""
        return self.state not in OVER

    @property
    def secret(self) -> bool:
        """Whether nothing of it may be known outside it."""
        return self.published_at is None


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who belongs to a case."""

    id: int
    case_id: int
    public_id: str
    role: Role
    account_id: int | None
    email: str
    name: str
    project: str
    by_mail: bool
    since: datetime
    agreed_at: datetime | None
    silent_until: datetime | None
    status: DownstreamStatus
    left_at: datetime | None

    @property
    def handles(self) -> bool:
        """Whether he works on the case."""
        return self.role in HANDLERS

    @property
    def knows(self) -> bool:
        """Whether he may see what it is about: a downstream only once it has promised silence."""
        return self.left_at is None and (self.role != "downstream" or self.agreed_at is not None)


def may_move(case: Case, wanted: str, *, handles: bool) -> Refused | None:
    """Whoever works on a case moves it along; ``disputed`` may be said by whoever belongs to it.

    A disputed case goes back to where it was, and nowhere else. Nothing moves to ``published`` but by the button.
    """
    if wanted == "disputed":
        return None if case.open and case.state != "disputed" else _cannot(case, wanted)
    if not handles:
        return Refused("not-yours", "Only those who work on the case move it.", "Write to them in the case.")
    if wanted == "withdrawn":
        return None if case.open else _cannot(case, wanted)
    if case.state == "disputed":
        return None if wanted == case.before else _cannot(case, wanted)
    return None if wanted in NEXT.get(case.state, frozenset()) else _cannot(case, wanted)


def ways_on(case: Case) -> tuple[State, ...]:
    """Where somebody who works on the case can move it, in the order of the states."""
    return tuple(state for state in STATES if may_move(case, state, handles=True) is None)


def may_publish(case: Case) -> Refused | None:
    """From the moment that the fix is ready; at once, with or without a fix, if it is exploited."""
    allowed = EXPLOITED if case.exploited_at is not None else PUBLISHABLE
    if case.state in allowed:
        return None
    wants = "the fix is ready" if case.open else "it is open"
    return Refused(
        "not-publishable", f"A case that is {case.state} cannot be published.", f"It can be once {wants}.", status=409
    )


def may_publish_by_program(case: Case, now: datetime) -> Refused | None:
    """A program keeps the day that was agreed on; a person who presses the button may be earlier.

    Where it is exploited, nobody waits.
    """
    if case.scheduled_for is None or case.scheduled_for <= now or case.exploited_at is not None:
        return None
    return Refused(
        "not-yet", f"This case is to be published on {case.scheduled_for:%-d %B %Y at %H:%M} UTC.",
        "Publish it then; or agree on an earlier day; or press the button yourself.", status=409,
    )  # fmt: skip


def _cannot(case: Case, wanted: str) -> Refused:
    ways = ", ".join(sorted(NEXT.get(case.state, frozenset()))) if case.state != "disputed" else case.before
    return Refused(
        "no-such-step", f"A case that is {case.state} cannot become {wanted[:20]}.",
        f"It can become: {ways or 'nothing else'}.", status=409,
    )  # fmt: skip


def hears(member: Member, audience: Audience, author_id: int | None) -> bool:
    """Whether a member may read a message: the reporter and those who work on it share one discussion.

    Downstreams hear what is for downstreams, and no downstream hears another one.
    """
    if not member.knows:
        return False
    if member.handles:
        return True
    if member.role == "reporter":
        return audience == "case"
    return audience == "downstreams" and author_id in (None, member.id)
