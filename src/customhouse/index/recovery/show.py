"""One case as people look at it: its evidence, what is missing, and its moments in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from customhouse.index.recovery.model import (
    NEEDED_OPERATORS,
    Case,
    Delays,
    Kind,
    Missing,
    Outcome,
    State,
    Step,
    address_to_write_to,
    missing_of,
    ordered,
    state_of,
)
from customhouse.index.recovery.queries import (
    Approval,
    Evidence,
    Objection,
    approvals_of,
    evidence_of,
    name_of,
    objections_of,
)
from customhouse.index.recovery.standing import standing_proofs

KIND_WORDS: dict[Kind, str] = {
    "mail": "Mail at the account's address",
    "repository": "A file in a project's repository",
    "dns": "A record in a domain",
    "identity": "A linked identity",
    "vouch": "A co-owner's word",
    "code": "A recovery code",
    "old-code": "An old recovery code",
}
MISSING_WORDS: dict[Missing, str] = {
    "second-kind": "Two proofs of different kinds.",
    "strong": "One proof at least that is more than mail or an old code.",
    "independent": "A proof that does not rest on the same domain, forge or people as the others.",
    "address": "An address where mail is known to reach you: by the letter's link, or by naming another one.",
}
OUTCOME_WORDS: dict[Outcome, str] = {
    "": "",
    "completed": "The account was given back.",
    "ended": "Whoever is signed in to the account ended the case.",
    "refused": "An operator refused it.",
    "expired": "It was not agreed on in time.",
    "superseded": "Another case took its place.",
}
STATE_WORDS: dict[State, str] = {
    "open": "collecting evidence",
    "ready": "waiting for two operators",
    "waiting": "agreed on; the delay runs",
    "contested": "contested; waiting for an operator",
    "closed": "ended",
}


@dataclass(frozen=True, slots=True)
class CaseView:
    """Everything about one case."""

    case: Case
    name: str
    """Of the account; empty if it is about nobody."""
    evidence: Sequence[Evidence]
    missing: Sequence[Missing]
    state: State
    approvals: Sequence[Approval]
    objections: Sequence[Objection]
    steps: Sequence[Step]
    address: str
    """Where the new password's link goes; empty while that is open."""


def case_view(sql: Connection, case: Case, delays: Delays) -> CaseView:
    """The case with what belongs to it."""
    evidence = evidence_of(sql, case.id)
    proofs = standing_proofs(sql, case)
    approvals, objections = approvals_of(sql, case.id), objections_of(sql, case.id)
    state = state_of(case, proofs)
    steps = ordered(
        [
            Step(case.opened_at, "Opened"),
            *(Step(one.at, f"Proof: {KIND_WORDS[one.kind].lower()}") for one in evidence if one.accepted),
            *_of_uploads(case),
            *(
                Step(one.at, f"Operator {number} of {NEEDED_OPERATORS} agreed")
                for number, one in enumerate(approvals, 1)
            ),
            *(Step(one.at, "Objection", "trouble") for one in objections),
            *(Step(one.answered_at, "An operator let it go on") for one in objections if one.answered_at is not None),
            *_coming(case, delays),
        ]
    )
    missing = missing_of(case, proofs)
    return CaseView(
        case, name_of(sql, case.account_id), evidence, missing, state, approvals, objections, steps,
        address_to_write_to(case, proofs),
    )  # fmt: skip


def _of_uploads(case: Case) -> list[Step]:
    return [Step(case.held_at, "Uploads of the account wait from here on")] if case.held_at is not None else []


def _coming(case: Case, delays: Delays) -> list[Step]:
    """The end, or what is still to come."""
    if case.closed_at is not None:
        kind = "past" if case.outcome == "completed" else "trouble"
        steps = [Step(case.closed_at, OUTCOME_WORDS[case.outcome].rstrip("."), "past" if kind == "past" else "trouble")]
        if case.outcome == "completed" and case.reopens_at is not None and delays.quiet:
            steps.append(Step(case.reopens_at, "The account may publish again", "future"))
        return steps
    if case.due_at is not None and case.contested_at is None:
        steps = [Step(case.due_at, "The account is given back, unless somebody objects", "future")]
        if case.reopens_at is not None and case.reopens_at > case.due_at:
            steps.append(Step(case.reopens_at, "The account may publish again", "future"))
        return steps
    return [Step(case.expires_at, "The case ends by itself if nobody has agreed", "future")]
