"""Who has said yes to what, before a step began. Our own predicate."""

from __future__ import annotations

from customhouse.release.events import Approved, Asked
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.statement import Statement, descriptor, moment, subjects_or_line
from customhouse.release.sealed import Sealed


def approval(told: History, line: Sealed) -> Statement:
    """Of the line of `StepStarted` of a step with a gate: the question, the answers, and how many were needed."""
    attempt, base = told.at(line), uris.base_of(told.created.places)
    asked = attempt.asked
    question = asked.event if asked else None
    assert isinstance(question, Asked)  # noqa: S101 - whoever calls has looked
    said = [(one, one.event) for one in attempt.approvals if one.seq < line.seq]
    return Statement(
        uris.approval(base),
        subjects_or_line(question.things, asked or line),
        {
            "run": told.run,
            "step": question.step,
            "attempt": question.attempt,
            "question": {"sha256": question.question},
            "ask": question.ask,
            "things": [descriptor(one) for one in question.things],
            "quorum": question.quorum,
            "of": list(question.need),
            "factor": question.factor,
            "expiresAt": moment(question.expires_at),
            "decision": "approved",
            "approvals": [
                {
                    "person": event.person, "actor": event.actor, "factor": event.factor, "at": moment(one.at),
                    "journal": {"seq": one.seq, "sha256": one.hash},
                }
                for one, event in said
                if isinstance(event, Approved)
            ],
        },
    )  # fmt: skip
