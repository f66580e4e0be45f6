"""Claiming one's keys: once for each person and campaign, a whole set or nothing."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from customhouse.accounts.users import User
from customhouse.index.giveaway.events import KeysClaimed
from customhouse.index.giveaway.model import Campaign, may_claim
from customhouse.index.giveaway.queries import find_campaign, standing, unknown_campaign
from customhouse.index.giveaway.tables import giveaway_claim, giveaway_code
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Broken, Refused


@dataclass(frozen=True, slots=True)
class ClaimKeys:
    """Somebody's wish for his keys of a campaign."""

    campaign: str
    user: User


def claim_keys(command: ClaimKeys, tx: Tx) -> Campaign:
    """Give somebody his codes. Claims of one campaign wait for each other, so no code goes to two people."""
    campaign = find_campaign(tx.sql, command.campaign, lock=True)
    if campaign is None:
        raise unknown_campaign(command.campaign)
    if (refusal := may_claim(standing(tx.sql, campaign, command.user.id), tx.now())) is not None:
        raise refusal
    user = command.user
    new = insert_new(tx.sql, giveaway_claim, campaign_id=campaign.id, account_id=user.id, claimed_at=tx.now())
    if new is None:
        raise Refused("already-claimed", "You have claimed your keys of this campaign.", status=409)
    free = giveaway_code.c.campaign_id == campaign.id, giveaway_code.c.account_id.is_(None)
    chosen = sa.select(giveaway_code.c.id).where(*free).order_by(giveaway_code.c.id).limit(campaign.keys_each)
    ids = list(tx.sql.execute(chosen).scalars())
    given = tx.sql.execute(
        giveaway_code.update().where(giveaway_code.c.id.in_(ids), *free).values(account_id=user.id)
    ).rowcount
    if given != campaign.keys_each:
        raise Broken(f"The giveaway {campaign.name!r} gave {given} codes instead of {campaign.keys_each}.")
    tx.record(
        KeysClaimed(user.identity, None, campaign=campaign.name, title=campaign.title, keys=given, user_id=str(user.id))
    )
    return campaign
