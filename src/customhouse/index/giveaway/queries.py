"""Looking at campaigns: their terms, their accounting, what they are to one person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import account
from customhouse.catalog import rights
from customhouse.index.giveaway.codes import SealedCode, open_code
from customhouse.index.giveaway.model import Campaign, Standing
from customhouse.index.giveaway.tables import giveaway_campaign, giveaway_claim, giveaway_code, giveaway_eligible
from customhouse.terms.errors import Refused

_CAMPAIGN = sa.select(
    giveaway_campaign.c.id, giveaway_campaign.c.name, giveaway_campaign.c.title, giveaway_campaign.c.begins_at,
    giveaway_campaign.c.ends_at, giveaway_campaign.c.keys_each, giveaway_campaign.c.redeem,
    giveaway_campaign.c.eligible_on, giveaway_campaign.c.drawn_at,
)  # fmt: skip
_FREE = sa.select(sa.func.count()).where(
    giveaway_code.c.campaign_id == sa.bindparam("campaign"), giveaway_code.c.account_id.is_(None)
)


@dataclass(frozen=True, slots=True)
class Account:
    """The accounting of one campaign, in codes: what was loaded is claimed, left, or expired with the campaign."""

    campaign: Campaign
    eligible: int
    """People who may claim."""
    people: int
    """Who have."""
    loaded: int
    claimed: int
    left: int
    expired: int


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who has claimed, and when."""

    name: str
    claimed_at: datetime
    keys: int


@dataclass(frozen=True, slots=True)
class Held:
    """How many codes of a campaign somebody has, and how many he should have: a whole set if he has claimed."""

    campaign: str
    account_id: int
    codes: int
    due: int


def campaigns(sql: Connection) -> list[Campaign]:
    """All campaigns, those that end last first."""
    rows = sql.execute(_CAMPAIGN.order_by(giveaway_campaign.c.ends_at.desc(), giveaway_campaign.c.id.desc()))
    return [Campaign(*row) for row in rows]


def find_campaign(sql: Connection, name: str, *, lock: bool = False) -> Campaign | None:
    """The campaign of that name; ``lock`` keeps rivals for its codes waiting until commit."""
    query = _CAMPAIGN.where(giveaway_campaign.c.name == name)
    row = sql.execute(query.with_for_update() if lock else query).one_or_none()
    return Campaign(*row) if row is not None else None


def unknown_campaign(name: str) -> Refused:
    """There is no such campaign."""
    return Refused("unknown-campaign", f"There is no giveaway {name[:60]!r} here.", status=404)


def accounting(sql: Connection, now: datetime) -> list[Account]:
    """What became of the codes of every campaign."""
    codes = _counts(sql, giveaway_code.c.campaign_id, giveaway_code)
    claimed = _counts(sql, giveaway_code.c.campaign_id, giveaway_code, giveaway_code.c.account_id.is_not(None))
    people = _counts(sql, giveaway_claim.c.campaign_id, giveaway_claim)
    eligible = _counts(sql, giveaway_eligible.c.campaign_id, giveaway_eligible)
    found = []
    for campaign in campaigns(sql):
        loaded, taken = codes.get(campaign.id, 0), claimed.get(campaign.id, 0)
        over = campaign.is_over(now)
        found.append(
            Account(
                campaign, eligible.get(campaign.id, 0), people.get(campaign.id, 0), loaded, taken,
                0 if over else loaded - taken, loaded - taken if over else 0,
            )
        )  # fmt: skip
    return found


def claimants(sql: Connection, campaign_id: int) -> list[Claimant]:
    """Who has claimed, the latest first."""
    keys = (
        sa.select(giveaway_code.c.account_id, sa.func.count().label("number"))
        .where(giveaway_code.c.campaign_id == campaign_id)
        .group_by(giveaway_code.c.account_id)
        .subquery()
    )
    rows = sql.execute(
        sa.select(account.c.name, giveaway_claim.c.claimed_at, keys.c.number)
        .join(account, account.c.id == giveaway_claim.c.account_id)
        .join(keys, keys.c.account_id == giveaway_claim.c.account_id)
        .where(giveaway_claim.c.campaign_id == campaign_id)
        .order_by(giveaway_claim.c.claimed_at.desc(), account.c.id)
    )
    return [Claimant(*row) for row in rows]


def standings(sql: Connection, account_id: int, now: datetime) -> list[Standing]:
    """What every campaign is to somebody, except those that are over and that he took no part in."""
    found = [standing(sql, campaign, account_id) for campaign in campaigns(sql)]
    return [one for one in found if one.claimed_at is not None or not one.campaign.is_over(now)]


def standing(sql: Connection, campaign: Campaign, account_id: int) -> Standing:
    """What a campaign is to somebody."""
    mine = giveaway_claim.c.campaign_id == campaign.id, giveaway_claim.c.account_id == account_id
    claimed_at = sql.execute(sa.select(giveaway_claim.c.claimed_at).where(*mine)).scalar()
    verified = sa.select(account.c.email_verified_at).where(account.c.id == account_id, account.c.email != "")
    return Standing(
        campaign,
        critical_projects_of(sql, campaign, account_id),
        sql.execute(verified).scalar() is not None,
        claimed_at,
        sql.execute(_FREE, {"campaign": campaign.id}).scalar_one(),
    )


def critical_projects_of(sql: Connection, campaign: Campaign, account_id: int) -> tuple[str, ...]:
    """For which critical projects somebody may take part: as noted, or as things are now before that."""
    if campaign.drawn_at is None:
        return tuple(one.normalized for one in rights.critical_projects(sql) if account_id in one.people)
    noted = sql.execute(
        sa.select(giveaway_eligible.c.projects).where(
            giveaway_eligible.c.campaign_id == campaign.id, giveaway_eligible.c.account_id == account_id
        )
    ).scalar()
    return tuple(noted or ())


def codes_of(key: ServerKey, sql: Connection, campaign_id: int, account_id: int) -> list[str]:
    """The codes that somebody has claimed, for his eyes only."""
    rows = sql.execute(
        sa.select(giveaway_code.c.code_hash, giveaway_code.c.sealed)
        .where(giveaway_code.c.campaign_id == campaign_id, giveaway_code.c.account_id == account_id)
        .order_by(giveaway_code.c.id)
    )
    return [open_code(key, SealedCode(row.code_hash, row.sealed)) for row in rows]


def codes_held(sql: Connection) -> list[Held]:
    """Whoever has claimed or has a code."""
    due = {(row.campaign_id, row.account_id) for row in sql.execute(sa.select(giveaway_claim))}
    taken = sa.select(giveaway_code.c.campaign_id, giveaway_code.c.account_id, sa.func.count().label("codes"))
    taken = taken.where(giveaway_code.c.account_id.is_not(None))
    rows = sql.execute(taken.group_by(giveaway_code.c.campaign_id, giveaway_code.c.account_id))
    codes = {(row.campaign_id, row.account_id): int(row.codes) for row in rows}
    known = {one.id: one for one in campaigns(sql)}
    return [
        Held(known[campaign].name, person, codes.get((campaign, person), 0),
             known[campaign].keys_each if (campaign, person) in due else 0)
        for campaign, person in sorted(due | codes.keys())
    ]  # fmt: skip


def keys_given(sql: Connection) -> int:
    """How many keys have been claimed here, in all campaigns."""
    query = sa.select(sa.func.count()).where(giveaway_code.c.account_id.is_not(None))
    return int(sql.execute(query).scalar_one())


def _counts(sql: Connection, by: sa.Column[int], table: sa.Table, *where: sa.ColumnElement[bool]) -> dict[int, int]:
    query = sa.select(by, sa.func.count()).select_from(table).where(*where).group_by(by)
    return {row[0]: row[1] for row in sql.execute(query)}
