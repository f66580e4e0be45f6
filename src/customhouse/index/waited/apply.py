"""Making a change whose time has come: by the deed that put it off, which looks up all rights as they are now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from customhouse.accounts.emails import ChangeAddress, change_address
from customhouse.accounts.factors import RemoveFactor
from customhouse.accounts.users import find_user_by_id
from customhouse.catalog.lifecycle import DeletionPolicy
from customhouse.index.answer_invitation import take_what_was_accepted
from customhouse.index.approving import set_rule
from customhouse.index.change_role import (
    ChangeRole,
    LeaveProject,
    RemoveRole,
    change_role,
    leave_project,
    remove_role,
)
from customhouse.index.close_account import CloseAccount, close_account
from customhouse.index.delete import Delete, delete
from customhouse.index.mandates.change import lower
from customhouse.index.mark_critical import UNMARKED, MarkCritical, mark_critical
from customhouse.index.organizations import ChangeMember, RemoveMember, change_member, remove_member
from customhouse.index.publishing.add import AddPublisher, add_publisher
from customhouse.index.publishing.only import SetPublishersOnly, set_publishers_only
from customhouse.index.remove_factor import remove_factor
from customhouse.index.slow import queries
from customhouse.index.slow.events import ChangeApplied
from customhouse.index.slow.lapse import let_lapse
from customhouse.index.slow.model import PendingChange
from customhouse.index.slow.protect import Protect, protect
from customhouse.index.slow.tables import pending_change
from customhouse.index.slow.tell import facts_of, lock_touched, project_of
from customhouse.index.teams import (
    AboutTeam,
    AboutTeamMember,
    AboutTeamRole,
    add_team_member,
    remove_team,
    remove_team_member,
    set_team_role,
)
from customhouse.index.transfer import TransferToOrganization, transfer_to_organization
from customhouse.index.visibility import ChangeVisibility, change_visibility
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import CustomhouseError, Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, SYSTEM, Actor
from customhouse.trust.described import Described

Do = Callable[[Tx, Mapping[str, Any], Actor], object]
"""Does a change by its arguments, in whose name; raises `Refused` or `Rejected` if that is not possible any more."""


def _delete(tx: Tx, arguments: Mapping[str, Any], by: Actor) -> object:
    wish = Delete(
        arguments["project"], arguments["version"], arguments["filename"], arguments["reason"], arguments["typed"],
        policy=_policy(arguments), addresses_answer=timedelta(seconds=arguments["addresses_answer_seconds"]), by=by,
    )  # fmt: skip
    return delete(wish, tx)


def _hide(tx: Tx, arguments: Mapping[str, Any], by: Actor) -> object:
    wish = ChangeVisibility(arguments["project"], "private", arguments["typed"], _policy(arguments), by)
    return change_visibility(wish, tx)


def _policy(arguments: Mapping[str, Any]) -> DeletionPolicy:
    return DeletionPolicy(timedelta(seconds=arguments["free_seconds"]), arguments["downloads_limit"])


_DEEDS: Mapping[str, Do] = {
    "change-role": lambda tx, a, by: change_role(ChangeRole(a["project"], a["user"], a["role"], by), tx),
    "remove-role": lambda tx, a, by: remove_role(RemoveRole(a["project"], a["user"], by), tx),
    "leave-project": lambda tx, a, by: leave_project(LeaveProject(a["project"], by), tx),
    "accept-invitation": lambda tx, a, _by: take_what_was_accepted(a["invitation"], tx),
    "transfer-to-organization": lambda tx, a, by: transfer_to_organization(
        TransferToOrganization(a["project"], a["organization"], a["typed"], by=by), tx
    ),
    "set-team-role": lambda tx, a, by: set_team_role(
        AboutTeamRole(a["organization"], a["team"], a["project"], a["role"], by), tx
    ),
    "add-team-member": lambda tx, a, by: add_team_member(
        AboutTeamMember(a["organization"], a["team"], a["user"], by), tx
    ),
    "remove-team-member": lambda tx, a, by: remove_team_member(
        AboutTeamMember(a["organization"], a["team"], a["user"], by), tx
    ),
    "remove-team": lambda tx, a, by: remove_team(AboutTeam(a["organization"], a["team"], by), tx),
    "change-member": lambda tx, a, by: change_member(
        ChangeMember(a["organization"], a["user"], a["role"], by), tx
    ),
    "remove-member": lambda tx, a, by: remove_member(RemoveMember(a["organization"], a["user"], by), tx),
}  # fmt: skip


def _by_deed(tx: Tx, arguments: Mapping[str, Any], by: Actor) -> object:
    return _DEEDS[arguments["deed"]](tx, arguments, by)


APPLY: Mapping[str, Do] = {
    "owner-added": _by_deed,
    "owner-removed": _by_deed,
    "transfer": _by_deed,
    "team-changed": _by_deed,
    "member-changed": _by_deed,
    "deletion": _delete,
    "visibility": _hide,
    "mandate-lowered": lower,
    UNMARKED: lambda tx, a, by: mark_critical(MarkCritical(a["project"], a["why"], critical=False, by=by), tx),
    "factor-removed": lambda tx, a, by: remove_factor(
        RemoveFactor(a["account_id"], a["factor_id"], by.identity, a["must_keep"]), tx
    ),
    "address-changed": lambda tx, a, by: change_address(ChangeAddress(by.account_id or 0, a["email"], by.identity), tx),
    "account-closed": lambda tx, _a, by: close_account(CloseAccount(by.identity.name, by), tx),
    set_rule.KIND: set_rule.lower,
    "protection-lowered": lambda tx, a, by: protect(Protect(a["project"], on=False, by=by), tx),
    "publisher-added": lambda tx, a, by: add_publisher(
        AddPublisher(a["project"], Described.of(a["described"]), a["stages_only"], by), tx
    ),
    "tokens-allowed": lambda tx, a, by: set_publishers_only(SetPublishersOnly(a["project"], on=False, by=by), tx),
}
"""By the kind of the change."""


@dataclass(frozen=True, slots=True)
class Lapse:
    """A change that was due, and why it could not be made."""

    change_id: int
    why: str


def apply_due(deeds: Deeds, change_id: int) -> bool:
    """Make a change if it is due; False if it is not, or was over already. Doing it again finds it over."""
    try:
        return deeds.do(apply_change, change_id)
    except (Refused, Rejected) as error:
        deeds.do(lapse, Lapse(change_id, _why(error)))
        return False


def apply_change(change_id: int, tx: Tx) -> bool:
    """Claim the change and do its deed, in one transaction."""
    change = queries.find_change(tx.sql, change_id)
    if change.effective_at > tx.now() or change.state != "waiting":
        return False
    return do_now(tx, change)


def do_now(tx: Tx, change: PendingChange) -> bool:
    """Do what a change wants, now; False if somebody else has ended it meanwhile."""
    by = _actor(tx, change)
    # First what it is about, as every deed does; then the change itself.
    lock_touched(tx, change)
    claimed = tx.sql.execute(
        pending_change.update()
        .where(pending_change.c.id == change.id, pending_change.c.state == change.state)
        .values(state="applied", ended_at=tx.now())
    ).rowcount
    if not claimed:
        return False
    tx.waited = True
    APPLY[change.kind](tx, change.arguments, by)
    tx.record(ChangeApplied(SYSTEM, project_of(tx.sql, change), **facts_of(tx.sql, change)))
    return True


def lapse(command: Lapse, tx: Tx) -> None:
    """Note that a change could not be made. One that was ended meanwhile stays as it is."""
    let_lapse(tx, queries.find_change(tx.sql, command.change_id), command.why, contested_too=False)


def _actor(tx: Tx, change: PendingChange) -> Actor:
    """Who asked for it, with the rights that he has now."""
    if change.requested_by is None:
        return COMMAND_LINE
    user = find_user_by_id(tx.sql, change.requested_by)
    if user.frozen:
        raise Refused("frozen", f"The account {user.name!r}, which asked for it, is frozen.")
    return user.actor


def _why(error: CustomhouseError) -> str:
    return str(error)
