"""Whose webhooks somebody may see and change."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from customhouse.catalog import organizations, queries, rights
from customhouse.hooks.model import Hook, Scope, ScopeKind
from customhouse.infra.targets import Target
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor, Identity
from customhouse.terms.names import normalize


@dataclass(frozen=True, slots=True)
class Holder:
    """What a webhook belongs to, as somebody names it: a project, an organization or the index itself."""

    kind: ScopeKind
    name: str = ""


def scope_for(sql: Connection, holder: Holder, actor: Actor) -> Scope:
    """Owners of a project, owners and managers of an organization, and operators have a say over webhooks.

    Raises `Refused` for everybody else, 404 if they may not even know of what they name.
    """
    if holder.kind == "index":
        if not actor.operator:
            raise Refused("not-an-operator", "Only an operator of this index may do that.", "Ask one.")
        return Scope("index")
    if holder.kind == "organization":
        return _organization(sql, holder.name, actor)
    return _project(sql, holder.name, actor)


def identity_in(scope: Scope, actor: Actor) -> Identity:
    """Whose name the event bears: for the index's own hooks it is the operator."""
    return actor.as_operator if scope.kind == "index" else actor.identity


def traits(scope: Scope, hook: Hook) -> dict[str, str]:
    """What every event of a hook says of it."""
    return {
        "hook_id": hook.id,
        "organization": scope.name if scope.kind == "organization" else "",
        "origin": Target.parse(hook.url).origin,
    }


def _project(sql: Connection, name: str, actor: Actor) -> Scope:
    found = queries.find_project(sql, normalize(name))
    standing = rights.standing(sql, found, actor) if found is not None else None
    if found is None or standing is None or not standing.reads:
        raise Refused("unknown-project", f"There is no project named {name[:100]!r} here.", status=404)
    if standing.role != "owner":
        raise Refused("not-an-owner", f"Only an owner of {found.display!r} may do that.", "Ask one of its owners.")
    return Scope("project", found.id, found.normalized)


def _organization(sql: Connection, name: str, actor: Actor) -> Scope:
    found = organizations.find_organization(sql, name)
    role = organizations.role_in(sql, name, actor.account_id) if actor.account_id is not None else None
    if role is None:
        raise organizations.unknown_organization(name)
    if role not in rights.MANAGING:
        raise Refused(
            "not-a-manager", f"Only owners and managers of {found.name!r} may do that.", "Ask one of its owners."
        )
    return Scope("organization", found.id, found.name)
