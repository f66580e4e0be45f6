"""Granting and revoking namespaces (PEP 752)."""

from __future__ import annotations

from dataclasses import dataclass

from customhouse.accounts.users import refuse_unless_operator
from customhouse.catalog import namespaces
from customhouse.catalog.namespaces import Grant, may_grant
from customhouse.catalog.organizations import find_organization
from customhouse.catalog.people_events import NamespaceGranted, NamespaceRevoked, ProjectNamespaceChanged
from customhouse.catalog.tables import namespace
from customhouse.index.subject import refuse_if
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import COMMAND_LINE, Actor, Identity
from customhouse.terms.names import ProjectName, normalize


@dataclass(frozen=True, slots=True)
class GrantNamespace:
    """An operator's wish that new names which begin so are for one organization."""

    prefix: str
    organization: str
    by: Actor = COMMAND_LINE


@dataclass(frozen=True, slots=True)
class RevokeNamespace:
    """An operator's wish that such names are for everybody again."""

    prefix: str
    by: Actor = COMMAND_LINE


def grant_namespace(command: GrantNamespace, tx: Tx) -> Grant:
    """Reserve a prefix for an organization.

    Our turn among all writers comes first: of two grants that overlap the second sees the first, and a new project is
    either there already or will look for this grant (see `names.claim_project`). Every page that must say it is void.
    """
    refuse_unless_operator(command.by)
    prefix = ProjectName.parse(command.prefix.strip(), where="prefix").normalized
    tx.serialize()
    found = find_organization(tx.sql, command.organization.strip())
    refuse_if(may_grant(prefix, found.id, namespaces.all_grants(tx.sql)))
    now = tx.now()
    tx.sql.execute(namespace.insert().values(prefix=prefix, organization_id=found.id, granted_at=now))
    by = command.by.as_operator
    tx.record(NamespaceGranted(by, None, prefix=prefix, organization=found.name))
    _void_pages(tx, prefix, by, granted=True)
    return Grant(prefix, found.id, found.name, now)


def revoke_namespace(command: RevokeNamespace, tx: Tx) -> Grant:
    """Take a grant back; the projects inside stay where they are."""
    refuse_unless_operator(command.by)
    tx.serialize()
    prefix = normalize(command.prefix.strip())
    gone = next((grant for grant in namespaces.all_grants(tx.sql) if grant.prefix == prefix), None)
    if gone is None:
        raise Refused("no-such-namespace", f"The namespace {command.prefix[:100]!r} is granted to nobody.", status=404)
    tx.sql.execute(namespace.delete().where(namespace.c.prefix == prefix))
    by = command.by.as_operator
    tx.record(NamespaceRevoked(by, None, prefix=prefix, organization=gone.organization))
    _void_pages(tx, prefix, by, granted=False)
    return gone


def _void_pages(tx: Tx, prefix: str, by: Identity, *, granted: bool) -> None:
    for normalized in namespaces.projects_inside(tx.sql, prefix):
        tx.record(ProjectNamespaceChanged(by, normalized, prefix=prefix, granted=granted))
