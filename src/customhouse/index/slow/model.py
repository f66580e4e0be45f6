"""What a change that waits is, and who may stop it. Pure rules: what they speak about is looked up by the deeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from customhouse.terms.errors import Refused

State = Literal["waiting", "contested", "applied", "lapsed", "refused", "withdrawn"]
OPEN: tuple[State, ...] = ("waiting", "contested")

KINDS: Mapping[str, str] = {
    "owner-added": "an owner is added",
    "owner-removed": "an owner is removed",
    "transfer": "the project goes to another holder",
    "deletion": "something is deleted",
    "visibility": "the project becomes private",
    "protection-lowered": "dangerous changes no longer wait",
    "team-changed": "what a team may do changes who owns the project",
    "member-changed": "the heads of the organization change",
    "factor-removed": "a way of proving who one is goes away",
    "address-changed": "an account gets another address",
    "account-closed": "an account is closed",
    "mandate-lowered": "less is asked of those who publish",
    "critical-unmarked": "the project counts as critical no longer",
    "publisher-added": "a trusted publisher is added",
    "tokens-allowed": "API tokens may publish again",
    "rule-lowered": "less is asked before a release appears",
}
"""What can wait, in words."""
OF_THE_INDEX = frozenset({"mandate-lowered", "critical-unmarked"})
"""These wait although they may concern no single project, and although an operator asks for them."""


@dataclass(frozen=True, slots=True)
class PendingChange:
    """One change that waits, or has waited."""

    id: int
    kind: str
    project_id: int | None
    organization_id: int | None
    about: int | None
    """The account whose rights or whose account it is about."""
    requested_by: int | None
    """The account that asked for it; None: an operator on the command line."""
    requested_at: datetime
    effective_at: datetime
    arguments: Mapping[str, Any]
    sentence: str
    """The change in words: "bob becomes an owner of demo"."""
    state: State
    contested_at: datetime | None = None
    contested_by: int | None = None
    """Who has vetoed it; None while contested: it contradicts another change, or was called in question with one."""
    ended_at: datetime | None = None
    ended_by: int | None = None
    ended_why: str = ""

    @property
    def open(self) -> bool:
        """Whether it may still happen."""
        return self.state in OPEN

    @property
    def says_when(self) -> str:
        """What whoever asked for it is told."""
        return (
            f"This waits until {self.effective_at:%Y-%m-%d %H:%M} UTC, and every co-owner is told: {self.sentence}."
            " Until then it can be stopped."
        )


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who owns what a change is about, and since when: None is longer than anybody remembers."""

    account_id: int
    since: datetime | None = None


def may_veto(change: PendingChange, account_id: int, owner: Owner | None, delay: timedelta) -> Refused | None:
    """A co-owner may veto a change that waits.

    Nobody vetoes a change about himself, nor his own wish, which he withdraws. Whoever became an owner within the delay
    before the change was asked for cannot veto it, and whoever only waits to become one is none.
    """
    if not change.open:
        return _is_over(change)
    if owner is None or owner.account_id != account_id:
        return Refused("not-an-owner", "Only a co-owner may veto this change.", "Ask one, or ask an operator.")
    if change.about == account_id:
        return Refused(
            "about-you",
            "This change is about you, and nobody vetoes a change about himself.",
            "Another owner can, or an operator; tell them.",
        )
    if change.requested_by == account_id:
        return Refused("your-own", "You have asked for this change yourself.", "Withdraw it instead.", status=409)
    if owner.since is not None and owner.since + delay > change.requested_at:
        return Refused(
            "owner-too-young",
            f"You became an owner on {owner.since:%Y-%m-%d %H:%M} UTC, too shortly before this change to veto it.",
            "An owner of longer standing can.",
        )
    if change.state == "contested":
        return Refused("contested-already", "This change waits for an operator already.", status=409)
    return None


def may_withdraw(change: PendingChange, account_id: int | None, *, operator: bool) -> Refused | None:
    """Whoever asked for a change may take the wish back while it is open; for the command line any operator may."""
    if not change.open:
        return _is_over(change)
    if change.requested_by is None and operator:
        return None
    if account_id is None or change.requested_by != account_id:
        return Refused("not-yours", "Somebody else has asked for this change.", "A co-owner can veto it.")
    return None


def may_decide(change: PendingChange, account_id: int | None, *, operator: bool, reason: str) -> Refused | None:
    """An operator decides a contested change, with a reason; not one whom it is about, who asked or who vetoed.

    One that nobody has contested takes its time.
    """
    if not operator:
        return Refused("not-an-operator", "Only an operator decides that.", "Ask one.")
    if not change.open:
        return _is_over(change)
    if change.state != "contested":
        return Refused(
            "not-contested", "Nobody has objected to this change.", "Let it take its time, or veto it.", status=409
        )
    if account_id is not None and account_id in (change.about, change.requested_by, change.contested_by):
        return Refused("party", "You are a party to this change.", "Another operator must decide it.")
    if not reason.strip():
        return Refused("no-reason", "A decision needs a reason.", "Say why.", status=400)
    return None


def contradict(one: PendingChange, other: PendingChange) -> bool:
    """Whether two changes are two people who turn on each other: each asks for what is about the other."""
    parties = (one.requested_by, one.about)
    return None not in parties and one.requested_by != one.about and parties == (other.about, other.requested_by)


def _is_over(change: PendingChange) -> Refused:
    ended = {
        "applied": "has taken effect", "lapsed": "has lapsed", "refused": "was refused", "withdrawn": "was withdrawn",
    }  # fmt: skip
    return Refused("change-over", f"This change {ended[change.state]} already.", status=409)
