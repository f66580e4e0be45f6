"""An owner says how vulnerabilities of the project are to be reported; whoever reports one reads it first."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.advisories.disclosure.draft import long_text
from customhouse.advisories.disclosure.events import SecurityPolicySet
from customhouse.advisories.disclosure.tables import security_policy
from customhouse.index.subject import lock_subject
from customhouse.infra.db import put_rows
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor

LONGEST = 5_000


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """A wish for another text; empty: none."""

    project: str
    text: str
    by: Actor = COMMAND_LINE


def set_policy(command: SetPolicy, tx: Tx) -> None:
    """Write it; plain text, shown as it was typed."""
    text = long_text(command.text, "text", LONGEST)
    subject = lock_subject(tx, command.project, "", "", command.by)
    if subject.standing.role != "owner" and not command.by.operator:
        raise Refused("not-owner", "Only an owner says how vulnerabilities are reported.", "Ask one.")
    row = {"project_id": subject.project.id, "text": text, "changed_at": tx.now()}
    put_rows(tx.sql, security_policy, [row])
    tx.record(SecurityPolicySet(command.by.identity, subject.project.normalized, length=len(text)))
