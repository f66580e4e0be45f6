"""The operators' page of mail domains: what waits for them, what was seen, and whose address is lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup
from starlette.responses import Response

from customhouse.accounts.lost_address import REASONS
from customhouse.index.domains import queries
from customhouse.index.domains.queries import Turn
from customhouse.index.domains.release import Decide, VouchForAddress, decide, vouch_for_address
from customhouse.terms.errors import Rejected
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

DAYS_SHOWN = 90
WIDTH, HEIGHT = 180, 12
WORDS = {
    "redemption": "its registration has run out and was not renewed",
    "gone": "it no longer exists",
    "no-mail": "it takes no mail any more",
    "registered-again": "it was registered anew after one of its addresses was verified",
    "restoring": "its registration had lapsed and is being restored",
    "on-hold": "its registry has it on hold",
    "expired": "its registration has run out",
    "odd-date": "its registry says that it will be registered in the future",
    "moved": "all its name servers or mail hosts are new",
}
_STRIP = Markup(
    '<svg class="chart strip" role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    "<title>{title}</title>{bars}</svg>"
)
_BAR = Markup('<rect class="{kind}" x="{x}" y="0" width="{width}" height="{height}"/>')
_KINDS = {"fine": "pale", "new": "rest", "suspicious": "warned", "waiting": "solid", "lost": "solid"}


def domain_doors() -> list[Door]:
    """The doors of mail domains."""
    return [
        door("GET", "/admin/domains/", domains_page, Permission.ADMIN_READ),
        door("POST", "/admin/domains/decide/", decide_domain, Permission.ADMIN_DANGER),
        door("POST", "/admin/domains/vouch/", vouch, Permission.ADMIN_DANGER),
    ]


def domains_page(visit: Visit) -> Response:
    """What waits, what is not as it should be, and whose address is lost."""
    wanted = visit.query.get("q", "").strip()[:100]
    now, settings = visit.app.clock.now(), visit.app.settings
    with visit.app.database.read() as sql:
        standing = queries.overview(sql, now, settings.domain_alarm_days)
        found = queries.domains(sql, wanted=wanted)
        waiting = queries.domains(sql, state="waiting")
        lost = queries.lost_accounts(sql)
    return visit.page(
        "admin_domains.html",
        standing=standing,
        waiting=waiting,
        found=found,
        strips={one.row.name: strip(one.row.first_at, one.turns, now) for one in found},
        lost=lost,
        words=WORDS,
        reasons=REASONS,
        wanted=wanted,
        settings=settings,
    )


def decide_domain(visit: Visit) -> Response:
    """Give the addresses of a domain up, or spare it."""
    choice = visit.field("choice", limit=10)
    if choice not in ("lost", "spare"):
        raise Rejected("bad-choice", "choice", "is neither", "lost or spare")
    name = visit.field("domain", limit=253, required=True)
    count = visit.app.do(decide, Decide(name, choice == "lost", visit.field("reason", limit=500), visit.actor))
    addresses = "1 address is" if count == 1 else f"{count} addresses are"
    said = f"{addresses} given up with {name}." if choice == "lost" else f"{name} is spared for 30 days."
    return visit.go("/admin/domains/", said=said)


def vouch(visit: Visit) -> Response:
    """Say that a lost address is its holder's after all."""
    wish = VouchForAddress(
        visit.field("account", limit=50, required=True), visit.field("reason", limit=500), visit.actor
    )  # fmt: skip
    user = visit.app.do(vouch_for_address, wish)
    return visit.go("/admin/domains/", said=f"{user.name} can verify the address again, by a link.")


def strip(first_at: datetime, turns: Sequence[Turn], now: datetime) -> Markup:
    """How a domain was in the last ninety days, as a line of coloured pieces, with the words in its title."""
    begin = now - timedelta(days=DAYS_SHOWN)
    moments = [Turn(first_at, "new", ""), *turns]
    ends = [one.at for one in moments[1:]] + [now]
    scale = WIDTH / (now - begin).total_seconds()
    bars = [_BAR.format(kind="rest", x="0", width=WIDTH, height=HEIGHT)]
    words = []
    for one, end in zip(moments, ends, strict=True):
        left = max((one.at - begin).total_seconds(), 0) * scale
        right = (end - begin).total_seconds() * scale
        if right > left:
            kind = _KINDS.get(one.state, "rest")
            bars.append(_BAR.format(kind=kind, x=f"{left:.1f}", width=f"{right - left:.1f}", height=HEIGHT))
            words.append(f"{one.state} from {one.at:%-d %B %Y}")
    title = f"Its last {DAYS_SHOWN} days: " + (", ".join(words[-8:]) or "nothing known")
    return _STRIP.format(width=WIDTH, height=HEIGHT, title=title, bars=Markup().join(bars))
