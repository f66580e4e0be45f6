"""The operators' pages of names and limits: prohibited names, namespaces, quotas."""

from __future__ import annotations

from starlette.responses import Response

from customhouse.app import limits_of
from customhouse.catalog import namespaces, quotas
from customhouse.formats.sizes import parse_size
from customhouse.index.namespaces import GrantNamespace, RevokeNamespace, grant_namespace, revoke_namespace
from customhouse.index.prohibited import Allow, Prohibit, allow, prohibit, prohibited_names
from customhouse.index.quotas import GrantQuota, grant_quota
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def name_doors() -> list[Door]:
    """The doors of names and limits."""
    read, write = Permission.ADMIN_READ, Permission.ADMIN_WRITE
    return [
        door("GET", "/admin/names/", names, read),
        door("POST", "/admin/names/prohibit/", prohibit_name, write),
        door("POST", "/admin/names/allow/", allow_name, write),
        door("POST", "/admin/namespaces/grant/", grant, write),
        door("POST", "/admin/namespaces/revoke/", revoke, write),
        door("GET", "/admin/quotas/", limits, read),
        door("POST", "/admin/quotas/", set_limits, write),
    ]


def names(visit: Visit) -> Response:
    """What nobody may have, and what is kept for organizations."""
    with visit.app.database.read() as sql:
        prohibited = prohibited_names(sql)
        grants = [(grant, len(namespaces.projects_inside(sql, grant.prefix))) for grant in namespaces.all_grants(sql)]
    return visit.page("admin_names.html", prohibited=prohibited, grants=grants)


def prohibit_name(visit: Visit) -> Response:
    """Prohibit a name."""
    command = Prohibit(visit.field("name", limit=100, required=True), visit.field("reason", limit=1000), visit.actor)
    name = visit.app.do(prohibit, command)
    return visit.go("/admin/names/", said=f"Nobody may have the name {name}.")


def allow_name(visit: Visit) -> Response:
    """Free a prohibited name."""
    command = Allow(visit.field("name", limit=100, required=True), visit.field("reason", limit=1000), visit.actor)
    name = visit.app.do(allow, command)
    return visit.go("/admin/names/", said=f"The name {name} is free.")


def grant(visit: Visit) -> Response:
    """Grant a namespace to an organization."""
    command = GrantNamespace(
        visit.field("prefix", limit=100, required=True), visit.field("organization", limit=50, required=True),
        visit.actor,
    )  # fmt: skip
    made = visit.app.do(grant_namespace, command)
    return visit.go("/admin/names/", said=f"{made.prefix} is for {made.organization} from now on.")


def revoke(visit: Visit) -> Response:
    """Take a namespace back."""
    gone = visit.app.do(revoke_namespace, RevokeNamespace(visit.field("prefix", limit=100), visit.actor))
    return visit.go("/admin/names/", said=f"{gone.prefix} is for everybody again.")


def limits(visit: Visit) -> Response:
    """What was granted beyond the index's own limits."""
    with visit.app.database.read() as sql:
        rows = quotas.granted(sql)
    return visit.page("admin_quotas.html", rows=rows, defaults=limits_of(visit.app.settings))


def set_limits(visit: Visit) -> Response:
    """Grant a project or an organization other limits; empty fields mean the index's own."""
    file_size, project_size = visit.field("file_size", limit=40), visit.field("project_size", limit=40)
    command = GrantQuota(
        visit.field("project", limit=100),
        visit.field("organization", limit=50),
        parse_size(file_size, where="file_size") if file_size else None,
        parse_size(project_size, where="project_size") if project_size else None,
        visit.field("reason", limit=1000),
        visit.app.settings.upload_limit_bytes,
        visit.actor,
    )
    name = visit.app.do(grant_quota, command)
    return visit.go("/admin/quotas/", said=f"The limits of {name} are set.")
