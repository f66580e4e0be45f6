"""Noting who may take part: the owners and maintainers of the critical projects of one day.

The list is made once, so that nobody becomes eligible by being added to a project when the giveaway is known.
"""

from __future__ import annotations

import sqlalchemy as sa

from customhouse.catalog import rights
from customhouse.index.giveaway.events import EligibleDrawn
from customhouse.index.giveaway.model import Campaign
from customhouse.index.giveaway.queries import campaigns
from customhouse.index.giveaway.tables import giveaway_campaign, giveaway_eligible
from customhouse.ledger.tx import Tx
from customhouse.terms.identity import SYSTEM


def draw_due(_nothing: None, tx: Tx) -> int:
    """Make the lists whose day has come; running it again finds them made. Returns how many were made."""
    today = tx.now().date()
    due = [one for one in campaigns(tx.sql) if one.drawn_at is None and one.eligible_on <= today]
    return sum(draw_campaign(one, tx) for one in due)


def draw_campaign(campaign: Campaign, tx: Tx) -> bool:
    """Make the list of one campaign, unless somebody else just has."""
    mine = tx.sql.execute(
        giveaway_campaign.update()
        .where(giveaway_campaign.c.id == campaign.id, giveaway_campaign.c.drawn_at.is_(None))
        .values(drawn_at=tx.now())
    ).rowcount
    if not mine:
        return False
    projects: dict[int, list[str]] = {}
    for one in rights.critical_projects(tx.sql):
        for account_id in one.people:
            projects.setdefault(account_id, []).append(one.normalized)
    rows = [
        {"campaign_id": campaign.id, "account_id": account_id, "projects": names}
        for account_id, names in sorted(projects.items())
    ]
    if rows:
        tx.sql.execute(sa.insert(giveaway_eligible), rows)
    tx.record(EligibleDrawn(SYSTEM, None, campaign=campaign.name, people=len(rows)))
    return True
