"""Reserved namespaces (PEP 752): prefixes of names that are for one organization. Rules and reads.

A grant of ``foo`` covers the name ``foo`` and every name that begins with ``foo-``, in normalised spelling; ``foobar``
it does not cover. What was there before keeps its name and its owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.catalog.tables import namespace, organization, project
from customhouse.formats.simple import Namespace
from customhouse.terms.errors import Refused

MAX_HYPHENS = 3
"""PEP 752 wants the depth bounded."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A prefix and the organization that it is for."""

    prefix: str
    organization_id: int
    organization: str
    granted_at: datetime


_GRANTS = sa.select(namespace.c.prefix, namespace.c.organization_id, organization.c.name, namespace.c.granted_at).join(
    organization, organization.c.id == namespace.c.organization_id
)


def covers(prefix: str, normalized: str) -> bool:
    """Whether a name lies in the namespace: it is the prefix, or goes on with a dash."""
    return f"{normalized}-".startswith(f"{prefix}-")


def prefixes_of(normalized: str) -> list[str]:
    """Every namespace that could cover a name, the widest first: ``a``, ``a-b``, ``a-b-c``."""
    parts = normalized.split("-")
    return ["-".join(parts[: length + 1]) for length in range(min(len(parts), MAX_HYPHENS + 1))]


def may_grant(prefix: str, organization_id: int, existing: Sequence[Grant]) -> Refused | None:
    """A namespace may be granted if it overlaps no namespace of another organization, in either direction.

    Inside its own, an organization may have further ones. It is not granted twice, and not too deep.
    """
    if prefix.count("-") > MAX_HYPHENS:
        return Refused(
            "namespace-too-deep", f"{prefix!r} has more than {MAX_HYPHENS} dashes.", "Grant a wider one.", status=409
        )
    for grant in existing:
        if grant.prefix == prefix and grant.organization_id == organization_id:
            return Refused("namespace-granted", f"{grant.organization!r} has {prefix!r} already.", status=409)
        overlaps = covers(prefix, grant.prefix) or covers(grant.prefix, prefix)
        if overlaps and grant.organization_id != organization_id:
            return Refused(
                "namespace-overlaps",
                f"{prefix!r} overlaps {grant.prefix!r}, which is granted to {grant.organization!r}.",
                "Revoke that one first.",
                status=409,
            )
    return None


def may_claim(display: str, grants: Sequence[Grant], *, acts_for: bool) -> Refused | None:
    """A new name inside a namespace is only for owners and managers of the organization that has it (409, PEP 752)."""
    if not grants or acts_for:
        return None
    return Refused(
        "namespace-reserved",
        f"The name {display!r} lies in the namespace {grants[0].prefix!r}, which is reserved for the organization"
        f" {grants[0].organization!r}.",
        "Choose a name outside it, or ask an owner of that organization.",
        status=409,
    )


def said_of(found_organization_id: int | None, grants: Sequence[Grant]) -> tuple[Namespace, ...]:
    """What a project's page says: each namespace that covers it, and whether its holder has the grant."""
    return tuple(Namespace(grant.prefix, owned=grant.organization_id == found_organization_id) for grant in grants)


def family(prefix: str, existing: Sequence[Grant]) -> tuple[str | None, list[str]]:
    """The nearest namespace around one, or None, and those directly inside it."""
    names = [grant.prefix for grant in existing if grant.prefix != prefix]
    around = [name for name in names if covers(name, prefix)]
    inside = [name for name in names if covers(prefix, name)]
    direct = [name for name in inside if not any(covers(other, name) for other in inside if other != name)]
    return max(around, key=len, default=None), sorted(direct)


def grants_covering(sql: Connection, normalized: str) -> list[Grant]:
    """The namespaces that cover a name, the widest first. All of them belong to one organization."""
    prefixes = prefixes_of(normalized)
    wanted = {f"prefix_{place}": prefix for place, prefix in enumerate(prefixes)}
    return [Grant(*row) for row in sql.execute(_covering(len(prefixes)), wanted)]


@lru_cache(maxsize=32)
def _covering(count: int) -> sa.Select[Any]:
    """For so many prefixes: a list of any length is compiled again at each use, and every request asks this."""
    prefixes: list[sa.BindParameter[str]] = [sa.bindparam(f"prefix_{place}") for place in range(count)]
    return _GRANTS.where(namespace.c.prefix.in_(prefixes)).order_by(namespace.c.prefix)


def all_grants(sql: Connection) -> list[Grant]:
    """Every namespace, by prefix."""
    return [Grant(*row) for row in sql.execute(_GRANTS.order_by(namespace.c.prefix))]


def projects_inside(sql: Connection, prefix: str) -> list[str]:
    """The normalised names of all projects that a namespace covers, deleted and private ones too."""
    return list(
        sql.execute(
            sa.select(project.c.normalized)
            .where(
                sa.or_(project.c.normalized == prefix, project.c.normalized.startswith(f"{prefix}-", autoescape=True))
            )
            .order_by(project.c.normalized)
        ).scalars()
    )
