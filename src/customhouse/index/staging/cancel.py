"""Canceling a session: nothing of it is published."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.index.staging.end import end_session
from customhouse.index.staging.rights import subject
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor


@dataclass(frozen=True, slots=True)
class Cancel:
    """A wish that a session is over."""

    session_id: str
    by: Actor


def cancel(command: Cancel, tx: Tx) -> None:
    """Cancel a session in whatever state its files are; canceling it again is harmless.

    It cannot be stopped while it is being published, nor afterwards.
    """
    session, project = subject(tx, command.session_id, command.by, "cancel")
    if session.state == "canceled":
        return
    if session.state not in ("open", "error"):
        raise Refused(
            "session-closed", f"This session is {session.state} and cannot be canceled.", "Wait until it is decided.",
            status=409,
        )  # fmt: skip
    end_session(tx, session, project, command.by.identity, why="canceled")
