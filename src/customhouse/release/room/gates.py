"""A yes counts as long as whoever gave it belongs to the project: looked at whenever a machine wants to go on."""

from __future__ import annotations

from customhouse.release.events import Approved, Stopped
from customhouse.release.question import read_proof
from customhouse.release.room.people import who_left
from customhouse.release.room.writer import Writer

APPROVER_LEFT = "approver-left"


def stop_if_approvers_left(writer: Writer) -> bool:
    """Stop the run if somebody has left whose yes opens a step that has not started; whether it was stopped."""
    state = writer.now_state
    if state.status != "open":
        return False
    for found in state.steps.values():
        if found.status != "asked" or not found.approvals:
            continue
        names = {name: one for _seq, _at, one in found.approvals if (name := account_in(one))}
        gone = who_left(writer.tx.sql, state, writer.run.project_id, names)
        if gone:
            circle = "in the project or its case" if state.pipeline.embargoed else "in the project"
            writer.say(
                Stopped(
                    APPROVER_LEFT, f"{', '.join(gone)} said yes before {found.id!r} and has no role {circle} now",
                    f"a yes of people of the project: restart from {found.id!r}, so that it is asked again", found.id,
                )
            )  # fmt: skip
            return True
    return False


def account_in(approved: Approved) -> str:
    """The account by which somebody said yes here; empty where a proof names none."""
    statement = str(read_proof(approved.proof).get("statement", ""))
    return next((line.removeprefix("account: ") for line in statement.split("\n") if line.startswith("account: ")), "")
