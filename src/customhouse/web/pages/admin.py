"""The operators' desk: what waits, the big switches, networks kept out, accounts, erasures."""

from __future__ import annotations

import sqlalchemy as sa
from starlette.responses import Response

from customhouse.accounts.index_flags import FLAGS, Ban, SetFlag, ban, bans, flags, set_flag
from customhouse.accounts.tables import account
from customhouse.accounts.users import Freeze, SetSiteRole, freeze, set_site_role
from customhouse.catalog import queries
from customhouse.index.domains.queries import overview
from customhouse.index.erase import Erase, erase
from customhouse.infra.tables import job
from customhouse.reports.tables import report_case
from customhouse.terms.names import normalize
from customhouse.web.doors import Door, door
from customhouse.web.facts import unknown_project
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

ACCOUNTS_SHOWN = 100


def admin_doors() -> list[Door]:
    """The doors of the operators' desk."""
    return [
        door("GET", "/admin/", desk, Permission.ACCOUNTS_READ),
        door("POST", "/admin/flags/", turn_flag, Permission.ADMIN_DANGER),
        door("POST", "/admin/bans/", set_ban, Permission.ADMIN_DANGER),
        door("GET", "/admin/accounts/", accounts, Permission.ACCOUNTS_READ),
        door("POST", "/admin/accounts/{account}/freeze/", freeze_account, Permission.ADMIN_DANGER),
        door("POST", "/admin/accounts/{account}/role/", give_role, Permission.ADMIN_DANGER),
        door("GET", "/admin/project/{name}/erase/", erase_form, Permission.ADMIN_DANGER_FORM),
        door("POST", "/admin/project/{name}/erase/", erase_file, Permission.ADMIN_DANGER),
    ]


def desk(visit: Visit) -> Response:
    """What waits, and how the index is set."""
    with visit.app.database.read() as sql:
        waiting = sql.execute(
            sa.select(sa.func.count()).select_from(report_case).where(report_case.c.decided_at.is_(None))
        ).scalar_one()
        parked = sql.execute(sa.select(job.c.name, job.c.last_error).where(job.c.parked_at.is_not(None))).all()
        on, kept_out = flags(sql), bans(sql)
        mail_domains = overview(sql, visit.app.clock.now(), visit.app.settings.domain_alarm_days)
    return visit.page(
        "admin.html",
        mail_domains=mail_domains,
        waiting=waiting,
        parked=parked,
        flags=FLAGS,
        on=on,
        bans=kept_out,
        operates=visit.me.site_role == "operator",
        mail=bool(visit.app.settings.smtp_host),
        breached=visit.app.breached.described,
    )


def turn_flag(visit: Visit) -> Response:
    """Turn one of the big switches."""
    on = visit.field("on") == "yes"
    wish = SetFlag(visit.field("flag", limit=40), on, visit.field("reason", limit=500, required=on), visit.actor)
    visit.app.do(set_flag, wish)
    return visit.go("/admin/", said=f"{wish.flag} is {'on' if on else 'off'}.")


def set_ban(visit: Visit) -> Response:
    """Keep a network out, or let it in again."""
    lift = visit.field("lift") == "yes"
    wish = Ban(visit.field("network", limit=80, required=True), visit.field("reason", limit=500), lift, visit.actor)
    network = visit.app.do(ban, wish)
    return visit.go("/admin/", said=f"{network} is {'let in again' if lift else 'kept out'}.")


def accounts(visit: Visit) -> Response:
    """Accounts, the newest first, or those whose name or address begins with what was asked."""
    wanted = visit.query.get("q", "").strip()[:100]
    query = sa.select(
        account.c.name, account.c.email, account.c.created_at, account.c.frozen_at, account.c.site_role,
        account.c.email_verified_at, account.c.password_changed_at,
    ).order_by(account.c.id.desc()).limit(ACCOUNTS_SHOWN)  # fmt: skip
    if wanted:
        query = query.where(
            sa.or_(
                account.c.normalized.startswith(wanted.lower(), autoescape=True),
                account.c.email.startswith(wanted, autoescape=True),
            )
        )
    with visit.app.database.read() as sql:
        rows = sql.execute(query).all()
    return visit.page("admin_accounts.html", rows=rows, wanted=wanted, operates=visit.me.site_role == "operator")


def freeze_account(visit: Visit) -> Response:
    """Freeze an account, or thaw it."""
    thaw = visit.field("thaw") == "yes"
    wish = Freeze(visit.path["account"], visit.field("reason", limit=500, required=True), thaw, visit.actor)
    user = visit.app.do(freeze, wish)
    return visit.go("/admin/accounts/", said=f"{user.name} is {'thawed' if thaw else 'frozen'}.")


def give_role(visit: Visit) -> Response:
    """Make an account operator, support, or neither."""
    user = visit.app.do(set_site_role, SetSiteRole(visit.path["account"], visit.field("role", limit=20), visit.actor))
    return visit.go(
        "/admin/accounts/", said=f"The role of {user.name} is set, and all sessions of the account are over."
    )


def erase_form(visit: Visit) -> Response:
    """Which file, and why for ever."""
    name = normalize(visit.path["name"])
    with visit.app.database.read() as sql:
        found = queries.find_project(sql, name)
        if found is None:
            raise unknown_project(name)
        files = [row.filename for row in queries.files_of(sql, found.id) if row.erased_at is None]
    return visit.page("admin_erase.html", project=found, files=files)


def erase_file(visit: Visit) -> Response:
    """Erase the bytes of a file for ever."""
    name = normalize(visit.path["name"])
    wish = Erase(
        name,
        filename=visit.field("filename", limit=500),
        reason=visit.field("reason", limit=1000),
        reference=visit.field("reference", limit=300),
        typed=visit.form.get("typed", "")[:600],
        by=visit.actor,
    )
    visit.app.do(erase, wish)
    visit.app.renderer.render_after_commit(name)
    return visit.go(f"/manage/project/{name}/", said=f"{wish.filename} is erased. Its bytes go within a minute.")
