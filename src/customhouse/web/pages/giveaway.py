"""Security keys for those who look after critical projects: one's own, and the operators' accounting."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from customhouse.index.giveaway.claim import ClaimKeys, claim_keys
from customhouse.index.giveaway.load import LoadCodes, load_codes
from customhouse.index.giveaway.model import KEYS_EACH, Terms, may_claim, parse_codes, parse_day
from customhouse.index.giveaway.queries import (
    accounting,
    claimants,
    codes_of,
    find_campaign,
    standing,
    standings,
    unknown_campaign,
)
from customhouse.terms.errors import Rejected
from customhouse.terms.numbers import number_of
from customhouse.web.csv_table import csv_answer
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

COLUMNS = (
    "campaign", "begins", "until", "keys_each", "eligible_on", "eligible", "people", "loaded", "claimed", "left",
    "expired",
)  # fmt: skip


def giveaway_doors() -> list[Door]:
    """The doors of the giveaway."""
    return [
        door("GET", "/account/keys/", keys, Permission.ACCOUNT_READ),
        door("POST", "/account/keys/{campaign}/claim/", claim, Permission.ACCOUNT_DANGER),
        door("GET", "/account/keys/{campaign}/", codes, Permission.ACCOUNT_DANGER_FORM),
        door("GET", "/admin/giveaway/", desk, Permission.ADMIN_READ),
        door("POST", "/admin/giveaway/", load, Permission.ADMIN_DANGER),
        door("GET", "/admin/giveaway.csv", accounting_csv, Permission.ADMIN_READ),
        door("GET", "/admin/giveaway/{campaign}/", campaign_page, Permission.ADMIN_READ),
    ]


def keys(visit: Visit) -> Response:
    """Whether I am eligible, and why or why not."""
    now = visit.app.clock.now()
    with visit.app.database.read() as sql:
        mine = standings(sql, visit.me.id, now)
    rows = [(one, may_claim(one, now)) for one in mine]
    return visit.page("keys.html", rows=rows)


def claim(visit: Visit) -> Response:
    """Take my keys."""
    campaign = visit.app.do(claim_keys, ClaimKeys(visit.path["campaign"], visit.me))
    return visit.go(f"/account/keys/{campaign.name}/", said="They are yours. Nobody else can see these codes.")


def codes(visit: Visit) -> Response:
    """The codes that I have claimed, after a fresh proof of who I am."""
    with visit.app.database.read() as sql:
        campaign = find_campaign(sql, visit.path["campaign"])
        if campaign is None:
            raise unknown_campaign(visit.path["campaign"])
        mine = codes_of(visit.app.key, sql, campaign.id, visit.me.id)
        what = standing(sql, campaign, visit.me.id)
    return visit.page("keys_codes.html", campaign=campaign, codes=mine, standing=what)


def desk(visit: Visit) -> Response:
    """What became of all codes, and loading more."""
    now = visit.app.clock.now()
    with visit.app.database.read() as sql:
        rows = accounting(sql, now)
    return visit.page("admin_giveaway.html", rows=rows, now=now, today=now.date(), keys_each=KEYS_EACH)


def load(visit: Visit) -> Response:
    """Load codes."""
    until = visit.field("until", limit=20)
    terms = None
    if title := visit.field("title", limit=120):
        today = visit.app.clock.now().date()
        begins, eligible_on = visit.field("begins", limit=20), visit.field("eligible_on", limit=20)
        terms = Terms(
            title,
            parse_day(begins, "begins") if begins else today,
            parse_day(until, "until"),
            visit.field("redeem", limit=1000),
            parse_day(eligible_on, "eligible_on") if eligible_on else today,
            _number(visit.field("keys", limit=4) or str(KEYS_EACH)),
        )
    wish = LoadCodes(
        visit.field("campaign", limit=60, required=True),
        parse_codes(visit.form.get("codes", "")),
        terms,
        parse_day(until, "until") if until and terms is None else None,
        visit.actor,
    )
    loaded = visit.app.do(partial(load_codes, visit.app.key), wish)
    again = f" {loaded.known} were here already." if loaded.known else ""
    return visit.go("/admin/giveaway/", said=f"Loaded {loaded.new} codes into {loaded.campaign.name}.{again}")


def campaign_page(visit: Visit) -> Response:
    """One campaign: its terms, and who has claimed."""
    now = visit.app.clock.now()
    with visit.app.database.read() as sql:
        campaign = find_campaign(sql, visit.path["campaign"])
        if campaign is None:
            raise unknown_campaign(visit.path["campaign"])
        row = next(one for one in accounting(sql, now) if one.campaign.id == campaign.id)
        people = claimants(sql, campaign.id)
    return visit.page("admin_giveaway_one.html", row=row, people=people, now=now)


def accounting_csv(visit: Visit) -> Response:
    """One line for each campaign."""
    with visit.app.database.read() as sql:
        found = accounting(sql, visit.app.clock.now())
    rows = [
        (
            row.campaign.name, row.campaign.begins_at.date(), row.campaign.until, row.campaign.keys_each,
            row.campaign.eligible_on, row.eligible, row.people, row.loaded, row.claimed, row.left, row.expired,
        )
        for row in found
    ]  # fmt: skip
    return csv_answer(visit, "giveaway", COLUMNS, rows, public=False)


def _number(text: str) -> int:
    number = number_of(text)
    if number is None:
        raise Rejected("bad-keys", "keys", f"{text!r} is no number", "1 to 10")
    return number
