"""Claiming a project name: one table for what we host, what is reserved and what upstream has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts import index_flags
from customhouse.catalog import namespaces, queries
from customhouse.catalog.model import Project, Visibility
from customhouse.catalog.namespaces import may_claim
from customhouse.catalog.people_events import PrivateProjectCreated
from customhouse.catalog.rights import MANAGING
from customhouse.catalog.staged import attach_sessions
from customhouse.catalog.tables import name, project, project_role
from customhouse.formats.prohibited_names import name_refusal
from customhouse.index import people
from customhouse.index.founders import kept_for
from customhouse.index.owes import refuse_unverified
from customhouse.infra.db import insert_new
from customhouse.ledger.events import ProjectCreated
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Broken, Refused
from customhouse.terms.identity import Actor
from customhouse.terms.names import ProjectName

_INSERT_ROLE = project_role.insert()
_LOCK_KEPT = (
    sa.select(name.c.normalized)
    .where(name.c.normalized == sa.bindparam("normalized"), name.c.state == "staged")
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish for a free name, by an upload or before any."""

    name: ProjectName
    by: Actor
    resembled: str | None = None
    """The popular name that it could be mistaken for, found before the writers' turn because it takes a while."""
    visibility: Visibility = "public"
    organization_id: int | None = None
    """The organization that is to hold the project; who wishes it may act for it."""


def claim_project(command: Claim, tx: Tx) -> Project:
    """Claim a free name and make the project.

    Inside a namespace the project belongs to the organization that has it, and only its owners and managers get that
    far (409, PEP 752). A project without an organization belongs to who claims it.
    Raises `Rejected` for a name that nobody may have, `Refused` for one that is taken or looks like one that is.
    """
    wanted, by = command.name, command.by
    refuse_unverified(tx.sql, by.account_id)
    reserved_for = refuse_new(tx.sql, wanted, by)
    if (rejection := name_refusal(wanted)) is not None:
        raise rejection
    kept = _take_name(wanted, by, tx)
    organization_id = _holder(command, reserved_for, tx)
    made = queries.insert_project(
        tx.sql,
        wanted.normalized,
        display=wanted.display,
        created_at=tx.now(),
        signals={"look-alike": command.resembled} if command.resembled else {},
    )
    if kept:
        attach_sessions(tx.sql, wanted.normalized, made.id)
    if organization_id is not None or command.visibility != "public":
        tx.sql.execute(
            project.update()
            .where(project.c.id == made.id)
            .values(organization_id=organization_id, visibility=command.visibility)
        )
        made = queries.find_project(tx.sql, wanted.normalized) or made
    if organization_id is None:
        tx.sql.execute(_INSERT_ROLE, {"project_id": made.id, "account_id": by.account_id, "role": "owner"})
    event = ProjectCreated if made.public else PrivateProjectCreated
    tx.record(event(by.identity, wanted.normalized, display_name=wanted.display, owner_id=by.identity.id))
    return made


def keep_name(command: Claim, tx: Tx) -> int | None:
    """Keep a free name for a first release that is being staged; returns the organization that is to hold the project.

    Nobody sees the name, and nobody but who founds the project gets it (PEP 694). Refuses whatever `claim_project`
    would refuse.
    """
    wanted, by = command.name, command.by
    refuse_unverified(tx.sql, by.account_id)
    reserved_for = refuse_new(tx.sql, wanted, by)
    if (rejection := name_refusal(wanted)) is not None:
        raise rejection
    claim = _insert_name(wanted, "staged", tx)
    if claim is not None and not _is_kept_for(tx.sql, wanted, claim, by, tx.now()):
        raise _taken(tx.sql, wanted, claim)
    if claim is not None and not lock_kept(tx.sql, wanted.normalized):
        raise _name_changes()
    return _holder(command, reserved_for, tx)


def lock_kept(sql: Connection, normalized: str) -> bool:
    """Keep rival deeds about the first releases of a name waiting until commit; False if it is not kept any more."""
    return sql.execute(_LOCK_KEPT, {"normalized": normalized}).first() is not None


def free_name(sql: Connection, normalized: str) -> None:
    """Let a name go that was kept for a release which does not appear."""
    sql.execute(name.delete().where(name.c.normalized == normalized, name.c.state == "staged"))


def refuse_taken(sql: Connection, wanted: ProjectName, by: Actor, now: datetime) -> int | None:
    """Refuse a name that nobody could claim, before anything dear is done. The deed looks again.

    Returns the organization that has the namespace around it, or None.
    """
    reserved_for = refuse_new(sql, wanted, by)
    claim = queries.find_claim(sql, wanted.normalized, wanted.ultranormalized)
    if claim is not None and not _is_kept_for(sql, wanted, claim, by, now):
        raise _taken(sql, wanted, claim)
    return reserved_for


def refuse_new(sql: Connection, wanted: ProjectName, by: Actor) -> int | None:
    """Refuse what would be refused of any name that is free; returns the organization that has the namespace, or None.

    It comes before every look at what is taken, so that a name which is not free for a hidden reason is answered like
    its free neighbours: by a token for another project, while no names are given out, and inside a namespace.
    """
    if (refusal := by.scope.refusal("upload", wanted.normalized)) is not None:
        raise refusal
    index_flags.refuse_if_flagged(sql, "no-new-projects", actor=by)
    return refuse_reserved(sql, wanted, by)


def refuse_reserved(sql: Connection, wanted: ProjectName, by: Actor) -> int | None:
    """Refuse a new name in a namespace of others; returns the organization that has the namespace, or None.

    A deed asks once more when its turn among all writers has come, so that no grant slips in between.
    """
    grants = namespaces.grants_covering(sql, wanted.normalized)
    if not grants:
        return None
    organization_id = grants[0].organization_id
    acts_for = by.operator or people.member_role(sql, organization_id, by.account_id) in MANAGING
    if (refusal := may_claim(wanted.display, grants, acts_for=acts_for)) is not None:
        raise refusal
    return organization_id


def look_again(made: Project, by: Actor, tx: Tx) -> None:
    """Once our turn among all writers has come: was a namespace granted since the name was claimed?"""
    if by.account_id is None:
        # A publisher acts for no organization; its project was made as somebody else's, who does.
        grants = namespaces.grants_covering(tx.sql, made.normalized)
        holder = grants[0].organization_id if grants else made.organization_id
        if holder != made.organization_id:
            raise Refused("namespace-granted", "A namespace was granted just now.", "Try again.", status=409)
        return
    if refuse_reserved(tx.sql, ProjectName(made.display), by) not in (None, made.organization_id):
        raise Refused("namespace-granted", "A namespace was granted just now.", "Try again.", status=409)


def name_reserved(wanted: ProjectName) -> Refused:
    """What a stranger hears alike of a name that is private, deleted, prohibited, or looks like one of these."""
    return Refused("name-reserved", f"The name {wanted.display!r} is reserved.", "Choose another name.")


def _holder(command: Claim, reserved_for: int | None, tx: Tx) -> int | None:
    """The organization that will hold the project: the namespace's, or the one that was wished for."""
    if reserved_for is not None and command.organization_id not in (None, reserved_for):
        grants = namespaces.grants_covering(tx.sql, command.name.normalized)
        raise may_claim(command.name.display, grants, acts_for=False) or name_reserved(command.name)
    return reserved_for if reserved_for is not None else command.organization_id


def _take_name(wanted: ProjectName, by: Actor, tx: Tx) -> bool:
    """Take the name; returns whether it was kept for a first release of his."""
    claim = _insert_name(wanted, "hosted", tx)
    if claim is None:
        return False
    if not _is_kept_for(tx.sql, wanted, claim, by, tx.now()):
        raise _taken(tx.sql, wanted, claim)
    # Of several who take it at once, with the same right to it, one does; the others find what he has made.
    mine = name.update().where(name.c.normalized == wanted.normalized, name.c.state == "staged")
    if not tx.sql.execute(mine.values(state="hosted")).rowcount:
        raise _name_changes()
    return True


def _name_changes() -> Refused:
    return Refused("name-changes", "What this name is changes at this moment.", "Try again.", status=409)


def _insert_name(wanted: ProjectName, state: str, tx: Tx) -> queries.NameClaim | None:
    """Write the name in this state; returns who has it if it is not free."""
    free = insert_new(
        tx.sql,
        name,
        normalized=wanted.normalized,
        ultranormalized=wanted.ultranormalized,
        state=state,
        claimed_at=tx.now(),
    )
    if free:
        return None
    claim = queries.find_claim(tx.sql, wanted.normalized, wanted.ultranormalized)
    if claim is None:
        raise Broken(f"The name {wanted.normalized!r} is neither free nor claimed.")
    return claim


def _is_kept_for(sql: Connection, wanted: ProjectName, claim: queries.NameClaim, by: Actor, now: datetime) -> bool:
    return claim == (wanted.normalized, "staged") and kept_for(sql, wanted.normalized, by, now)


def _taken(sql: Connection, wanted: ProjectName, claim: queries.NameClaim) -> Refused:
    """Why a name is not free. What it looks like is said only of projects that everybody may know of."""
    if claim.normalized == wanted.normalized and claim.state == "upstream":
        upstream = queries.upstream_of(sql, wanted.normalized)
        return Refused(
            "name-upstream",
            f"The name {wanted.display!r} is served from an upstream index{f', {upstream}' if upstream else ''}.",
            "An operator can adopt the name (customhouse name adopt); until then choose another.",
        )
    holder = queries.find_project(sql, claim.normalized)
    if holder is None or not holder.public:
        return name_reserved(wanted)
    if claim.normalized != wanted.normalized:
        return Refused(
            "name-too-similar",
            f"The name {wanted.display!r} looks too much like {claim.normalized!r}, which is taken here.",
            "Choose a name that nobody can confuse with it.",
        )
    return Refused(
        "name-taken", f"There is a project named {holder.display!r} here already.", "Choose another name.", status=409
    )
