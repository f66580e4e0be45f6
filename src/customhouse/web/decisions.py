"""What a visitor's key signs who decides at a gate of a release run."""

from __future__ import annotations

from customhouse.release.room.decide import actor_at, asked_of
from customhouse.release.room.proof import Decision
from customhouse.release.room.room import Look
from customhouse.terms.errors import Refused
from customhouse.web.visit import Visit

SIGNED = ("approve", "decline")


def about(run: str, step: str, decision: str, question: str) -> str:
    """How a form names what its key is to sign."""
    return f"{run}:{step}:{decision}:{question}"


def decision_for(visit: Visit, found: Look, step: str, question: str, decision: str) -> Decision:
    """What this visitor's key signs: only of a question that is open, and that he is asked."""
    asked = asked_of(found.state.steps, step)
    if found.member is None:
        raise Refused("not-asked", "You are not asked here.")
    actor_at(found.member, asked)
    if asked.question != question:
        raise Refused(
            "other-question", "What is asked has changed since you looked at it.", "Load the page again.", status=409
        )  # fmt: skip
    return Decision(
        visit.app.room.server, found.run.id, step, asked.attempt, question, decision, visit.me.name
    )  # fmt: skip


def asked_decision(visit: Visit) -> Decision:
    """The same for a page's script."""
    run, _, rest = visit.query.get("about", "").partition(":")
    step, _, rest = rest.partition(":")
    decision, _, question = rest.partition(":")
    if visit.user is None or decision not in SIGNED:
        raise Refused("not-asked", "Nobody asks you that.", "Load the page again.", status=404)
    return decision_for(visit, visit.app.room.look(run[:64], visit.actor), step[:100], question[:64], decision)
