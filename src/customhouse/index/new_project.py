"""Making a project before its first upload: to keep a name, or to be private from the beginning."""

from __future__ import annotations

from dataclasses import dataclass, replace

from customhouse.catalog.model import Project
from customhouse.catalog.rights import MANAGING
from customhouse.formats.look_alike import look_alike, popular_names
from customhouse.index.names import Claim, claim_project, look_again
from customhouse.index.organization_subject import lock_organization
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor
from customhouse.terms.names import ProjectName


@dataclass(frozen=True, slots=True)
class CreateProject:
    """A wish for a project without files. ``resembled`` is found by `new_project`."""

    name: str
    by: Actor
    visibility: str = "public"
    organization: str = ""
    resembled: str | None = None


def new_project(deeds: Deeds, command: CreateProject) -> Project:
    """Look for the popular name that it could be mistaken for, which takes a while, then do the deed."""
    wanted = ProjectName.parse(command.name.strip())
    resembled = look_alike(wanted.normalized, popular_names())
    return deeds.do(create_project, replace(command, name=wanted.display, resembled=resembled))


def create_project(command: CreateProject, tx: Tx) -> Project:
    """Make a project for who wishes it, or for an organization that he manages."""
    wanted = ProjectName.parse(command.name)
    if command.by.account_id is None:
        raise Refused("no-owner", "A project needs an owner.", "Sign in.")
    if command.visibility not in ("public", "private"):
        raise Refused("bad-visibility", f"{command.visibility!r} is no visibility.", "public or private.", status=400)
    organization_id = None
    if command.organization:
        found, role = lock_organization(tx, command.organization, command.by)
        if role not in MANAGING:
            raise Refused("not-a-manager", f"You do not manage {found.name!r}.", "Ask one of its owners.")
        organization_id = found.id
    made = claim_project(
        Claim(
            wanted, command.by, command.resembled, "private" if command.visibility == "private" else "public",
            organization_id,
        ),
        tx,
    )  # fmt: skip
    tx.serialize()
    look_again(made, command.by, tx)
    return made
