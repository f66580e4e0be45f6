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


@dataclass(frozen=True, slots=True)
class Say:
    """That somebody has a say over these webhooks, and in whose name his deeds are noted."""

    scope: Scope
    identity: Identity


def say_of(sql: Connection, holder: Holder, actor: Actor) -> Say:
    """Owners of a project, owners and managers of an organization, and operators have a say over webhooks.

    Raises `Refused` for everybody else, 404 if they may not even know of what they name. An operator acts in the
    operator's name where he has no other right.
    """
    if holder.kind == "index":
        if not actor.operator:
            raise Refused("not-an-operator", "Only an operator of this index may do that.", "Ask one.")
        return Say(Scope("index"), actor.as_operator)
    if holder.kind == "organization":
        return _organization(sql, holder.name, actor)
    return _project(sql, holder.name, actor)


def traits(scope: Scope, hook: Hook) -> dict[str, str]:
    """What every event of a hook says of it."""
    return {
        "hook_id": hook.id,
        "organization": scope.name if scope.kind == "organization" else "",
        "origin": Target.parse(hook.url).origin,
    }


def _project(sql: Connection, name: str, actor: Actor) -> Say:
    found = queries.find_project(sql, normalize(name))
    standing = rights.standing(sql, found, actor) if found is not None else None
    if found is None or standing is None or not standing.reads:
        raise Refused("unknown-project", f"There is no project named {name[:100]!r} here.", status=404)
    scope = Scope("project", found.id, found.normalized)
    if standing.role == "owner":
        return Say(scope, actor.identity)
    if actor.operator:
        return Say(scope, actor.as_operator)
    raise Refused("not-an-owner", f"Only an owner of {found.display!r} may do that.", "Ask one of its owners.")


def _organization(sql: Connection, name: str, actor: Actor) -> Say:
    found = organizations.find_organization(sql, name)
    scope = Scope("organization", found.id, found.name)
    role = organizations.role_in(sql, name, actor.account_id) if actor.account_id is not None else None
    if role in rights.MANAGING:
        return Say(scope, actor.identity)
    if actor.operator:
        return Say(scope, actor.as_operator)
    if role is None:
        raise organizations.unknown_organization(name)
    raise Refused("not-a-manager", f"Only owners and managers of {found.name!r} may do that.", "Ask one of its owners.")
