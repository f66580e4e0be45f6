"""Claiming a project name: one table for what we host, what is reserved and what upstream has."""

from __future__ import annotations

from customhouse.catalog import queries
from customhouse.catalog.model import Project
from customhouse.catalog.tables import name, project_role
from customhouse.formats.prohibited_names import name_refusal
from customhouse.infra.db import insert_new
from customhouse.ledger.events import ProjectCreated
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Broken, Refused
from customhouse.terms.identity import Identity
from customhouse.terms.names import ProjectName

_INSERT_ROLE = project_role.insert()


def claim_project(
    wanted: ProjectName, owner: Identity, token_scope: str | None, resembled: str | None, tx: Tx
) -> Project:
    """Claim a free name for its first uploader and make the project.

    ``resembled`` is the popular name that it could be mistaken for, found before the writers' turn because it takes a
    while; it becomes a signal.
    Raises `Rejected` for a name that nobody may have, `Refused` for one that is taken or looks like one that is.
    """
    if token_scope is not None and token_scope != wanted.normalized:
        raise Refused(
            "token-scope",
            f"This token is for the project {token_scope!r}, not for {wanted.display!r}.",
            "Use a token for this project or for the whole account.",
        )
    if (rejection := name_refusal(wanted)) is not None:
        raise rejection
    free = insert_new(
        tx.sql,
        name,
        normalized=wanted.normalized,
        ultranormalized=wanted.ultranormalized,
        state="hosted",
        claimed_at=tx.now(),
    )
    if not free:
        claim = queries.find_claim(tx.sql, wanted.normalized, wanted.ultranormalized)
        if claim is None:
            raise Broken(f"The name {wanted.normalized!r} is neither free nor claimed.")
        raise _name_taken(wanted, claim)
    made = queries.insert_project(
        tx.sql,
        wanted.normalized,
        display=wanted.display,
        created_at=tx.now(),
        signals={"look-alike": resembled} if resembled else {},
    )
    tx.sql.execute(_INSERT_ROLE, {"project_id": made.id, "account_id": int(owner.id), "role": "owner"})
    tx.record(ProjectCreated(owner, wanted.normalized, display_name=wanted.display, owner_id=owner.id))
    return made


def _name_taken(wanted: ProjectName, claim: queries.NameClaim) -> Refused:
    if claim.normalized != wanted.normalized:
        return Refused(
            "name-too-similar",
            f"The name {wanted.display!r} looks too much like {claim.normalized!r}, which is taken here.",
            "Choose a name that nobody can confuse with it.",
        )
    if claim.state == "upstream":
        return Refused(
            "name-upstream",
            f"The name {wanted.display!r} is served from an upstream index.",
            "An operator can adopt the name; until then choose another.",
        )
    return Refused("name-reserved", f"The name {wanted.display!r} is reserved.", "Choose another name.")
