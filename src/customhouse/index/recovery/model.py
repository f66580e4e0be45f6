"""What makes a recovery case: pure rules about its evidence, its delay and what it holds up.

**Who can lock out whom.** Anybody may ask to get an account back, so asking changes nothing for the account: its owner
and the co-owners are told, and whoever is signed in there ends the case with one click. Only a *strong proof of one's
own*, which no stranger and no co-owner could give, or evidence that is enough, makes the account's uploads wait. From
then on a click ends nothing any more but makes the case contested: either the one with the proof or the one with the
session is a thief, and a human must look. Uploads wait meanwhile, because an upload cannot be taken back; tokens,
sessions and everything else of the account go on.

**What counts as two.** Two proofs of different classes, of which one at least is strong, and which do not rest on the
same thing. A letter to an address, a record in its zone and a repository hosted there rest on one mail domain: whoever
buys the expired domain has all three (as in May 2022). A repository at a forge and a login at that forge rest on one
account there. What co-owners of a project could give as well, its repository's file, its domain's record and their own
word, rests on that project's people: one hostile co-owner alone never completes a case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Literal

Kind = Literal["mail", "repository", "dns", "identity", "vouch", "code", "old-code"]
Class = Literal["mail", "repository", "domain", "identity", "person", "code"]
CLASS: dict[Kind, Class] = {
    "mail": "mail", "repository": "repository", "dns": "domain", "identity": "identity", "vouch": "person",
    "code": "code", "old-code": "code",
}  # fmt: skip
# Mail alone is what a password reset needs, and it is what a bought domain gives. A code of an older set was replaced
# for a reason, which may have been that somebody else had seen it.
WEAK: frozenset[Kind] = frozenset({"mail", "old-code"})
NEEDED_OPERATORS = 2

State = Literal["open", "ready", "waiting", "contested", "closed"]
Outcome = Literal["", "completed", "ended", "refused", "expired", "superseded"]
Missing = Literal["second-kind", "strong", "independent", "address"]
# Second-level names under which everybody can have a domain. Where one is missing, two domains count as one, which
# refuses a pair of proofs that would do and never accepts one that would not.
_SHARED_SECOND = frozenset({"co", "com", "net", "org", "ac", "edu", "gov", "go", "gob", "gouv", "ne", "or", "nom"})
_COUNTRY_LETTERS = 2
# Domains that are in the hands of one provider, whatever they are called: an account there opens all of them.
_SAME_HANDS = {
    "gmail.com": "google.com", "googlemail.com": "google.com", "outlook.com": "microsoft.com",
    "hotmail.com": "microsoft.com", "live.com": "microsoft.com", "microsoftonline.com": "microsoft.com",
    "icloud.com": "apple.com", "me.com": "apple.com", "mac.com": "apple.com", "github.io": "github.com",
    "githubusercontent.com": "github.com", "gitlab.io": "gitlab.com",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proof:
    """One accepted proof, as far as the rules care."""

    kind: Kind
    rests_on: frozenset[str]
    """Domains, ``project:NAME`` for the people of a project, ``person:ID``: what must not carry a second proof."""
    own: bool = True
    """Whether nobody else of the account's projects could have given it."""

    @property
    def strong(self) -> bool:
        """Whether it says more than that mail arrives or that an old code was kept."""
        return self.kind not in WEAK


@dataclass(frozen=True, slots=True)
class Delays:
    """How long things take, from the settings."""

    usual: timedelta
    vouched: timedelta
    quiet: timedelta
    case: timedelta

    def after(self, proofs: Iterable[Proof]) -> timedelta:
        """The delay after the second operator has agreed; shorter with a co-owner's word."""
        vouched = any(proof.kind == "vouch" for proof in proofs)
        return min(self.usual, self.vouched) if vouched else self.usual


def enough(proofs: Collection[Proof]) -> tuple[Missing, ...]:
    """What is missing; nothing means that two operators may look at it.

    Two proofs of different classes that rest on nothing in common, one of them strong. More proofs never harm.
    """
    if any(_carry(one, other) for one, other in combinations(proofs, 2)):
        return ()
    missing: list[Missing] = []
    if len({CLASS[proof.kind] for proof in proofs}) < 2:  # noqa: PLR2004 - two kinds
        missing.append("second-kind")
    if not any(proof.strong for proof in proofs):
        missing.append("strong")
    return tuple(missing) or ("independent",)


def _carry(one: Proof, other: Proof) -> bool:
    different = CLASS[one.kind] != CLASS[other.kind]
    return different and not (one.rests_on & other.rests_on) and (one.strong or other.strong)


def holds_uploads(proofs: Collection[Proof]) -> bool:
    """Whether the account's uploads wait: from the first strong proof of one's own, or when the evidence is enough."""
    return any(proof.strong and proof.own for proof in proofs) or not enough(proofs)


def mail_root(domain: str) -> str:
    """The part of a name that somebody registers: ``mail.example.org`` and ``example.org`` are one."""
    labels = domain.lower().strip(".").split(".")
    shared = len(labels[-1]) == _COUNTRY_LETTERS and len(labels) > 1 and labels[-2] in _SHARED_SECOND
    root = ".".join(labels[-3 if shared else -2 :])
    return _SAME_HANDS.get(root, root)


def host_root(host: str) -> str:
    """The same for a host that may be written as an address, which is its own root."""
    return host if ":" in host or host.rpartition(".")[2].isdecimal() else mail_root(host)


@dataclass(frozen=True, slots=True)
class Case:
    """One case as its row says."""

    id: int
    public_id: str
    account_id: int | None
    sent: bool
    email: str
    opened_at: datetime
    announced_at: datetime | None
    expires_at: datetime
    new_email: str
    new_email_at: datetime | None
    held_at: datetime | None
    approved_at: datetime | None
    due_at: datetime | None
    reopens_at: datetime | None
    """When the account may publish again, as soon as that is known."""
    contested_at: datetime | None
    closed_at: datetime | None
    outcome: Outcome
    closed_by: str
    note: str

    @property
    def open(self) -> bool:
        """Whether anything can still come of it."""
        return self.closed_at is None

    def held_until(self, now: datetime) -> datetime | None:
        """When the account's uploads are taken again, at the latest; None if this case does not hold them.

        A case that nobody agrees on ends by itself. Recovered, the account stays quiet for a while: what a thief has
        prepared shows itself, and the owner is back first.
        """
        held = self.held_at is not None if self.open else self.outcome == "completed"
        until = self.reopens_at or self.expires_at
        return until if held and (self.open or until > now) else None


def address_to_write_to(case: Case, proofs: Collection[Proof]) -> str:
    """Where the new password's link goes: the new address if it was proved, or the old one if its mail was read."""
    if case.new_email and case.new_email_at is not None:
        return case.new_email
    return case.email if any(proof.kind == "mail" for proof in proofs) else ""


def missing_of(case: Case, proofs: Collection[Proof]) -> tuple[Missing, ...]:
    """What is missing before operators may agree: evidence, and an address that is known to be read."""
    address: tuple[Missing, ...] = () if address_to_write_to(case, proofs) else ("address",)
    return enough(proofs) + address


def state_of(case: Case, proofs: Collection[Proof]) -> State:
    """Where a case stands."""
    if not case.open:
        return "closed"
    if case.contested_at is not None:
        return "contested"
    if case.approved_at is not None:
        return "waiting"
    return "open" if missing_of(case, proofs) else "ready"


@dataclass(frozen=True, slots=True)
class Voice:
    """An operator who wants to agree, refuse or let go on, and what he is to the case."""

    account_id: int | None
    operator_since: datetime | None
    """None: before anybody noted it."""
    about: bool
    co_owner: bool
    has_proved: bool


def may_decide(voice: Voice, case: Case) -> str:
    """Why this operator has no voice in the case; empty if he has one (attacks A34, A55).

    A person with an account, who is neither the one whose account it is, nor one of the co-owners, nor one whose word
    is evidence. Whoever became an operator since the case was opened has none: or one operator could make the second.
    """
    if voice.account_id is None:
        return "Only a person with an account can decide a recovery, so that two are two."
    if voice.about:
        return "The case is about your own account."
    if voice.co_owner:
        return "You own a project together with this account."
    if voice.has_proved:
        return "Your own word is evidence in this case."
    if voice.operator_since is not None and voice.operator_since >= case.opened_at:
        return "You became an operator after the case was opened."
    return ""


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of a case, for its picture and its list."""

    at: datetime
    words: str
    kind: Literal["past", "future", "trouble"] = "past"


def ordered(steps: Sequence[Step]) -> list[Step]:
    """By time; of the same moment in the order given."""
    return sorted(steps, key=lambda step: step.at)
