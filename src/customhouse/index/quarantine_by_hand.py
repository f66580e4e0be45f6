"""An operator quarantines or lifts by hand, outside any case."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.users import refuse_unless_operator
from customhouse.index.quarantine import (
    check_reason,
    lift_project,
    lift_release,
    quarantine_project,
    quarantine_release,
)
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor


@dataclass(frozen=True, slots=True)
class QuarantineProject:
    """An operator's wish that a project offers no file and takes none."""

    project: str
    reason: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class QuarantineRelease:
    """An operator's wish that one release offers no file."""

    project: str
    version: str
    reason: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class LiftProject:
    """An operator's wish that a project is again what it was."""

    project: str
    reason: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class LiftRelease:
    """An operator's wish that a release offers its files again."""

    project: str
    version: str
    reason: str
    by: Actor = COMMAND_LINE


def order_project_quarantine(command: QuarantineProject, tx: Tx) -> None:
    """Quarantine a project; what a case holds of it becomes the operator's own. Doing it again is no fault."""
    refuse_unless_operator(command.by)
    quarantine_project(tx, command.project, check_reason(command.reason, "reason"), command.by.as_operator)


def order_release_quarantine(command: QuarantineRelease, tx: Tx) -> None:
    """Quarantine one release; otherwise as `order_project_quarantine`."""
    refuse_unless_operator(command.by)
    reason = check_reason(command.reason, "reason")
    quarantine_release(tx, command.project, command.version, reason, command.by.as_operator)


def order_project_lift(command: LiftProject, tx: Tx) -> None:
    """Bring back a project as it was, whoever held it back. Its case, if it has one, stays open."""
    refuse_unless_operator(command.by)
    if not lift_project(tx, command.project, check_reason(command.reason, "reason"), command.by.as_operator):
        raise Refused("not-held", f"The project {command.project!r} is not quarantined.", status=409)


def order_release_lift(command: LiftRelease, tx: Tx) -> None:
    """Offer a release's files again, whoever held it back."""
    refuse_unless_operator(command.by)
    reason = check_reason(command.reason, "reason")
    if not lift_release(tx, command.project, command.version, reason, command.by.as_operator):
        raise Refused(
            "not-held", f"Version {command.version} of {command.project!r} is not quarantined by itself.", status=409
        )
